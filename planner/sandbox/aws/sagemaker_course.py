"""What happens by itself in the simulated SageMaker: starts, failures, deletions, expiries.

Nothing runs in the background: each call first lets everything happen that is due by then.
Documented: the container's log is written as the execution role, an expiry acts as the
schedule's; what they may not do does not happen, and nobody is told.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from planner.sandbox.aws import principals, sagemaker_idle, sagemaker_logs
from planner.sandbox.aws.protocol import ACCOUNT, AwsError
from planner.sandbox.aws.sagemaker_failures import FAILURES, STARTS, Failure
from planner.sandbox.aws.sagemaker_logs import Order
from planner.sandbox.aws.sagemaker_store import (
    BUSY,
    SimulatedComponent,
    SimulatedEndpoint,
    Store,
    arn_of,
    changing,
    for_components,
    stores,
)

if TYPE_CHECKING:
    from datetime import datetime

    from planner.sandbox.world import World

# Target tracking takes a component away after 15 minutes without a request (AWS's alarm has
# 90 periods of 10 s; measured by users: 11 to 15 minutes).
_COMPONENT = "deleteInferenceComponent"
_SCALES_IN_AFTER = timedelta(minutes=15)


def settle(world: World, region: str) -> None:
    """Let everything happen in a region that is due."""
    store, now = stores(world, region), world.now()
    for endpoint in list(store.endpoints.values()):
        if not _is_for_components(store, endpoint):
            group = f"/aws/sagemaker/Endpoints/{endpoint.name}"
            model = store.variant(endpoint).get("ModelName", "")
            if _may_log(world, region, model, group):
                sagemaker_logs.write(region, group, endpoint, _progress(endpoint, now))
        if endpoint.ready is not None and endpoint.ready <= now:
            _arrive(world, region, endpoint)
    for component in list(store.components.values()):
        group = f"/aws/sagemaker/InferenceComponents/{component.name}"
        model = component.specification.get("ModelName", "")
        if _may_log(world, region, model, group):
            sagemaker_logs.write(region, group, component, _progress(component, now))
        if component.ready is not None and component.ready <= now:
            _arrive_component(world, region, component)
        _scale_in(store, component, now)
    sagemaker_logs.expire(region, now, lambda order: _expire(world, region, order))
    sagemaker_idle.run_machines(
        world,
        region,
        lambda name, role: _expire(world, region, Order("deleteEndpoint", name, role, now)),
    )


def course(
    world: World, region: str, config: dict[str, Any], now: datetime, *, component: bool = False
) -> dict[str, Any]:
    """Return when and how a start will end.

    With components the endpoint finds the machine and the component starts the container, so
    each has its own ways to fail.
    """
    scenario = world.scenario
    failure = FAILURES.get(scenario.endpoint_failure)
    kinds = {variant.get("InstanceType", "") for variant in config["ProductionVariants"]}
    of_the_machine = failure is not None and (failure.never or failure is FAILURES["capacity"])
    if not scenario.capacity or {region, *kinds} & set(scenario.no_capacity_in):
        failure, of_the_machine = FAILURES["capacity"], True
    if for_components(config) and of_the_machine is component:
        failure = None
    ready = now + timedelta(seconds=scenario.endpoint_startup_s)
    return {"failure": failure, "ready": None if failure and failure.never else ready}


def delete(world: World, region: str, endpoint: SimulatedEndpoint) -> None:
    """Begin to delete an endpoint; its components are not asked (users' report)."""
    busy = BUSY if not world.scenario.delete_while_creating else {"Deleting"}
    refuse_if_busy(region, endpoint, busy - {"Deleting"})
    endpoint.status = "Deleting"
    endpoint.modified = world.now()
    endpoint.ready = world.now() + timedelta(seconds=world.scenario.endpoint_startup_s / 20)


def delete_component(world: World, region: str, component: SimulatedComponent) -> None:
    """Begin to delete a component; refused while it changes (users' report)."""
    states = {"Creating": "CREATE_IN_PROGRESS", "Updating": "UPDATE_RC_IN_PROGRESS"}
    if component.status in states and not world.scenario.delete_while_creating:
        arn = arn_of(region, "InferenceComponent", component.name)
        raise AwsError(
            "ValidationException",
            f'Cannot delete inference component "{arn}" while it is in state '
            f"{states[component.status]}.",
        )
    component.status = "Deleting"
    component.modified = world.now()
    component.ready = world.now() + timedelta(seconds=world.scenario.endpoint_startup_s / 20)


def refuse_if_busy(region: str, endpoint: SimulatedEndpoint, busy: set[str]) -> None:
    """Raise where an endpoint is in one of those states."""
    if endpoint.status in busy:
        arn = arn_of(region, "Endpoint", endpoint.name)
        raise AwsError("ValidationException", f'Cannot update in-progress endpoint "{arn}".')


def _may_log(world: World, region: str, model: str, group: str) -> bool:
    """Tell whether the role of a model's container may write its log."""
    role = stores(world, region).parts["Model"].get(model, {}).get("ExecutionRoleArn", "")
    arn = f"arn:aws:logs:{region}:{ACCOUNT}:log-group:{group}"
    return principals.may(world, role, "logs:PutLogEvents", arn)


def _expire(world: World, region: str, order: Order) -> None:
    """Do what EventBridge was told; a refusal is tried again at the next turn."""
    store = stores(world, region)
    kind = "InferenceComponent" if order.action.endswith(_COMPONENT) else "Endpoint"
    arn = arn_of(region, kind, order.name)
    tags = principals.tags_context(store.tags.get(arn, {}))
    if not principals.may(world, order.role, f"sagemaker:Delete{kind}", arn, tags):
        return
    try:
        component = store.components.get(order.name)
        endpoint = store.endpoints.get(order.name)
        # Nobody looks while it goes: by the next look it is gone.
        if kind == "InferenceComponent" and component is not None:
            delete_component(world, region, component)
            component.ready = max(order.at, component.created)
            _arrive_component(world, region, component)
        elif kind == "Endpoint" and endpoint is not None:
            delete(world, region, endpoint)
            endpoint.ready = max(order.at, endpoint.created)
            _arrive(world, region, endpoint)
    except AwsError:
        return


def _arrive(world: World, region: str, endpoint: SimulatedEndpoint) -> None:
    store = stores(world, region)
    endpoint.used = endpoint.used or endpoint.ready
    endpoint.arrived = endpoint.ready
    endpoint.ready = None
    if endpoint.status == "Deleting":
        changing(world, region, "Endpoint", endpoint.name, endpoint.arrived)
        del store.endpoints[endpoint.name]
        store.tags.pop(arn_of(region, "Endpoint", endpoint.name), None)
    elif endpoint.status == "Creating":
        endpoint.status = "Failed" if endpoint.failure else "InService"
        endpoint.reason = endpoint.failure.reason if endpoint.failure else ""
    elif endpoint.status == "Updating":
        # A failed update leaves the old configuration in service.
        endpoint.status = "InService"
        endpoint.reason = endpoint.failure.reason if endpoint.failure else ""
        endpoint.config = endpoint.config if endpoint.failure else endpoint.coming
        endpoint.coming = ""


def _arrive_component(world: World, region: str, component: SimulatedComponent) -> None:
    store = stores(world, region)
    arrived, component.ready = component.ready, None
    if component.status == "Deleting":
        changing(world, region, "InferenceComponent", component.name, arrived)
        del store.components[component.name]
        store.tags.pop(arn_of(region, "InferenceComponent", component.name), None)
        return
    component.status = "Failed" if component.failure else "InService"
    component.reason = component.failure.reason if component.failure else ""
    component.copies = 0 if component.failure else component.desired
    component.used = arrived or component.used


def _scale_in(store: Store, component: SimulatedComponent, now: datetime) -> None:
    """Take an unused component to the least that its target allows; the machines go with it."""
    scaling = store.scaling.get(component.name)
    if scaling is None or component.status != "InService":
        return
    tracked = any(p["PolicyType"] == "TargetTrackingScaling" for p in scaling.policies.values())
    least = int(scaling.target.get("MinCapacity", 1))
    if tracked and component.copies > least and now - component.used >= _SCALES_IN_AFTER:
        component.desired = component.copies = least


def _progress(subject: SimulatedEndpoint | SimulatedComponent, now: datetime) -> tuple[str, ...]:
    """Return the log lines that the container has written by now."""
    failure: Failure | None = subject.failure
    lines = STARTS if failure is None else failure.log
    if subject.status not in {"Creating", "Updating"}:
        return ()
    if subject.ready is None or subject.ready <= now:
        return lines
    total = (subject.ready - subject.modified).total_seconds()
    share = (now - subject.modified).total_seconds() / total if total else 1
    # The first tenth goes by before there is a machine.
    return lines[: int(max(0.0, share - 0.1) / 0.9 * len(lines))]


def _is_for_components(store: Store, endpoint: SimulatedEndpoint) -> bool:
    return "ModelName" not in store.variant(endpoint)
