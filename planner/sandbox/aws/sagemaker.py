"""Simulated SageMaker hosting: what moto's lacks, with the botocore model as judge.

Documented (botocore model 2017-07-24, AWS's documents, error texts that users report):
operations and members, endpoint states, ``Cannot create already existing ...`` and ``Could not
find ...`` as ValidationException, ``ResourceLimitExceeded`` from CreateEndpoint at once,
capacity and health checks as ``FailureReason`` later, an endpoint that goes back to its old
configuration when an update fails, EventBridge Scheduler deleting endpoints.
Assumed: the times; that an endpoint cannot be deleted while it is created or updated (users
report both that and the opposite; the scenario's ``delete_while_creating`` decides); that a
volume size is refused for machines with disks of their own; the wording of ``Could not assume
role``; that CreateEndpoint looks for its configuration as a reader does, and finds it late.
What is assumed of inference components stands in ``sagemaker_components``.

Knobs: ``read_lag_s`` (what is described by its name; the configuration of a new endpoint),
``list_lag_s`` (lists), ``identity_lag_s`` and ``roles_judged`` (of
:mod:`planner.sandbox.aws.principals`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from planner.sandbox.aws import rules, sagemaker_course
from planner.sandbox.aws.protocol import (
    AwsCall,
    AwsError,
    check_parameters,
    json_response,
    model,
)
from planner.sandbox.aws.sagemaker_components import Components
from planner.sandbox.aws.sagemaker_limits import SageMakerLimits
from planner.sandbox.aws.sagemaker_parts import Parts
from planner.sandbox.aws.sagemaker_store import (
    BUSY,
    SimulatedEndpoint,
    arn_of,
    changing,
    listed,
    missing,
    page,
    seen,
    stores,
    tags_of,
    taken,
)

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

    from planner.sandbox.world import World


class SageMaker:
    """Models, endpoint configurations, endpoints, inference components and tags."""

    service = "sagemaker"

    def __init__(self, world: World) -> None:
        self._world = world
        self._limits = SageMakerLimits(world)
        self._parts = Parts(world)
        self._components = Components(world)

    def handle(self, call: AwsCall) -> Response | None:
        """Answer an operation of hosting; moto has the rest of SageMaker."""
        parts, components = self._parts, self._components
        operations = {
            "CreateModel": lambda c: parts.create(c, "Model"),
            "CreateEndpointConfig": lambda c: parts.create(c, "EndpointConfig"),
            "DescribeModel": lambda c: parts.describe(c, "Model"),
            "DescribeEndpointConfig": lambda c: parts.describe(c, "EndpointConfig"),
            "DeleteModel": lambda c: parts.delete(c, "Model"),
            "DeleteEndpointConfig": lambda c: parts.delete(c, "EndpointConfig"),
            "ListModels": lambda c: parts.list(c, "Model"),
            "ListEndpointConfigs": lambda c: parts.list(c, "EndpointConfig"),
            "CreateEndpoint": self._create_endpoint,
            "DescribeEndpoint": self._describe_endpoint,
            "UpdateEndpoint": self._update_endpoint,
            "DeleteEndpoint": self._delete_endpoint,
            "ListEndpoints": self._list_endpoints,
            "CreateInferenceComponent": components.create,
            "DescribeInferenceComponent": components.describe,
            "DeleteInferenceComponent": components.delete,
            "ListInferenceComponents": components.list,
            "AddTags": parts.add_tags,
            "ListTags": parts.list_tags,
        }
        if call.operation not in operations:
            return None
        check_parameters(call, "ValidationException")
        shape = model("sagemaker").operation_model(call.operation).input_shape
        wrong = list(rules.violations(shape, call.parameters))
        if wrong:
            raise AwsError(
                "ValidationException",
                f"{len(wrong)} validation errors detected: {'; '.join(wrong)}",
            )
        sagemaker_course.settle(self._world, call.region)
        answer = operations[call.operation](call)
        if not answer and model("sagemaker").operation_model(call.operation).output_shape is None:
            from werkzeug.wrappers import Response as Empty

            return Empty("", 200)
        return json_response(call, answer)

    def _create_endpoint(self, call: AwsCall) -> dict[str, Any]:
        store = stores(self._world, call.region)
        name = call.parameters["EndpointName"]
        arn = arn_of(call.region, "Endpoint", name)
        if name in store.endpoints:
            raise taken(call.region, "Endpoint", name)
        config = self._parts.look(call, "EndpointConfig", call.parameters["EndpointConfigName"])
        self._limits.check(call.region, config["ProductionVariants"], store.used())
        now = self._world.now()
        changing(self._world, call.region, "Endpoint", name)
        store.endpoints[name] = SimulatedEndpoint(
            name=name,
            config=config["EndpointConfigName"],
            status="Creating",
            created=now,
            modified=now,
            **sagemaker_course.course(self._world, call.region, config, now),
        )
        store.tags[arn] = tags_of(call)
        return {"EndpointArn": arn}

    def _describe_endpoint(self, call: AwsCall) -> dict[str, Any]:
        name = call.parameters["EndpointName"]
        endpoint = seen(self._world, call.region, "Endpoint", name)
        if endpoint is None:
            raise missing(call.region, "Endpoint", name)
        store = stores(self._world, call.region)
        config = store.parts["EndpointConfig"].get(endpoint.config, {})
        running = endpoint.status in {"InService", "Updating", "RollingBack"}
        machines = store.machines(endpoint)
        variants = [
            {
                "VariantName": variant["VariantName"],
                "DesiredInstanceCount": machines,
                "CurrentInstanceCount": machines if running else 0,
                "CurrentWeight": 1.0,
            }
            for variant in config.get("ProductionVariants", [])
        ]
        return {
            **_summary(call.region, endpoint),
            "EndpointConfigName": endpoint.config,
            **({"ProductionVariants": variants} if variants and running else {}),
            **({"FailureReason": endpoint.reason[:1024]} if endpoint.reason else {}),
        }

    def _update_endpoint(self, call: AwsCall) -> dict[str, Any]:
        endpoint = self._endpoint(call)
        sagemaker_course.refuse_if_busy(call.region, endpoint, BUSY)
        config = self._parts.look(call, "EndpointConfig", call.parameters["EndpointConfigName"])
        now = self._world.now()
        used = stores(self._world, call.region).used(without=endpoint.name)
        self._limits.check(call.region, config["ProductionVariants"], used)
        endpoint.status, endpoint.modified, endpoint.reason = "Updating", now, ""
        endpoint.coming = config["EndpointConfigName"]
        started = sagemaker_course.course(self._world, call.region, config, now)
        for name, value in started.items():
            setattr(endpoint, name, value)
        return {"EndpointArn": arn_of(call.region, "Endpoint", endpoint.name)}

    def _delete_endpoint(self, call: AwsCall) -> dict[str, Any]:
        sagemaker_course.delete(self._world, call.region, self._endpoint(call))
        return {}

    def _list_endpoints(self, call: AwsCall) -> dict[str, Any]:
        wanted = call.parameters.get("StatusEquals")
        found = [
            _summary(call.region, endpoint)
            for endpoint in listed(self._world, call.region, "Endpoint").values()
            if call.parameters.get("NameContains", "") in endpoint.name
            and wanted in {None, endpoint.status}
        ]
        return page(call, "Endpoints", found)

    def _endpoint(self, call: AwsCall) -> SimulatedEndpoint:
        name = call.parameters["EndpointName"]
        found = stores(self._world, call.region).endpoints.get(name)
        if found is None:
            raise missing(call.region, "Endpoint", name)
        return found


def _summary(region: str, endpoint: SimulatedEndpoint) -> dict[str, Any]:
    return {
        "EndpointName": endpoint.name,
        "EndpointArn": arn_of(region, "Endpoint", endpoint.name),
        "CreationTime": endpoint.created,
        "LastModifiedTime": endpoint.modified,
        "EndpointStatus": endpoint.status,
    }
