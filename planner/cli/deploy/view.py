"""What ``planner deploy`` shows: the plan, the progress, the result."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

import click

from planner.cli.output import console, note
from planner.endpoints.deploying.choices import Attempt, Observers, Outcome, Prepared
from planner.endpoints.deploying.lifecycle import Phase
from planner.endpoints.deploying.places import reason
from planner.endpoints.deploying.preflight import Status
from planner.endpoints.machines.secrets import of as secrets_of
from planner.endpoints.watching import locate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from planner.endpoints.deploying.interruption import Interruption
    from planner.endpoints.model import DeploymentSpec
    from planner.plan import Plan

_MINUTE_S = 60
_SERVICES = {
    "sagemaker": "SageMaker",
    "ec2": "EC2",
    "gce": "Compute Engine",
    "azure-vm": "Azure",
}
_EXPIRES_BY = {
    "sagemaker": "EventBridge Scheduler",
    "ec2": "EventBridge Scheduler",
    "gce": "Compute Engine's own run time",
    "azure-vm": "a Logic App",
}
_SIGNS = {
    Status.GOOD: ("ok", "green"),
    Status.WARNING: ("note", "yellow"),
    Status.UNKNOWN: ("?", "yellow"),
    Status.BAD: ("NO", "bold red"),
}


def show(prepared: Prepared) -> None:
    """Print what would be made, what it costs, and what stands in the way; to stderr."""
    from rich.table import Table
    from rich.text import Text

    out = console(stderr=True)
    facts = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    facts.add_column(style="bold", no_wrap=True)
    facts.add_column(overflow="fold")
    for name, fact in _facts(prepared):
        facts.add_row(name, Text(fact))
    out.print(facts)
    findings = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    findings.add_column(no_wrap=True)
    findings.add_column(no_wrap=True)
    findings.add_column(overflow="fold")
    for item in prepared.findings:
        sign, style = _SIGNS[item.status]
        text = Text(item.text)
        if item.remedy and item.status is not Status.GOOD:
            text.append(
                f"\n-> {item.remedy}", style="green" if item.status is Status.BAD else "dim"
            )
        findings.add_row(Text(sign, style=style), item.check, text)
    out.print()
    out.print(findings)
    out.print()
    if prepared.differences:
        out.print("This would change:", style="bold")
        for name, now, then in prepared.differences:
            out.print(f"  {name}: {now or '(none)'} -> {then or '(none)'}", markup=False)
    if prepared.is_same:
        out.print(f"{prepared.spec.name} is there already with these settings: nothing to make.")


def _facts(prepared: Prepared) -> list[tuple[str, str]]:
    spec = prepared.spec
    plan = spec.plan
    facts = [
        ("Endpoint", f"{spec.name}, {_SERVICES[plan.service]} {spec.region}"),
        ("Model", f"{plan.model} at {plan.precision} ({spec.weights.location})"),
        (
            "Machine",
            (
                f"{plan.instances} x {plan.instance_type} "
                f"({plan.accelerator_count:g}x {plan.accelerator})"
            ),
        ),
        ("Price", _price(plan)),
        ("Layout", _layout(plan)),
        *([("vLLM", spec.container.words)] if spec.container.arguments else []),
        ("Speed", _speed(plan)),
        *([("Access", spec.ingress.words)] if spec.ingress.is_open else []),
        ("Expires", _expiry(_as_it_is(prepared))),
        ("Makes", "nothing: it is there" if prepared.is_same else _makes(spec)),
    ]
    pays = plan.break_even_hours_per_month is not None and plan.pricing_model == "on_demand"
    if pays and plan.committed_1y_monthly_usd is not None:
        hint = (
            f"1 year, {str(plan.committed_1y_kind).replace('_', ' ')}: "
            f"${plan.committed_1y_monthly_usd:,.0f} a month; pays from "
            f"{plan.break_even_hours_per_month:,.0f} hours a month"
        )
        facts.insert(4, ("Committed", hint))
    return facts


def _as_it_is(prepared: Prepared) -> DeploymentSpec:
    """Return the specification with the end that is in force, where nothing is made anew."""
    there = prepared.existing
    if there is None or not prepared.is_same:
        return prepared.spec
    return replace(prepared.spec, expires_at=there.expires_at)


def _price(plan: Plan) -> str:
    if plan.hourly_usd is None:
        return "not known"
    if plan.pricing_model == "spot":
        return (
            f"${plan.hourly_usd:.2f} an hour, spot, as of {plan.spot_as_of}; it moves, and the "
            "cloud may take the machine back at any time"
        )
    return (
        f"${plan.hourly_usd:.2f} an hour, ${plan.on_demand_monthly_usd:,.0f} a month "
        f"(730 h), on demand, as of {plan.as_of}"
    )


def _layout(plan: Plan) -> str:
    """Say how many copies run on a machine, and on how many GPUs each."""
    copies = "1 copy" if plan.replicas == 1 else f"{plan.replicas} copies"
    gpus = plan.tensor_parallel * plan.pipeline_parallel
    held = f"{plan.kv_cache_tokens_low:,} to {plan.kv_cache_tokens_high:,} tokens of cache"
    return f"{copies} of {gpus} GPU{'s' if gpus > 1 else ''}, each with {held}"


def _speed(plan: Plan) -> str:
    if plan.within_targets is False:
        return "too slow for the targets (--ttft, --tpot), even for one request"
    if plan.tokens_per_second is None:
        return "not known"
    speed = (
        f"about {plan.tokens_per_second:,.0f} tokens/s at capacity "
        f"({plan.tokens_per_second_low:,.0f}-{plan.tokens_per_second_high:,.0f}, "
        f"{plan.throughput_basis})"
    )
    if plan.capacity_requests_per_second is None:
        return speed
    return f"{speed}, {plan.capacity_requests_per_second:,.2f} requests/s"


def _expiry(spec: DeploymentSpec) -> str:
    if spec.expires_at is None:
        return "never: it costs money until someone deletes it"
    hours = (spec.expires_at - locate.now(spec.plan.service)).total_seconds() / 3600
    price = spec.plan.hourly_usd
    at_most = f", ${float(price) * hours:,.0f} at most" if price is not None else ""
    return f"{spec.expires_at:%Y-%m-%d %H:%M} UTC, by {_EXPIRES_BY[spec.plan.service]}{at_most}"


def _makes(spec: DeploymentSpec) -> str:
    secrets = [kept.what for kept in secrets_of(spec).values()]
    kept = {"gce": "secret", "ec2": "parameter", "azure-vm": "vault"}.get(spec.plan.service, "")
    stored = "".join(f"{kept} with {what}, " for what in secrets)
    closed = "" if spec.ingress.is_open else "closed "
    if spec.plan.service == "gce":
        return f"{stored}machine with its disk; firewall rules and service account (kept, free)"
    if spec.plan.service == "ec2":
        expiry = "schedule, " if spec.expires_at is not None else ""
        free = f"{closed}security group and roles (kept, free)"
        return f"{stored}{expiry}machine with its disk; {free}"
    if spec.plan.service == "azure-vm":
        expiry = "Logic App (the expiry), " if spec.expires_at is not None else ""
        stored = f"vault with {' and '.join(secrets)}, " if secrets else ""
        return f"resource group with all of it: {expiry}{stored}{closed}network, machine, disk"
    parts = ["model", "endpoint configuration", "endpoint"]
    if spec.guard.to_zero:
        parts += ["inference component", "scaling policies", "alarm that wakes it"]
    if spec.expires_at is not None:
        parts.insert(0, "schedule")
    if not spec.execution_role or (spec.expires_at is not None and not spec.expiry_role):
        parts.insert(0, "missing IAM roles (kept; they cost nothing)")
    return ", ".join(parts)


def plan_record(prepared: Prepared) -> dict[str, Any]:
    """Return the plan as JSON."""
    spec = _as_it_is(prepared)
    return {
        "name": spec.name,
        "cloud": spec.plan.cloud,
        "service": spec.plan.service,
        "region": spec.region,
        "expires_at": spec.expires_at,
        "settings": spec.settings,
        "plan": spec.plan.to_dict(),
        "findings": [
            {"check": f.check, "status": f.status, "text": f.text, "remedy": f.remedy}
            for f in prepared.findings
        ],
        "exists": prepared.existing is not None,
        "unchanged": prepared.is_same,
        "differences": [
            {"setting": name, "now": now, "then": then} for name, now, then in prepared.differences
        ],
    }


def outcome_record(outcome: Outcome) -> dict[str, Any]:
    """Return the result as JSON."""
    spec, reply = outcome.spec, outcome.reply
    return {
        "name": spec.name,
        "cloud": spec.plan.cloud,
        "service": spec.plan.service,
        "region": spec.region,
        "instance_type": spec.plan.instance_type,
        "instances": spec.plan.instances,
        "hourly_usd": spec.plan.hourly_usd,
        "expires_at": spec.expires_at,
        "changed": outcome.changed,
        "answered": reply is not None,
        "answer": reply.text if reply else None,
        "tokens": reply.tokens if reply else None,
        "tokens_per_second": reply.tokens_per_second if reply else None,
        "time_to_first_token_s": reply.first_token_s if reply else None,
        "attempts": [attempt_record(item) for item in outcome.attempts],
    }


def attempt_record(attempt: Attempt) -> dict[str, Any]:
    """Return a place where the endpoint is not, and why, as JSON."""
    plan = attempt.plan
    return {
        "service": plan.service,
        "region": plan.region,
        "instance_type": plan.instance_type,
        "hourly_usd": plan.hourly_usd,
        "result": str(attempt.result),
        "why": reason(attempt),
        "advice": attempt.error.advice,
        "seconds": round(attempt.seconds, 1),
    }


def usual_time(prepared: Prepared) -> str:
    """Say how long a start takes: as measured from this machine before, else at most."""
    typical = prepared.typical_s
    if typical and typical > _MINUTE_S:
        return f"usually {typical / 60:.0f} min"
    return f"up to {prepared.spec.startup_timeout_s / 60:.0f} min"


class Progress:
    """Shows steps and stages with the time they take; to stderr.

    Args:
        usual: How long it takes, in words; empty where not known.

    Where nobody reads any more (a closed pipe) it interrupts, because what goes on unseen may
    cost money unseen; it never raises, as a rollback may be under way.
    """

    def __init__(self, usual: str = "") -> None:
        self._when_gone: Callable[[], None] = lambda: None
        self._gone = False
        self._started = time.monotonic()
        self._stage = ""
        self._status: Any = None
        self._usual = usual
        self.observers = Observers(
            step=self._step, stage=self._show, attempt=self._attempt, waiting=self._waiting
        )

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            self._status = console(stderr=True).status("")
            self._status.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._status is not None:
            self._status.stop()

    def watch(self, interruption: Interruption) -> None:
        """Interrupt when nobody reads any more."""
        self._when_gone = lambda: interruption.request("because its output is closed")

    def say(self, text: str) -> None:
        """Say something at once; safe in a signal handler."""
        self._write(lambda: click.echo(f"\n{text}", err=True))

    def _step(self, phase: Phase, title: str, detail: str) -> None:
        del detail
        words = {
            Phase.STARTED: f"... {title}",
            Phase.UNDOING: f"rolling back: {title}",
            Phase.NOT_UNDONE: f"could not roll back: {title}",
        }
        if phase in words:
            self._line(words[phase])

    def _show(self, stage: str, lines: Sequence[str]) -> None:
        del lines
        if self._status is not None:
            times = ", ".join(filter(None, [self._elapsed(), self._usual]))
            self._status.update(f"{stage} [{times}]".replace("[", "\\["))
        if stage != self._stage:
            self._stage = stage
            self._line(f"    {stage}")

    def _attempt(self, attempt: Attempt) -> None:
        plan = attempt.plan
        self._line(
            f"{attempt.result}: {plan.instance_type} in {plan.region} ({plan.service}): "
            f"{reason(attempt)}"
        )

    def _waiting(self, seconds: float) -> None:
        self._line(f"no place has room; again in {seconds / 60:.0f} min, nothing runs until then")

    def _line(self, text: str) -> None:
        self._write(lambda: note(f"{self._elapsed():>6}  {text}"))

    def _write(self, write: Callable[[], None]) -> None:
        if self._gone:
            return
        try:
            write()
        except OSError:
            self._gone = True
            self._when_gone()

    def _elapsed(self) -> str:
        minutes, seconds = divmod(int(time.monotonic() - self._started), 60)
        return f"{minutes}:{seconds:02d}"
