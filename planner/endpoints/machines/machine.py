"""What endpoints on a virtual machine have in common, whichever cloud rents it out.

The machine tells how far it is in lines of its console that begin with ``planner:``; no way in
is needed to read them.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from planner.bundled import deploy_templates
from planner.clouds import settings
from planner.endpoints.deploying import containers
from planner.endpoints.deploying.preflight import Finding, Status, good, short_of_quota
from planner.endpoints.interface import LogLine
from planner.endpoints.watching import failures
from planner.errors import CloudError, PlannerError, UsageError
from planner.pricing import instance_types
from planner.quotas import checking
from planner.quotas.model import Demand, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from planner.endpoints.interface import Context
    from planner.endpoints.model import DeploymentSpec

READY, FAILED = "ready", "failed"
PROVISION_S = 900
"""How long a machine may take until it starts vLLM, beside the time that vLLM may take."""
_MARK = "planner: "


def stage(console: list[str]) -> str:
    """Return how far a machine has come by its own words; ``ready`` in the end."""
    marks = [line.partition(_MARK)[2] for line in console if _MARK in line]
    if not marks:
        return "starting the machine"
    if any(mark == READY for mark in marks) and not marks[-1].startswith(FAILED):
        return READY
    last = marks[-1].removeprefix("stage: ")
    return failures.stage_of(console) if last == "starting vLLM" else last


def follow(
    spec: DeploymentSpec,
    context: Context,
    *,
    console: Callable[[], list[str]],
    stopped: Callable[[], str],
) -> None:
    """Return when the machine serves the model.

    Args:
        spec: What it was made of.
        context: How to wait, and whom to tell.
        console: Returns what the machine has written so far.
        stopped: Returns why the machine does not run any more; empty where it does.

    Raises:
        CloudError: It failed, is gone, or takes too long; with the telling lines.
    """
    deadline = time.monotonic() + spec.startup_timeout_s + PROVISION_S
    seen = 0
    while True:
        ended = stopped()
        lines = console()
        now = stage(lines)
        context.progress(now, lines[seen:])
        seen = len(lines)
        if now == READY:
            return
        if now.startswith(FAILED):
            raise _failure(spec, now, lines)
        if ended:
            raise _failure(spec, ended, lines)
        if time.monotonic() > deadline:
            raise _failure(spec, f"not ready in time: still {now}", lines)
        context.interruption.pause(context.pace.poll_s)


def log(console: list[str], stream: str) -> list[LogLine]:
    """Return the console as log lines; it carries no times of its own, so all have now's."""
    now = settings.now()
    return [LogLine(now, line, stream) for line in console]


def vllm_arguments(spec: DeploymentSpec, host: str, port: int) -> list[str]:
    """Return the arguments of vLLM, one a line of the file they go into."""
    flags = containers.vllm_flags(spec.plan, spec.weights, spec.context)
    return [
        *(part for name, value in flags.items() for part in (f"--{name}", value)),
        *("--host", host, "--port", str(port)),
    ]


def user_data(template: str, **values: object) -> str:
    """Return the cloud-init of a machine.

    Args:
        template: Name of the file in ``deploy_templates/cloud-init``.
        values: What it is filled with; a value that is missing is an error.
    """
    from jinja2 import Environment, StrictUndefined

    source = (deploy_templates() / "cloud-init" / template).read_text(encoding="utf-8")
    # It is YAML and shell, not HTML.
    # Bash's own ${#array} must not begin a comment of the template.
    environment = Environment(  # noqa: S701
        undefined=StrictUndefined, keep_trailing_newline=True, comment_start_string="<!--#"
    )
    return environment.from_string(source).render(values)


def quota(spec: DeploymentSpec, *, spot: bool) -> Finding:
    """Look whether the quotas of the machine are large enough."""
    plan = spec.plan
    item = instance_types.bundled().find(plan.service, plan.instance_type)
    if item is None:
        return Finding("quota", Status.UNKNOWN, f"no quota is known for {plan.instance_type}")
    (result,) = checking.check([Demand.of_plan(plan, item, spot=spot)])
    if result.verdict is Verdict.UNKNOWN:
        return Finding("quota", Status.UNKNOWN, result.reason, result.advice)
    if result.verdict is Verdict.SHORT:
        return short_of_quota(result.reason, plan, result)
    return good("quota", result.reason or "enough")


def guard(spec: DeploymentSpec, place: str, expiry: str) -> Finding:
    """Look whether more is asked for than a single machine with an expiry.

    Args:
        spec: What is asked for.
        place: What the service is called: ``Compute Engine``.
        expiry: What guards the endpoint there.
    """
    if spec.guard.kinds or spec.plan.instances > 1:
        return Finding(
            "guard",
            Status.BAD,
            f"alarms, budgets, autoscaling and more than one machine are not set up on {place}",
            "leave --idle, --budget, --max-instances and --instances out; --max-hourly and "
            "--expires hold the cost",
            UsageError,
        )
    return good("guard", expiry)


def _failure(spec: DeploymentSpec, why: str, console: list[str]) -> PlannerError:
    found = failures.diagnose(why, console, model=spec.plan.model, name=spec.name)
    known = found.text if found.cause != "unknown" else why
    return CloudError(
        f"{spec.name} failed to start: {known}",
        code=found.cause,
        why="\n".join([found.reason, *(f"log: {line}" for line in found.lines)]),
        advice=found.advice.replace("--to sagemaker", f"--to {spec.plan.service}"),
    )
