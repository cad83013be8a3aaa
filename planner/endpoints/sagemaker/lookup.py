"""Find planner's endpoints on SageMaker by their tags, and what is left of those that went."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from planner.endpoints.model import (
    TAG_ENDPOINT,
    TAG_EXPIRES,
    TAG_GUARD,
    TAG_HOURLY,
    TAG_MODEL,
    TAG_OWNER,
    TAG_PRECISION,
    TAG_SETTINGS,
    Endpoint,
    State,
)
from planner.endpoints.sagemaker import api, expiry, requests
from planner.errors import CloudError, PlannerError

_STATES = {
    "Creating": State.CREATING,
    "InService": State.IN_SERVICE,
    "Updating": State.UPDATING,
    "SystemUpdating": State.UPDATING,
    "RollingBack": State.UPDATING,
    "Deleting": State.DELETING,
    "Failed": State.FAILED,
    "OutOfService": State.FAILED,
    "UpdateRollbackFailed": State.FAILED,
}
_PART = re.compile(r"(?P<endpoint>.+)-[0-9a-f]{8}")
_LAST_REQUEST_WITHIN = timedelta(days=1)
_METRIC_PERIOD_S = 300


def endpoints(region: str) -> list[Endpoint]:
    """Return planner's endpoints in a region, leftovers last."""
    found = {}
    listed = _names(region, "list_endpoints", "Endpoints", "EndpointName")
    # The list is behind: what was just made has its expiry already.
    ordered = map(requests.endpoint_of_schedule, expiry.schedules("", region))
    for name in dict.fromkeys([*listed, *ordered]):
        made = find(name, region)
        if made is not None:
            found[name] = made
    return [*found.values(), *leftovers(region, set(found))]


def find(name: str, region: str) -> Endpoint | None:
    """Return the endpoint of that name with what belongs to it.

    An endpoint without planner's tags is returned without an owner: it is not planner's.
    """
    described = api.describe(name, region)
    if described is None:
        return None
    tags = tags_of(str(described["EndpointArn"]), region)
    if tags.get(TAG_ENDPOINT) != name:
        return Endpoint(
            name=name,
            cloud="aws",
            service="sagemaker",
            region=region,
            state=_STATES.get(described["EndpointStatus"], State.FAILED),
            native_state=described["EndpointStatus"],
            problem="it was not made by planner",
        )
    config_name = described["EndpointConfigName"]
    config = _config(config_name, region)
    variant = (config.get("ProductionVariants") or [{}])[0]
    schedules = expiry.schedules(name, region)
    endpoint = Endpoint(
        name=name,
        cloud="aws",
        service="sagemaker",
        region=region,
        state=_STATES.get(described["EndpointStatus"], State.FAILED),
        native_state=described["EndpointStatus"],
        model=tags.get(TAG_MODEL, ""),
        precision=tags.get(TAG_PRECISION, ""),
        owner=tags.get(TAG_OWNER, ""),
        instance_type=variant.get("InstanceType", ""),
        instances=_instances(described, variant),
        hourly_usd=_money(tags.get(TAG_HOURLY, "")),
        created_at=described["CreationTime"].astimezone(UTC),
        expires_at=_moment(tags.get(TAG_EXPIRES, "")),
        guarded=not all(map(requests.is_idle, schedules)),
        settings_hash=tags.get(TAG_SETTINGS, ""),
        parts=(
            f"endpoint:{name}",
            f"endpoint_config:{config_name}",
            *(f"model:{v['ModelName']}" for v in [variant] if "ModelName" in v),
            *(f"schedule:{schedule}" for schedule in schedules),
            *(f"guard:{kind}" for kind in tags.get(TAG_GUARD, "").split()),
        ),
        problem=described.get("FailureReason", ""),
    )
    managed = "ManagedInstanceScaling" in variant
    return _with_component(endpoint, config_name) if managed else endpoint


