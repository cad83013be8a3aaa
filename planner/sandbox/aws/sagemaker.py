"""Simulated SageMaker hosting: what moto's lacks, with the botocore model as judge.

Documented (botocore model 2017-07-24, AWS's documents, error texts that users report):
operations and members, endpoint states, ``Cannot create already existing ...`` and ``Could not
find ...`` as ValidationException, ``ResourceLimitExceeded`` from CreateEndpoint at once,
capacity and health checks as ``FailureReason`` later, an endpoint that goes back to its old
configuration when an update fails, EventBridge Scheduler deleting endpoints.
Assumed: the times; that an endpoint cannot be deleted while it is created or updated (users
report both that and the opposite; the scenario's ``delete_while_creating`` decides); that a
volume size is refused for machines with disks of their own; the wording of ``Could not assume
role``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from moto.iam.models import iam_backends

from planner.endpoints import containers
from planner.sandbox.aws import rules, sagemaker_logs
from planner.sandbox.aws.protocol import (
    ACCOUNT,
    AwsCall,
    AwsError,
    check_parameters,
    json_response,
    model,
)
from planner.sandbox.aws.sagemaker_failures import FAILURES, STARTS, Failure
from planner.sandbox.aws.sagemaker_limits import SageMakerLimits

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

    from planner.sandbox.world import World

_KINDS = {
    "Model": ("ModelName", "model", "model"),
    "EndpointConfig": ("EndpointConfigName", "endpoint configuration", "endpoint-config"),
    "Endpoint": ("EndpointName", "endpoint", "endpoint"),
}
_PAGE = 100
_BUSY = {"Creating", "Updating", "Deleting", "RollingBack"}


@dataclass(slots=True)
class SimulatedEndpoint:
    """One endpoint and its course.

    Attributes:
        config: In force.
        coming: The configuration of an update under way.
        ready: When it reaches the state after the present one; None: it stays.
        failure: How the start or the update will fail; None where it succeeds.
    """

    name: str
    config: str
    status: str
    created: datetime
    modified: datetime
    ready: datetime | None
    failure: Failure | None = None
    coming: str = ""
    reason: str = ""


@dataclass(slots=True)
class Store:
    """What is in one region."""

    parts: dict[str, dict[str, dict[str, Any]]] = field(
        default_factory=lambda: {"Model": {}, "EndpointConfig": {}}
    )
    endpoints: dict[str, SimulatedEndpoint] = field(default_factory=dict)
    tags: dict[str, dict[str, str]] = field(default_factory=dict)


class SageMaker:
    """Models, endpoint configurations, endpoints and tags."""

    service = "sagemaker"

    def __init__(self, world: World) -> None:
        self._world = world
        self._limits = SageMakerLimits(world)

    def handle(self, call: AwsCall) -> Response | None:
        """Answer an operation of hosting; moto has the rest of SageMaker."""
        operations = {
            "CreateModel": lambda c: self._create(c, "Model"),
            "CreateEndpointConfig": lambda c: self._create(c, "EndpointConfig"),
            "DescribeModel": lambda c: self._describe(c, "Model"),
            "DescribeEndpointConfig": lambda c: self._describe(c, "EndpointConfig"),
            "DeleteModel": lambda c: self._delete(c, "Model"),
            "DeleteEndpointConfig": lambda c: self._delete(c, "EndpointConfig"),
            "ListModels": lambda c: self._list(c, "Model"),
            "ListEndpointConfigs": lambda c: self._list(c, "EndpointConfig"),
            "CreateEndpoint": self._create_endpoint,
            "DescribeEndpoint": self._describe_endpoint,
            "UpdateEndpoint": self._update_endpoint,
            "DeleteEndpoint": self._delete_endpoint,
            "ListEndpoints": self._list_endpoints,
            "AddTags": self._add_tags,
            "ListTags": self._list_tags,
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
        settle(self._world, call.region)
        answer = operations[call.operation](call)
        if not answer and model("sagemaker").operation_model(call.operation).output_shape is None:
            from werkzeug.wrappers import Response as Empty  # noqa: PLC0415 - for this case alone

            return Empty("", 200)
        return json_response(call, answer)

    # Models and configurations

    def _create(self, call: AwsCall, kind: str) -> dict[str, Any]:
        store = stores(self._world, call.region)
        key, words, _ = _KINDS[kind]
        name = call.parameters[key]
        arn = _arn(call.region, kind, name)
        if name in store.parts[kind]:
            raise AwsError(
                "ValidationException", f'Cannot create already existing {words} "{arn}".'
            )
        if kind == "Model":
            _check_role(call.parameters["ExecutionRoleArn"])
        else:
            self._check_variants(store, call)
        body = {k: v for k, v in call.parameters.items() if k != "Tags"}
        store.parts[kind][name] = {**body, f"{kind}Arn": arn, "CreationTime": self._world.now()}
        store.tags[arn] = _tags(call)
        return {f"{kind}Arn": arn}

    def _check_variants(self, store: Store, call: AwsCall) -> None:
        for variant in call.parameters["ProductionVariants"]:
            name = variant.get("ModelName", "")
            if name not in store.parts["Model"]:
                arn = _arn(call.region, "Model", name)
                raise AwsError("ValidationException", f'Could not find model "{arn}".')
            kind = variant.get("InstanceType", "")
            if variant.get("VolumeSizeInGB") and containers.local_storage_gb(kind):
                raise AwsError(
                    "ValidationException",
                    f"VolumeSizeInGB is not supported for the instance type {kind}.",
                )

    def _describe(self, call: AwsCall, kind: str) -> dict[str, Any]:
        return dict(self._part(call, kind))

    def _delete(self, call: AwsCall, kind: str) -> dict[str, Any]:
        part = self._part(call, kind)
        store = stores(self._world, call.region)
        del store.parts[kind][part[_KINDS[kind][0]]]
        store.tags.pop(part[f"{kind}Arn"], None)
        return {}

    def _part(self, call: AwsCall, kind: str, name: str = "") -> dict[str, Any]:
        key, words, _ = _KINDS[kind]
        name = name or call.parameters[key]
        found = stores(self._world, call.region).parts[kind].get(name)
        if found is None:
            arn = _arn(call.region, kind, name)
            raise AwsError("ValidationException", f'Could not find {words} "{arn}".')
        return found

    def _list(self, call: AwsCall, kind: str) -> dict[str, Any]:
        key = _KINDS[kind][0]
        members = (key, f"{kind}Arn", "CreationTime")
        found = [
            {name: part[name] for name in members}
            for part in stores(self._world, call.region).parts[kind].values()
            if call.parameters.get("NameContains", "") in part[key]
        ]
        return _page(call, f"{kind}s", found)

    # Endpoints

    def _create_endpoint(self, call: AwsCall) -> dict[str, Any]:
        store = stores(self._world, call.region)
        name = call.parameters["EndpointName"]
        arn = _arn(call.region, "Endpoint", name)
        if name in store.endpoints:
            raise AwsError(
                "ValidationException", f'Cannot create already existing endpoint "{arn}".'
            )
        config = self._part(call, "EndpointConfig", call.parameters["EndpointConfigName"])
        self._limits.check(call.region, config["ProductionVariants"], _used(store))
        now = self._world.now()
        store.endpoints[name] = SimulatedEndpoint(
            name=name,
            config=config["EndpointConfigName"],
            status="Creating",
            created=now,
            modified=now,
            **self._course(call.region, config, now),
        )
        store.tags[arn] = _tags(call)
        return {"EndpointArn": arn}

    def _course(self, region: str, config: dict[str, Any], now: datetime) -> dict[str, Any]:
        """Return when and how a start will end."""
        scenario = self._world.scenario
        failure = FAILURES.get(scenario.endpoint_failure)
        kinds = {variant.get("InstanceType", "") for variant in config["ProductionVariants"]}
        if not scenario.capacity or {region, *kinds} & set(scenario.no_capacity_in):
            failure = FAILURES["capacity"]
        ready = now + timedelta(seconds=scenario.endpoint_startup_s)
        return {"failure": failure, "ready": None if failure and failure.never else ready}

    def _describe_endpoint(self, call: AwsCall) -> dict[str, Any]:
        endpoint = self._endpoint(call)
        config = stores(self._world, call.region).parts["EndpointConfig"].get(endpoint.config, {})
        running = endpoint.status in {"InService", "Updating", "RollingBack"}
        variants = [
            {
                "VariantName": variant["VariantName"],
                "DesiredInstanceCount": variant.get("InitialInstanceCount", 1),
                "CurrentInstanceCount": variant.get("InitialInstanceCount", 1) if running else 0,
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
        _refuse_if_busy(call.region, endpoint, _BUSY)
        config = self._part(call, "EndpointConfig", call.parameters["EndpointConfigName"])
        now = self._world.now()
        used = _used(stores(self._world, call.region), without=endpoint.name)
        self._limits.check(call.region, config["ProductionVariants"], used)
        endpoint.status, endpoint.modified, endpoint.reason = "Updating", now, ""
        endpoint.coming = config["EndpointConfigName"]
        for name, value in self._course(call.region, config, now).items():
            setattr(endpoint, name, value)
        return {"EndpointArn": _arn(call.region, "Endpoint", endpoint.name)}

    def _delete_endpoint(self, call: AwsCall) -> dict[str, Any]:
        endpoint = self._endpoint(call)
        delete(self._world, call.region, endpoint)
        return {}

    def _list_endpoints(self, call: AwsCall) -> dict[str, Any]:
        wanted = call.parameters.get("StatusEquals")
        found = [
            _summary(call.region, endpoint)
            for endpoint in stores(self._world, call.region).endpoints.values()
            if call.parameters.get("NameContains", "") in endpoint.name
            and wanted in {None, endpoint.status}
        ]
        return _page(call, "Endpoints", found)

    def _endpoint(self, call: AwsCall) -> SimulatedEndpoint:
        name = call.parameters["EndpointName"]
        found = stores(self._world, call.region).endpoints.get(name)
        if found is None:
            arn = _arn(call.region, "Endpoint", name)
            raise AwsError("ValidationException", f'Could not find endpoint "{arn}".')
        return found

    # Tags

    def _add_tags(self, call: AwsCall) -> dict[str, Any]:
        tags = self._tags_of(call)
        tags.update(_tags(call))
        return {"Tags": _as_list(tags)}

    def _list_tags(self, call: AwsCall) -> dict[str, Any]:
        return {"Tags": _as_list(self._tags_of(call))}

    def _tags_of(self, call: AwsCall) -> dict[str, str]:
        arn = call.parameters["ResourceArn"]
        found = stores(self._world, call.region).tags.get(arn)
        if found is None:
            raise AwsError("ValidationException", f'Could not find resource "{arn}".')
        return found


def stores(world: World, region: str) -> Store:
    """Return what is in a region."""
    store: Store = world.notes["sagemaker"].setdefault(region, Store())
    return store


def settle(world: World, region: str) -> None:
    """Let everything happen in a region that is due: starts, failures, deletions, expiries."""
    store, now = stores(world, region), world.now()
    for endpoint in list(store.endpoints.values()):
        sagemaker_logs.write(region, endpoint, _progress(endpoint, now))
        if endpoint.ready is not None and endpoint.ready <= now:
            _arrive(store, region, endpoint)
    sagemaker_logs.expire(region, now, lambda name: _expire(world, region, name))


def delete(world: World, region: str, endpoint: SimulatedEndpoint) -> None:
    """Begin to delete an endpoint."""
    busy = _BUSY if not world.scenario.delete_while_creating else {"Deleting"}
    _refuse_if_busy(region, endpoint, busy - {"Deleting"})
    endpoint.status = "Deleting"
    endpoint.modified = world.now()
    endpoint.ready = world.now() + timedelta(seconds=world.scenario.endpoint_startup_s / 20)


def _expire(world: World, region: str, name: str) -> None:
    """Do what EventBridge Scheduler was told; a refusal is tried again at the next turn."""
    endpoint = stores(world, region).endpoints.get(name)
    if endpoint is not None:
        try:
            delete(world, region, endpoint)
        except AwsError:
            return
        # Nobody looks while it goes: by the next look it is gone.
        endpoint.ready = world.now()
        _arrive(stores(world, region), region, endpoint)


def _arrive(store: Store, region: str, endpoint: SimulatedEndpoint) -> None:
    endpoint.ready = None
    if endpoint.status == "Deleting":
        del store.endpoints[endpoint.name]
        store.tags.pop(_arn(region, "Endpoint", endpoint.name), None)
    elif endpoint.status == "Creating":
        endpoint.status = "Failed" if endpoint.failure else "InService"
        endpoint.reason = endpoint.failure.reason if endpoint.failure else ""
    elif endpoint.status == "Updating":
        # A failed update leaves the old configuration in service.
        endpoint.status = "InService"
        endpoint.reason = endpoint.failure.reason if endpoint.failure else ""
        endpoint.config = endpoint.config if endpoint.failure else endpoint.coming
        endpoint.coming = ""


def _progress(endpoint: SimulatedEndpoint, now: datetime) -> tuple[str, ...]:
    """Return the log lines that the container has written by now."""
    lines = STARTS if endpoint.failure is None else endpoint.failure.log
    if endpoint.status not in {"Creating", "Updating"}:
        return ()
    if endpoint.ready is None or endpoint.ready <= now:
        return lines
    total = (endpoint.ready - endpoint.modified).total_seconds()
    share = (now - endpoint.modified).total_seconds() / total if total else 1
    # The first tenth goes by before there is a machine.
    return lines[: int(max(0.0, share - 0.1) / 0.9 * len(lines))]


def _refuse_if_busy(region: str, endpoint: SimulatedEndpoint, busy: set[str]) -> None:
    if endpoint.status in busy:
        arn = _arn(region, "Endpoint", endpoint.name)
        raise AwsError("ValidationException", f'Cannot update in-progress endpoint "{arn}".')


def _check_role(arn: str) -> None:
    """Refuse a role that SageMaker cannot assume."""
    name = arn.rsplit("/", 1)[-1]
    role = next((r for r in iam_backends[ACCOUNT]["aws"].roles.values() if r.name == name), None)
    if role is None or "sagemaker.amazonaws.com" not in str(role.assume_role_policy_document):
        raise AwsError(
            "ValidationException",
            f"Could not assume role {arn}. Please ensure that the role exists and allows "
            "principal 'sagemaker.amazonaws.com' to assume the role.",
        )


def _used(store: Store, without: str = "") -> dict[str, int]:
    used: dict[str, int] = {}
    for endpoint in store.endpoints.values():
        config = store.parts["EndpointConfig"].get(endpoint.config, {})
        if endpoint.name == without or endpoint.status == "Failed":
            continue
        for variant in config.get("ProductionVariants", []):
            kind = variant.get("InstanceType", "")
            used[kind] = used.get(kind, 0) + int(variant.get("InitialInstanceCount", 1))
    return used


def _summary(region: str, endpoint: SimulatedEndpoint) -> dict[str, Any]:
    return {
        "EndpointName": endpoint.name,
        "EndpointArn": _arn(region, "Endpoint", endpoint.name),
        "CreationTime": endpoint.created,
        "LastModifiedTime": endpoint.modified,
        "EndpointStatus": endpoint.status,
    }


def _arn(region: str, kind: str, name: str) -> str:
    return f"arn:aws:sagemaker:{region}:{ACCOUNT}:{_KINDS[kind][2]}/{name}"


def _tags(call: AwsCall) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in call.parameters.get("Tags", [])}


def _as_list(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _page(call: AwsCall, field_name: str, items: list[dict[str, Any]]) -> dict[str, Any]:
    start = int(call.parameters.get("NextToken", "0"))
    end = start + call.parameters.get("MaxResults", _PAGE)
    more = {"NextToken": str(end)} if end < len(items) else {}
    return {field_name: items[start:end], **more}
