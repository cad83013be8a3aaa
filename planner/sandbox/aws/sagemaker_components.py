"""Simulated inference components, and what Application Auto Scaling does to them.

Documented (botocore model; "Scale an endpoint to zero instances"): the operations, that a
component at zero refuses requests and counts ``NoCapacityInvocationFailures``, that a step
policy behind an alarm on it adds a copy. As users report it: the texts of the refusals, that a
component is never created with zero copies, that it cannot be deleted while it changes and that
it outlives its endpoint. Assumed: that it needs an endpoint in service; the times; that machines
come and go together with the copies (measured by users: 12 minutes later).
"""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from moto.cloudwatch.models import cloudwatch_backends

from planner.pricing import instance_types
from planner.sandbox.aws import sagemaker_course, sagemaker_logs
from planner.sandbox.aws.protocol import ACCOUNT, AwsCall, AwsError
from planner.sandbox.aws.sagemaker_store import (
    Scaling,
    SimulatedComponent,
    Store,
    arn_of,
    changing,
    for_components,
    listed,
    missing,
    page,
    seen,
    stores,
    tags_of,
    taken,
)

if TYPE_CHECKING:
    from planner.sandbox.world import World

_KIND = "InferenceComponent"
_NO_CAPACITY = (
    "Inference Component has no capacity to process this request. ApplicationAutoScaling may be "
    "in-progress (if configured) or try to increase the capacity by invoking "
    "UpdateInferenceComponentRuntimeConfig API."
)
_NAME_IT = (
    "Inference Component Name header is required for endpoints to which you plan to deploy "
    "inference components. Please include Inference Component Name header or consider using "
    "SageMaker models."
)


class Components:
    """Creates, describes, lists and deletes inference components."""

    def __init__(self, world: World) -> None:
        self._world = world

    def create(self, call: AwsCall) -> dict[str, Any]:
        """Begin to start a component on the machines of its endpoint."""
        store, now = stores(self._world, call.region), self._world.now()
        name, wanted = call.parameters["InferenceComponentName"], call.parameters
        if name in store.components:
            raise taken(call.region, _KIND, name)
        endpoint = store.endpoints.get(wanted["EndpointName"])
        if endpoint is None:
            raise missing(call.region, "Endpoint", wanted["EndpointName"])
        config = store.parts["EndpointConfig"][endpoint.config]
        specification = wanted.get("Specification", {})
        _check(store, call, endpoint.status, config, specification)
        copies = wanted.get("RuntimeConfig", {}).get("CopyCount", 0)
        if copies < 1:
            raise AwsError(
                "ValidationException", "Inference components copy count an integer larger than 0"
            )
        changing(self._world, call.region, _KIND, name)
        store.components[name] = SimulatedComponent(
            name=name,
            endpoint=endpoint.name,
            variant=wanted.get("VariantName", "AllTraffic"),
            specification=specification,
            desired=copies,
            status="Creating",
            created=now,
            modified=now,
            used=now,
            **sagemaker_course.course(self._world, call.region, config, now, component=True),
        )
        arn = arn_of(call.region, _KIND, name)
        store.tags[arn] = tags_of(call)
        return {"InferenceComponentArn": arn}

    def describe(self, call: AwsCall) -> dict[str, Any]:
        """Describe a component."""
        name = call.parameters["InferenceComponentName"]
        component = seen(self._world, call.region, _KIND, name)
        if component is None:
            raise missing(call.region, _KIND, name)
        return {
            **_summary(call.region, component),
            "Specification": component.specification,
            "RuntimeConfig": {
                "DesiredCopyCount": component.desired,
                "CurrentCopyCount": component.copies,
            },
            **({"FailureReason": component.reason[:1024]} if component.reason else {}),
        }

    def list(self, call: AwsCall) -> dict[str, Any]:
        """List components, of one endpoint where it is named."""
        wanted = call.parameters.get("EndpointNameEquals")
        found = [
            _summary(call.region, component)
            for component in listed(self._world, call.region, _KIND).values()
            if wanted in {None, component.endpoint}
            and call.parameters.get("NameContains", "") in component.name
        ]
        return page(call, "InferenceComponents", found)

    def delete(self, call: AwsCall) -> dict[str, Any]:
        """Begin to delete a component."""
        sagemaker_course.delete_component(self._world, call.region, self._find(call))
        return {}

    def _find(self, call: AwsCall) -> SimulatedComponent:
        name = call.parameters["InferenceComponentName"]
        found = stores(self._world, call.region).components.get(name)
        if found is None:
            raise missing(call.region, _KIND, name)
        return found