def component_of(endpoint: Endpoint) -> str:
    """Return the inference component of an endpoint; empty where it has none."""
    kinds = (part.partition(":") for part in endpoint.parts)
    return next((name for kind, _, name in kinds if kind == "component"), "")


def _with_component(endpoint: Endpoint, config_name: str) -> Endpoint:
    """Return an endpoint with the state of its inference component, whose machine it only is."""
    # By name, which is its configuration's: the list of components is behind.
    described = api.describe_component(config_name, endpoint.region)
    names = dict.fromkeys(
        [
            *([config_name] if described is not None else []),
            *api.components(endpoint.name, endpoint.region),
        ]
    )
    parts = (*endpoint.parts, f"model:{config_name}", *(f"component:{name}" for name in names))
    there = replace(endpoint, scales_to_zero=True, parts=parts)
    if endpoint.state is not State.IN_SERVICE:
        return there
    if described is None:
        problem = "it has a machine and no model: its deploy was cut off; planner destroy "
        return replace(
            there, state=State.FAILED, occupied=True, problem=f"{problem}{endpoint.name}"
        )
    state = _STATES.get(described["InferenceComponentStatus"], State.FAILED)
    return replace(
        there,
        # A component that gets or loses copies is in service, or wakes.
        state=State.IN_SERVICE if state is State.UPDATING else state,
        occupied=state is State.FAILED,
        problem=described.get("FailureReason", ""),
    )


def leftovers(region: str, living: set[str], only: str = "") -> list[Endpoint]:
    """Return what is left of endpoints that are gone: it costs nothing, but is in the way.

    Args:
        region: Where to look.
        living: Endpoints that are there; their parts are not left over.
        only: Look for the parts of this endpoint alone.
    """
    parts: dict[str, list[str]] = {}
    for kind, operation, field, key in (
        ("endpoint_config", "list_endpoint_configs", "EndpointConfigs", "EndpointConfigName"),
        ("model", "list_models", "Models", "ModelName"),
    ):
        for name, arn in _named(region, operation, field, key, only).items():
            match = _PART.fullmatch(name)
            if match is None or match["endpoint"] in living:
                continue
            if only not in {"", match["endpoint"]}:
                continue
            tags = tags_of(arn, region)
            if tags.get(TAG_ENDPOINT) == match["endpoint"]:
                found = parts.setdefault(match["endpoint"], [])
                found.append(f"{kind}:{name}")
                found += [f"guard:{item}" for item in tags.get(TAG_GUARD, "").split()]
    for name, endpoint in _lost_components(region, living, only).items():
        parts.setdefault(endpoint, []).append(f"component:{name}")
    for schedule in expiry.schedules(only, region):
        endpoint = requests.endpoint_of_schedule(schedule)
        if endpoint not in living:
            parts.setdefault(endpoint, []).append(f"schedule:{schedule}")
    return [
        Endpoint(
            name=name,
            cloud="aws",
            service="sagemaker",
            region=region,
            state=State.LEFTOVER,
            parts=tuple(items),
            problem="the endpoint is gone; these parts cost nothing",
        )
        for name, items in sorted(parts.items())
    ]


def _lost_components(region: str, living: set[str], only: str) -> dict[str, str]:
    """Return planner's inference components that have outlived their endpoints."""
    found = api.pages(
        "sagemaker",
        region,
        "list_inference_components",
        "list the inference components",
        **({"NameContains": only} if only else {}),
    )
    lost = {}
    for item in (item for page in found for item in page["InferenceComponents"]):
        name, endpoint = item["InferenceComponentName"], item["EndpointName"]
        wanted = endpoint not in living and only in {"", endpoint}
        if wanted and tags_of(item["InferenceComponentArn"], region).get(TAG_ENDPOINT) == endpoint:
            lost[name] = endpoint
    return lost


