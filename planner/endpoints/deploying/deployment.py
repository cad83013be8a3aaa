"""Deploy: from a question to an endpoint that has answered, or to nothing at all."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import timedelta
from statistics import median
from typing import TYPE_CHECKING

from planner.clouds import settings
from planner.endpoints import api_keys
from planner.endpoints.deploying import (
    access,
    containers,
    lifecycle,
    plan_checks,
    preflight,
    proving,
)
from planner.endpoints.deploying.choices import (
    DEFAULT_LIFE,
    Attempt,
    Observers,
    Options,
    Outcome,
    Prepared,
)
from planner.endpoints.interface import Context, Pace
from planner.endpoints.model import DeploymentSpec, State
from planner.endpoints.watching import waiting
from planner.endpoints.watching.guard import GuardProof
from planner.errors import CloudError, OutOfTouchError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from planner.endpoints.deploying.interruption import Interruption
    from planner.endpoints.deploying.preflight import Finding
    from planner.endpoints.interface import EndpointAdapter
    from planner.endpoints.model import Container, Endpoint
    from planner.endpoints.talking.client import Reply
    from planner.ledger import Ledger
    from planner.plan import Plan

__all__ = [
    "DEFAULT_LIFE",
    "Attempt",
    "Observers",
    "Options",
    "Outcome",
    "Prepared",
    "check_name",
    "deploy",
    "forget",
    "prepare",
    "specify",
    "typical_start_s",
]

_FILLED_BY_ITSELF = {"quota", "reservation"}
_MAKING_TIME = timedelta(minutes=15)


def specify(
    plan: Plan,
    options: Options,
    *,
    now: datetime | None = None,
    container_for: Callable[..., Container] = containers.container_for,
) -> DeploymentSpec:
    """Return what a plan and the user's choices come to.

    Args:
        plan: What is to run, and where.
        options: What the user chose beside it.
        now: From when on the expiry counts.
        container_for: The adapter's ``container``; SageMaker's by default.

    Raises:
        UsageError: The choices do not make sense for the plan.
        NotFoundError: There is no image for it in the region.
    """
    model = containers.model_of(plan)
    weights = containers.weights_for(model, plan.precision, options.weights)
    context = options.context or plan.context or min(4096, model.max_context)
    many = plan_checks.times_instances(plan, options.instances)
    container = container_for(
        many,
        weights,
        engine=options.engine,
        context=context,
        machine_image=options.machine_image,
        arguments=options.engine_arguments,
    )
    moment = (now or settings.now()).replace(microsecond=0)
    return DeploymentSpec(
        name=options.name or plan.model.replace(".", "-").replace("_", "-"),
        plan=many,
        weights=weights,
        container=container,
        owner=options.owner,
        context=context,
        run=secrets.token_hex(4),
        execution_role=options.role,
        expires_at=None if options.life is None else moment + options.life,
        startup_timeout_s=containers.startup_timeout_s(weights),
        volume_gb=containers.volume_gb(plan.instance_type, weights),
        reservation=options.reservation,
        ingress=options.ingress,
        api_key=api_keys.new() if options.ingress.is_open else None,
        guard=options.guard,
    )


def prepare(
    plan: Plan,
    options: Options,
    adapter: EndpointAdapter,
    ledger: Ledger,
    *,
    may_create_roles: bool = False,
) -> Prepared:
    """Look at everything that could stand in the way; nothing is made.

    Raises:
        AccessError: Nobody is signed in.
    """
    spec = specify(plan, options, container_for=adapter.container)
    plan_checks.reservation(spec, taken=adapter.takes_reservations)
    plan_checks.ingress(spec, adapter.access_modes)
    check_name(spec.name, adapter.longest_name)
    spec = adapter.prepare(spec, create_roles=False)
    token = access.token_for(spec.weights, secret_name=options.token_secret, region=spec.region)
    spec = replace(spec, token=token)
    model = containers.model_of(plan)
    own = [
        preflight.Check("fit", lambda: plan_checks.fit(spec)),
        preflight.Check("machine", lambda: plan_checks.machine(spec)),
        preflight.Check("price", lambda: plan_checks.price(spec, options.max_hourly)),
        *access.checks(spec, model, accepted=options.accept_license),
    ]
    if adapter.tunnel_programs and not settings.current().simulated:
        programs, wait = adapter.tunnel_programs, options.wait
        own.append(preflight.Check("tunnel", lambda: plan_checks.tunnel(programs, wait=wait)))
    may_create = may_create_roles or options.create_roles
    findings = preflight.run([*own, *adapter.checks(spec, may_create_roles=may_create)])
    existing = _existing(spec, adapter, findings)
    if existing is not None and existing.settings_hash == spec.settings_hash:
        # Its own machines are what fills the quota, or the reservation.
        findings = [item for item in findings if item.check not in _FILLED_BY_ITSELF]
    return Prepared(
        spec=spec,
        findings=tuple(findings),
        existing=existing,
        differences=_differences(spec, existing, adapter),
        typical_s=typical_start_s(ledger, spec),
        may_create_roles=may_create,
    )


def deploy(
    prepared: Prepared,
    adapter: EndpointAdapter,
    ledger: Ledger,
    interruption: Interruption,
    *,
    options: Options,
    observers: Observers | None = None,
    finish: Callable[[], str] | None = None,
) -> Outcome:
    """Make the endpoint, prove that it answers, or leave nothing behind.

    Args:
        prepared: What to make, with what was found out about it.
        adapter: Of its service.
        ledger: Where everything is recorded before it is made.
        interruption: The user's Ctrl-C.
        options: What the user chose beside the plan.
        observers: Who is told.
        finish: Called once it has answered, to return an empty text; if it raises, all is rolled
            back.

    Raises:
        PreflightError: Something stands in the way; nothing was made.
        PlannerError: It failed and was rolled back.
        InterruptedByUserError: The user interrupted; it was rolled back.
    """
    seen = observers or Observers()
    preflight.require(prepared.findings)
    if options.instances < 1:
        raise UsageError("--instances must be at least 1")
    existing = prepared.existing
    if existing is not None and prepared.is_same:
        there = _as_it_runs(prepared)
        context = Context(interruption=interruption, progress=seen.stage, pace=Pace.current())
        reply = proving.follow(there.awaited, adapter, context) if options.wait else None
        return Outcome(there, changed=False, reply=reply)
    spec = adapter.prepare(prepared.spec, create_roles=prepared.may_create_roles)
    context = Context(interruption=interruption, progress=seen.stage, pace=Pace.current())
    if existing is not None and not prepared.is_update and not _may_be_of_another_run(existing):
        # It failed, or only free parts are left: out of the way with it.
        adapter.remove(existing, context)
        forget(ledger, existing)
    steps = (
        adapter.update_steps(spec, existing, context)
        if existing is not None and prepared.is_update
        else adapter.steps(spec, context)
    )
    # An update keeps the end that it has until it stands: a new one that would fail ends nothing.
    if spec.expires_at is not None and not prepared.is_update:
        steps.append(_guard_step(spec, adapter, context))
    proof: list[Reply] = []
    if options.wait:
        steps += _proof(spec, adapter, context, proof)
    if finish is not None:
        steps.append(lifecycle.Step("be the first to answer", do=finish))
    try:
        lifecycle.run(
            steps,
            ledger=ledger,
            interruption=interruption,
            observe=seen.step,
            patience=context.patience,
        )
    except OutOfTouchError as error:
        raise _left_alone(spec, error) from error
    if existing is not None and prepared.is_update:
        adapter.settle(existing)
    if options.wait and not prepared.is_update:
        _note_start(ledger, spec)
    return Outcome(spec, reply=proof[0] if proof else None)


def _left_alone(spec: DeploymentSpec, error: OutOfTouchError) -> OutOfTouchError:
    """Say what goes on while planner cannot look, and how to take it up again."""
    return proving.lost_touch(
        spec.awaited, error, proving.goes_on(spec.plan.hourly_usd, spec.expires_at)
    )


def _may_be_of_another_run(existing: Endpoint) -> bool:
    """Tell whether parts without an endpoint are so young that theirs may be still to come."""
    made = existing.created_at if existing.state is State.LEFTOVER else None
    return made is not None and settings.now() - made < _MAKING_TIME


def check_name(name: str, longest: int) -> None:
    """Raise UsageError for a name that no endpoint can have."""
    allowed = name.replace("-", "").isalnum() and name.isascii()
    if not allowed or name.startswith("-") or name.endswith("-") or len(name) > longest:
        raise UsageError(
            f"an endpoint cannot be called {name!r}",
            why=f"letters, digits and hyphens between them, {longest} at most",
            advice="--name llama-2-70b",
        )


def typical_start_s(ledger: Ledger, spec: DeploymentSpec) -> float | None:
    """Return the median time that the same model took to start on the same type before."""
    times = [
        (item.created_at - item.recorded_at).total_seconds()
        for item in ledger.resources(include_removed=True)
        if item.kind.endswith(":start")
        and item.created_at is not None
        and item.tags.get("planner:model") == spec.plan.model
        and item.tags.get("instance-type") == spec.plan.instance_type
    ]
    return median(times) if times else None


def forget(ledger: Ledger, endpoint: Endpoint) -> None:
    """Note in the ledger that all of an endpoint is gone."""
    for item in ledger.resources(endpoint=endpoint.name):
        if item.region == endpoint.region:
            ledger.mark_removed(item.id)


def _note_start(ledger: Ledger, spec: DeploymentSpec) -> None:
    """Remember how long the start took, as a record of something that is gone at once."""
    for item in ledger.resources(endpoint=spec.name):
        if item.kind.endswith(":endpoint") and item.id.endswith(spec.run):
            record = replace(item, id=f"{item.id}/start", kind=f"{item.cloud}:start")
            ledger.record_resource(record)
            ledger.mark_created(record.id, "")
            ledger.mark_removed(record.id)


def _guard_step(spec: DeploymentSpec, adapter: EndpointAdapter, context: Context) -> lifecycle.Step:
    """Return the step that proves that what ends the endpoint is there and may act."""

    def prove() -> str:
        seen: list[GuardProof] = []

        def holds() -> bool:
            found = adapter.find(spec.name, spec.region)
            shows = found is not None and found.state is not State.LEFTOVER
            seen.append(adapter.guard(found) if found and shows else GuardProof("", None))
            return seen[-1].holds

        # Roles and what they may do are known late.
        if context.patience.ask(lambda: waiting.until(holds, context)):
            return ""
        raise CloudError(
            f"nothing would end {spec.name} when its time is up",
            why=seen[-1].why or "the cloud shows neither it nor the order to remove it",
            advice="planner doctor --permissions",
        )

    return lifecycle.Step("prove that its end is ordered", prove)


def _proof(
    spec: DeploymentSpec, adapter: EndpointAdapter, context: Context, proof: list[Reply]
) -> list[lifecycle.Step]:
    """Return the steps that wait for the endpoint and ask it something."""

    def wait() -> str:
        adapter.wait(spec.awaited, context)
        return ""

    def ask() -> str:
        proof.append(proving.ask(spec.awaited, adapter, context))
        return ""

    return [
        lifecycle.Step("wait until it is in service", wait),
        lifecycle.Step("ask it something", ask),
    ]


def _as_it_runs(prepared: Prepared) -> DeploymentSpec:
    """Return the specification with the run and the end of what is there already."""
    there = prepared.existing
    if there is None:
        return prepared.spec
    run = there.awaited.run or prepared.spec.run
    return replace(prepared.spec, run=run, expires_at=there.expires_at)


def _existing(
    spec: DeploymentSpec, adapter: EndpointAdapter, findings: Sequence[Finding]
) -> Endpoint | None:
    if any(
        item.check in {"credentials", "name"} and item.status is preflight.Status.BAD
        for item in findings
    ):
        return None
    found = adapter.find(spec.name, spec.region)
    gone_soon = {State.LEFTOVER, State.DELETING}
    return found if found is None or found.owner or found.state in gone_soon else None


def _differences(
    spec: DeploymentSpec, existing: Endpoint | None, adapter: EndpointAdapter
) -> tuple[tuple[str, str, str], ...]:
    if existing is None or existing.settings_hash == spec.settings_hash:
        return ()
    now, then = adapter.settings(existing), spec.settings
    return tuple(
        (name, now.get(name, ""), then.get(name, ""))
        for name in sorted({*now, *then} - _DERIVED)
        if now.get(name, "") != then.get(name, "")
    )


# They show again in the environment, which is compared.
_DERIVED = {"weights", "precision", "context"}
