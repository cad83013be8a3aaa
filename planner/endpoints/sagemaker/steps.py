"""The steps of a deploy and of an update on SageMaker.

The order is the guard: first the order to delete the endpoint when its time is up, then what
costs nothing (model, configuration), then the endpoint, which costs money.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from planner.clouds import settings
from planner.endpoints.deploying.lifecycle import NotMadeError, Step
from planner.endpoints.sagemaker import (
    api,
    components,
    expiry,
    idle,
    lookup,
    removal,
    requests,
    scaling,
    watch,
)
from planner.endpoints.sagemaker.hold import Hold
from planner.endpoints.watching import failures, waiting
from planner.errors import CloudError, PlannerError, QuotaShortError, UsageError
from planner.ledger import Resource

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from decimal import Decimal

    from planner.endpoints.interface import Context
    from planner.endpoints.model import DeploymentSpec, Endpoint


def create(spec: DeploymentSpec, account: str, context: Context) -> list[Step]:
    """Return the steps that make an endpoint; it is not in service yet after them."""
    hold = Hold()
    return [
        *_prepare(spec, account, context, hold),
        *scaling.before(spec, account),
        *idle.steps(spec, account, context, hold),
        Step(
            f"create the endpoint {spec.name}",
            lambda: _create_endpoint(spec, context, hold),
            lambda: removal.endpoint_of_run(spec, context, hold),
            _record(spec, account, "endpoint", spec.name, spec.plan.hourly_usd),
        ),
        Step("claim the name", lambda: _claim(spec)),
        *(_component(spec, account, context) if spec.guard.to_zero else ()),
        *_autoscaling(spec, account, context),
    ]


def update(spec: DeploymentSpec, endpoint: Endpoint, account: str, context: Context) -> list[Step]:
    """Return the steps that give an endpoint new settings, and the old ones back on failure."""
    described = api.describe(endpoint.name, endpoint.region) or {}
    before, hold = str(described.get("EndpointConfigName", "")), Hold()
    arn = str(described.get("EndpointArn", ""))
    tags_before = lookup.tags_of(arn, endpoint.region)

    def change() -> str:
        _ask_for_endpoint(spec, "update", context, hold)
        return ""

    def retag() -> str:
        _tag(spec, arn, spec.tags)
        return ""

    return [
        *_prepare(spec, account, context, hold),
        Step(
            f"update the endpoint {spec.name}",
            change,
            lambda: _back_to(spec, before, context, hold),
        ),
        Step("follow the update", lambda: _wait(spec, context)),
        Step(
            "write down the new settings",
            retag,
            lambda: _tag(spec, arn, tags_before),
        ),
    ]


def _component(spec: DeploymentSpec, account: str, context: Context) -> list[Step]:
    """Return the steps that put the model on a machine and let both go to zero."""
    name = requests.part_name(spec)

    def wait_for_machine() -> str:
        watch.machine_in_service(spec.awaited, context)
        return ""

    return [
        Step("wait for the machine", wait_for_machine),
        Step(
            "create the inference component",
            lambda: components.create(spec),
            lambda: components.undo(spec, context),
            _record(spec, account, "component", name),
        ),
        Step("wait for the model", lambda: _wait(spec, context)),
        Step(
            "let it scale to zero",
            lambda: components.scale(spec),
            lambda: components.unscale(name, spec.region),
            _record(spec, account, "scaling", name),
        ),
    ]


def _autoscaling(spec: DeploymentSpec, account: str, context: Context) -> list[Step]:
    """Return the steps that set autoscaling, which needs an endpoint in service."""
    scale = scaling.after(spec, account)
    return (
        [Step("wait for machines to scale", lambda: _wait(spec, context)), *scale] if scale else []
    )


def _prepare(spec: DeploymentSpec, account: str, context: Context, hold: Hold) -> list[Step]:
    """Return the steps that cost nothing: the expiry, the model, the configuration."""
    part = requests.part_name(spec)
    schedules = expiry.of(spec) if spec.expires_at is not None else []
    return [
        *(
            Step(
                f"set the expiry of {of} at {spec.expires_at:%Y-%m-%d %H:%M} UTC",
                partial(expiry.create, spec, schedule, context),
                hold.unless_used("the expiry", partial(expiry.delete, schedule, spec.region)),
                _record(spec, account, "schedule", schedule),
            )
            for schedule, of in zip(schedules, (spec.name, "its component"), strict=False)
        ),
        Step(
            "create the model",
            lambda: _create_part(spec, "model", context),
            hold.unless_used("the model", lambda: removal.part("model", part, spec.region)),
            _record(spec, account, "model", part),
        ),
        Step(
            "create the endpoint configuration",
            lambda: _create_part(spec, "endpoint_config", context),
            hold.unless_used(
                "the configuration", lambda: removal.part("endpoint_config", part, spec.region)
            ),
            _record(spec, account, "endpoint-config", part),
        ),
    ]


def _create_part(spec: DeploymentSpec, kind: str, context: Context) -> str:
    """Create the model or the configuration; its name is this run's alone."""
    make: dict[str, Callable[[DeploymentSpec], dict[str, object]]] = {
        "model": requests.model,
        "endpoint_config": requests.endpoint_config,
    }
    words = kind.replace("_config", " configuration").replace("_", " ")
    try:
        # Roles, and the model that a configuration names, are known a while after they are made.
        waiting.once_known(
            lambda: api.call(
                "sagemaker",
                spec.region,
                f"create_{kind}",
                f"create the {words}",
                **make[kind](spec),
            ),
            context,
            lambda error: api.is_role_unknown(error) or api.is_unknown_yet(error, "model"),
        )
    except CloudError as error:
        if "Min instance count needs to be greater than 0" in error.why:
            raise _no_zero_here(spec, error) from error
        # A call that was repeated after a lost answer finds its own work.
        if not api.is_taken(error):
            raise
    return requests.part_name(spec)


