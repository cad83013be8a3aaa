"""The steps of a deploy and of an update on SageMaker.

The order is the guard: first the order to delete the endpoint when its time is up, then what
costs nothing (model, configuration), then the endpoint, which costs money.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from planner.clouds import settings
from planner.endpoints import failures
from planner.endpoints.lifecycle import NotMadeError, Step
from planner.endpoints.sagemaker import api, expiry, removal, requests, scaling, watch
from planner.errors import CloudError, QuotaShortError
from planner.ledger import Resource

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

    from planner.endpoints.interface import Context
    from planner.endpoints.model import DeploymentSpec, Endpoint
    from planner.errors import PlannerError


def create(spec: DeploymentSpec, account: str, context: Context) -> list[Step]:
    """Return the steps that make an endpoint; it is not in service yet after them."""
    return [
        *_prepare(spec, account, context),
        *scaling.before(spec, account),
        Step(
            f"create the endpoint {spec.name}",
            lambda: _create_endpoint(spec),
            lambda: removal.endpoint_of_run(spec, context),
            _record(spec, account, "endpoint", spec.name, spec.plan.on_demand_hourly_usd),
        ),
        Step("claim the name", lambda: _claim(spec)),
        *_autoscaling(spec, account, context),
    ]


def update(spec: DeploymentSpec, endpoint: Endpoint, account: str, context: Context) -> list[Step]:
    """Return the steps that give an endpoint new settings, and the old ones back on failure."""
    described = api.describe(endpoint.name, endpoint.region) or {}
    before = str(described.get("EndpointConfigName", ""))

    def change() -> str:
        try:
            api.call(
                "sagemaker",
                spec.region,
                "update_endpoint",
                f"update the endpoint {spec.name}",
                EndpointName=spec.name,
                EndpointConfigName=requests.part_name(spec),
            )
        except QuotaShortError as error:
            raise _limit(spec, error) from error
        return ""

    return [
        *_prepare(spec, account, context),
        Step(
            f"update the endpoint {spec.name}",
            change,
            lambda: _back_to(spec, before, context),
        ),
        Step("follow the update", lambda: _wait(spec, context)),
        Step(
            "write down the new settings",
            lambda: _retag(spec, str(described.get("EndpointArn", ""))),
        ),
        Step("claim the name", lambda: _claim(spec)),
    ]


def _autoscaling(spec: DeploymentSpec, account: str, context: Context) -> list[Step]:
    """Return the steps that set autoscaling, which needs an endpoint in service."""
    scale = scaling.after(spec, account)
    return (
        [Step("wait for machines to scale", lambda: _wait(spec, context)), *scale] if scale else []
    )


def _prepare(spec: DeploymentSpec, account: str, context: Context) -> list[Step]:
    """Return the steps that cost nothing: the expiry, the model, the configuration."""
    part = requests.part_name(spec)
    steps = []
    if spec.expires_at is not None:
        schedule = requests.schedule_name(spec.name, spec.run)
        steps.append(
            Step(
                f"set the expiry at {spec.expires_at:%Y-%m-%d %H:%M} UTC",
                lambda: expiry.create(spec, context),
                lambda: expiry.undo(spec),
                _record(spec, account, "schedule", schedule),
            )
        )
    steps += [
        Step(
            "create the model",
            lambda: _create_part(spec, "model", context),
            lambda: removal.part("model", part, spec.region),
            _record(spec, account, "model", part),
        ),
        Step(
            "create the endpoint configuration",
            lambda: _create_part(spec, "endpoint_config", context),
            lambda: removal.part("endpoint_config", part, spec.region),
            _record(spec, account, "endpoint-config", part),
        ),
    ]
    return steps


def _create_part(spec: DeploymentSpec, kind: str, context: Context) -> str:
    """Create the model or the configuration; its name is this run's alone."""
    make: dict[str, Callable[[DeploymentSpec], dict[str, object]]] = {
        "model": requests.model,
        "endpoint_config": requests.endpoint_config,
    }
    words = kind.replace("_config", " configuration").replace("_", " ")
    try:
        watch.until_role_is_known(
            lambda: api.call(
                "sagemaker",
                spec.region,
                f"create_{kind}",
                f"create the {words}",
                **make[kind](spec),
            ),
            context,
        )
    except CloudError as error:
        # A call that was repeated after a lost answer finds its own work.
        if not api.is_taken(error):
            raise
    return requests.part_name(spec)


def _create_endpoint(spec: DeploymentSpec) -> str:
    try:
        api.call(
            "sagemaker",
            spec.region,
            "create_endpoint",
            f"create the endpoint {spec.name}",
            **requests.endpoint(spec),
        )
    except QuotaShortError as error:
        raise _limit(spec, error) from error
    except CloudError as error:
        if not api.is_taken(error):
            raise
        described = api.describe(spec.name, spec.region) or {}
        if described.get("EndpointConfigName") != requests.part_name(spec):
            raise NotMadeError(
                f"{spec.name} in {spec.region} was made by someone else in the meantime",
                why="another deploy of the same name got there first; nothing of it was touched",
                advice=f"planner status, or deploy under another --name than {spec.name}",
            ) from error
    return spec.name


def _limit(spec: DeploymentSpec, error: QuotaShortError) -> PlannerError:
    return failures.limit_exceeded(
        error.why,
        model=spec.plan.model,
        instance_type=spec.plan.instance_type,
        region=spec.region,
    )


def _wait(spec: DeploymentSpec, context: Context) -> str:
    watch.in_service(spec, context)
    return ""


def _claim(spec: DeploymentSpec) -> str:
    """Remove expiries that killed runs left under this name: they would delete this endpoint.

    Only the run that owns the endpoint comes here, so the others belong to nobody.
    """
    own = requests.schedule_name(spec.name, spec.run)
    for name in expiry.schedules(spec.name, spec.region):
        if name != own:
            expiry.delete(name, spec.region)
    return ""


def _back_to(spec: DeploymentSpec, before: str, context: Context) -> None:
    """Give the endpoint its old settings back, unless it has them."""
    described = watch.until_settled(spec.name, spec.region, context)
    if described is None or described.get("EndpointConfigName") == before:
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


def _retag(spec: DeploymentSpec, arn: str) -> str:
    api.call(
        "sagemaker",
        spec.region,
        "add_tags",
        f"tag {spec.name}",
        ResourceArn=arn,
        Tags=requests.tags(spec),
    )
    return ""


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