def last_request(endpoint: Endpoint, now: datetime) -> datetime | None:
    """Return when the endpoint was last asked something, to five minutes; None: not lately."""
    answer = api.call(
        "cloudwatch",
        endpoint.region,
        "get_metric_statistics",
        f"see when {endpoint.name} was last used",
        Namespace="AWS/SageMaker",
        MetricName="Invocations",
        Dimensions=dimensions(endpoint),
        StartTime=now - _LAST_REQUEST_WITHIN,
        EndTime=now + timedelta(minutes=5),
        Period=_METRIC_PERIOD_S,
        Statistics=["Sum"],
    )
    times = [point["Timestamp"] for point in answer["Datapoints"] if point["Sum"] > 0]
    return max(times).astimezone(UTC) if times else None


def dimensions(endpoint: Endpoint) -> list[dict[str, str]]:
    """Return what selects an endpoint's own metrics in CloudWatch."""
    return requests.metric_dimensions(endpoint.name, component_of(endpoint))


def settings(endpoint: Endpoint) -> dict[str, str]:
    """Return an endpoint's settings in the words of ``DeploymentSpec.settings``; no secret.

    Weights and precision are part of the environment, and are compared there.
    """
    described = api.describe(endpoint.name, endpoint.region)
    if described is None:
        return {}
    config = _config(str(described["EndpointConfigName"]), endpoint.region)
    variant = (config.get("ProductionVariants") or [{}])[0]
    managed = "ManagedInstanceScaling" in variant
    model_name = variant.get("ModelName") or (config["EndpointConfigName"] if managed else "")
    if not model_name:
        return {}
    model = api.call(
        "sagemaker",
        endpoint.region,
        "describe_model",
        "look at the model",
        ModelName=model_name,
    )
    container = model["PrimaryContainer"]
    held = variant.get("CapacityReservationConfig", {}).get("MlReservationArn", "")
    environment = {
        f"${name}": value
        for name, value in container.get("Environment", {}).items()
        if not name.endswith("TOKEN")  # HF_TOKEN; MAX_TOTAL_TOKENS is none
    }
    return {
        "model": endpoint.model,
        "instance type": variant.get("InstanceType", ""),
        "instances": str(variant.get("InitialInstanceCount", 1)),
        "image": container.get("Image", ""),
        "machine image": variant.get("InferenceAmiVersion", ""),
        **({"scales to zero": "yes"} if managed else {}),
        **({"reservation": held} if held else {}),
        **environment,
    }


def _instances(described: dict[str, Any], variant: dict[str, Any]) -> int:
    running = (described.get("ProductionVariants") or [{}])[0]
    if "ManagedInstanceScaling" in variant and "CurrentInstanceCount" in running:
        return int(running["CurrentInstanceCount"])
    return int(running.get("CurrentInstanceCount") or variant.get("InitialInstanceCount") or 1)


def _config(name: str, region: str) -> dict[str, Any]:
    try:
        return api.call(
            "sagemaker",
            region,
            "describe_endpoint_config",
            f"look at the configuration {name}",
            EndpointConfigName=name,
        )
    except CloudError as error:
        if api.is_missing(error):
            return {}
        raise


def tags_of(arn: str, region: str) -> dict[str, str]:
    """Return the tags of a thing; none where it is gone."""
    try:
        found = api.call("sagemaker", region, "list_tags", "read the tags", ResourceArn=arn)
    except PlannerError as error:
        # Deleted between two looks.
        if api.is_missing(error):
            return {}
        raise
    return {tag["Key"]: tag["Value"] for tag in found["Tags"]}


def _names(region: str, operation: str, field: str, key: str) -> list[str]:
    return list(_named(region, operation, field, key))


def _named(region: str, operation: str, field: str, key: str, contains: str = "") -> dict[str, str]:
    words = operation.replace("_", " ")
    arn = key.replace("Name", "Arn")
    parameters = {"NameContains": contains} if contains else {}
    found = api.pages("sagemaker", region, operation, words, **parameters)
    return {item[key]: item[arn] for page in found for item in page[field]}


def _money(text: str) -> Decimal | None:
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