def _no_zero_here(spec: DeploymentSpec, error: CloudError) -> PlannerError:
    return UsageError(
        f"SageMaker does not scale to zero machines in {spec.region}",
        why=error.why,
        advice="another --region (users report that it works in us-east-1), or no --min-instances",
    )


def _create_endpoint(spec: DeploymentSpec, context: Context, hold: Hold) -> str:
    try:
        _ask_for_endpoint(spec, "create", context, hold)
    except CloudError as error:
        if not api.is_taken(error):
            raise
        if not _is_own(spec, context):
            hold.endpoint_may_exist = False
            raise NotMadeError(
                f"{spec.name} in {spec.region} was made by someone else in the meantime",
                why="another deploy of the same name got there first; nothing of it was touched",
                advice=f"planner status, or deploy under another --name than {spec.name}",
            ) from error
        hold.endpoint_may_exist = True
    return spec.name


def _ask_for_endpoint(spec: DeploymentSpec, verb: str, context: Context, hold: Hold) -> None:
    """Create or update the endpoint; its configuration is known a while after it was made."""
    body = {"EndpointName": spec.name, "EndpointConfigName": requests.part_name(spec)}
    hold.endpoint_may_exist = True
    try:
        waiting.once_known(
            lambda: api.call(
                "sagemaker",
                spec.region,
                f"{verb}_endpoint",
                f"{verb} the endpoint {spec.name}",
                **(requests.endpoint(spec) if verb == "create" else body),
            ),
            context,
            lambda error: api.is_unknown_yet(error, "endpoint configuration"),
        )
    except PlannerError as error:
        hold.endpoint_may_exist = not api.is_refused_for_certain(error)
        if isinstance(error, QuotaShortError):
            raise _limit(spec, error) from error
        raise


def _is_own(spec: DeploymentSpec, context: Context) -> bool:
    """Tell whether an endpoint that exists is this run's: a repeated call finds its own work."""
    found: list[str] = []

    def look() -> bool:
        described = api.describe(spec.name, spec.region)
        found.extend([described["EndpointConfigName"]] if described is not None else [])
        return bool(found)

    if not waiting.until(look, context):
        raise CloudError(
            f"{spec.name} in {spec.region} exists, and SageMaker does not show it",
            advice="planner status --all-regions",
        )
    return found[0] == requests.part_name(spec)


def _limit(spec: DeploymentSpec, error: QuotaShortError) -> PlannerError:
    return failures.limit_exceeded(
        error.why,
        model=spec.plan.model,
        instance_type=spec.plan.instance_type,
        region=spec.region,
    )


def _wait(spec: DeploymentSpec, context: Context) -> str:
    watch.in_service(spec.awaited, context)
    return ""


def _claim(spec: DeploymentSpec) -> str:
    """Remove expiries that killed runs left under this name: they would delete this endpoint.

    Only the run that owns the endpoint comes here, so the others belong to nobody.
    """
    own = [*expiry.of(spec), requests.idle_name(spec.name, spec.run)]
    for name in expiry.schedules(spec.name, spec.region):
        if name not in own:
            (idle.remove if requests.is_idle(name) else expiry.delete)(name, spec.region)
    return ""


def _back_to(spec: DeploymentSpec, before: str, context: Context, hold: Hold) -> None:
    """Give the endpoint its old settings back, unless it has them."""
    described = watch.until_settled(spec.name, spec.region, context)
    if described is None or described.get("EndpointConfigName") == before:
        hold.endpoint_may_exist = False
        return
    api.call(
        "sagemaker",
        spec.region,
        "update_endpoint",
        f"give {spec.name} its old settings back",
        EndpointName=spec.name,
        EndpointConfigName=before,
    )
    watch.until_settled(spec.name, spec.region, context)
    hold.endpoint_may_exist = False


def _tag(spec: DeploymentSpec, arn: str, tags: Mapping[str, str]) -> None:
    api.call(
        "sagemaker",
        spec.region,
        "add_tags",
        f"tag {spec.name}",
        ResourceArn=arn,
        Tags=requests.as_tags(tags),
    )


def _record(
    spec: DeploymentSpec,
    account: str,
    kind: str,
    name: str,
    hourly_usd: Decimal | None = None,
) -> Resource:
    mark = "sandbox/" if settings.current().simulated else ""
    return Resource(
        id=f"{mark}{spec.region}/{kind}/{name}/{spec.run}",
        endpoint=spec.name,
        cloud="aws",
        account=account,
        region=spec.region,
        kind=f"sagemaker:{kind}",
        recorded_at=datetime.now(UTC),
        hourly_usd=hourly_usd,
        tags={**spec.tags, "instance-type": spec.plan.instance_type},
        expires_at=spec.expires_at,
    )