class ComponentScaling:
    """Application Auto Scaling of inference components; moto has the rest of the service."""

    service = "application-autoscaling"

    def __init__(self, world: World) -> None:
        self._world = world

    def answer(self, call: AwsCall) -> dict[str, Any] | None:
        """Answer a call about a component; None for any other."""
        kind, _, name = str(call.parameters.get("ResourceId", "")).partition("/")
        if kind != "inference-component":
            return None
        known = stores(self._world, call.region).scaling
        if call.operation == "RegisterScalableTarget":
            if name not in stores(self._world, call.region).components:
                raise AwsError("ValidationException", f"{kind}/{name} does not exist")
            before = known.get(name)
            known[name] = Scaling(
                {**(before.target if before else {}), **call.parameters},
                before.policies if before else {},
                before.actions if before else {},
            )
            return {}
        if name not in known:
            raise AwsError("ObjectNotFoundException", "No scalable target registered")
        return self._of_target(call, known, name)

    def _of_target(
        self, call: AwsCall, known: dict[str, Scaling], name: str
    ) -> dict[str, Any] | None:
        if call.operation == "DeregisterScalableTarget":
            del known[name]
            return {}
        if call.operation == "PutScalingPolicy":
            policy = call.parameters["PolicyName"]
            arn = (
                f"arn:aws:autoscaling:{call.region}:{ACCOUNT}:scalingPolicy:{policy}:"
                f"resource/sagemaker/inference-component/{name}:policyName/{policy}"
            )
            known[name].policies[policy] = {**call.parameters, "PolicyARN": arn}
            return {"PolicyARN": arn, "Alarms": []}
        if call.operation == "PutScheduledAction":
            known[name].actions[call.parameters["ScheduledActionName"]] = dict(call.parameters)
            return {}
        return None


def serving(world: World, region: str, endpoint: str, component: str) -> None:
    """Let a request through to a component, or refuse it and wake the component.

    Raises:
        AwsError: It is not named, not there, or at zero.
    """
    store = stores(world, region)
    here = store.endpoints[endpoint]
    if not for_components(store.parts["EndpointConfig"][here.config]):
        if component:
            raise AwsError(
                "ValidationError", "Inference Component Name header is not allowed here."
            )
        return
    if not component:
        raise AwsError("ValidationError", _NAME_IT)
    found = store.components.get(component)
    if found is None or found.endpoint != endpoint:
        raise AwsError("ValidationError", f"Inference component {component} not found.")
    if found.copies < 1:
        metric = "NoCapacityInvocationFailures"
        sagemaker_logs.count(region, world.now(), metric, InferenceComponentName=component)
        _wake(world, region, store, found)
        raise AwsError("ValidationError", _NO_CAPACITY)
    found.used = world.now()


def _wake(world: World, region: str, store: Store, component: SimulatedComponent) -> None:
    """Add a copy, if an alarm on the failures has a step policy behind it."""
    scaling = store.scaling.get(component.name)
    if scaling is None or component.status != "InService":
        return
    steps = {p["PolicyARN"] for p in scaling.policies.values() if p["PolicyType"] == "StepScaling"}
    alarms = cloudwatch_backends[ACCOUNT][region].alarms.values()
    wired = any(
        alarm.metric_name == "NoCapacityInvocationFailures"
        and any(d.value == component.name for d in alarm.dimensions)
        and steps & set(alarm.alarm_actions)
        for alarm in alarms
    )
    if wired and int(scaling.target.get("MaxCapacity", 0)) > 0:
        component.desired, component.status = 1, "Updating"
        component.modified = world.now()
        component.ready = world.now() + timedelta(seconds=world.scenario.endpoint_startup_s)


def _check(
    store: Store,
    call: AwsCall,
    status: str,
    config: dict[str, Any],
    specification: dict[str, Any],
) -> None:
    """Refuse what cannot be started there."""
    if status != "InService" or not for_components(config):
        raise AwsError(
            "ValidationException",
            "The endpoint must be in service and meant for inference components.",
        )
    if specification.get("ModelName") not in store.parts["Model"]:
        raise missing(call.region, "Model", str(specification.get("ModelName")))
    kind = config["ProductionVariants"][0].get("InstanceType", "")
    item = instance_types.bundled().find("sagemaker", kind)
    needs = specification.get("ComputeResourceRequirements", {})
    cards = needs.get("NumberOfAcceleratorDevicesRequired", 0)
    # Users report that a machine of 16 GiB takes 1,024 MB and refuses 4,096.
    too_much = (item.memory_gib or math.inf) * 1024 / 4 if item is not None else math.inf
    if (item is not None and cards > item.accelerator_count) or (
        needs.get("MinMemoryRequiredInMb", 0) >= too_much
    ):
        raise AwsError(
            "ValidationException",
            "There is not enough hardware resources on the instances for this endpoint to "
            "create a copy of the inference component.",
        )


def _summary(region: str, component: SimulatedComponent) -> dict[str, Any]:
    return {
        "InferenceComponentName": component.name,
        "InferenceComponentArn": arn_of(region, _KIND, component.name),
        "EndpointName": component.endpoint,
        "EndpointArn": arn_of(region, "Endpoint", component.endpoint),
        "VariantName": component.variant,
        "CreationTime": component.created,
        "LastModifiedTime": component.modified,
        "InferenceComponentStatus": component.status,
    }
