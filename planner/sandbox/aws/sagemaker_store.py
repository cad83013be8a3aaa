"""What stands in the simulated SageMaker, per region, and how it is named and listed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from planner.sandbox.aws.protocol import ACCOUNT, AwsCall, AwsError

if TYPE_CHECKING:
    from datetime import datetime

    from planner.sandbox.aws.sagemaker_failures import Failure
    from planner.sandbox.world import World

KINDS = {
    "Model": ("ModelName", "model", "model"),
    "EndpointConfig": ("EndpointConfigName", "endpoint configuration", "endpoint-config"),
    "Endpoint": ("EndpointName", "endpoint", "endpoint"),
    "InferenceComponent": (
        "InferenceComponentName",
        "inference component",
        "inference-component",
    ),
}
"""Kind -> (the parameter that names it, in SageMaker's words, in an ARN)."""
BUSY = {"Creating", "Updating", "Deleting", "RollingBack"}
_PAGE = 100


@dataclass(slots=True)
class SimulatedEndpoint:
    """One endpoint and its course.

    Attributes:
        config: In force.
        coming: The configuration of an update under way.
        ready: When it reaches the state after the present one; None: it stays.
        failure: How the start or the update will fail; None where it succeeds.
        used: When it came into service or was last asked something.
        arrived: When its last change was over.
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
    used: datetime | None = None
    arrived: datetime | None = None


@dataclass(slots=True)
class SimulatedComponent:
    """One inference component: a model on the machines of an endpoint.

    Attributes:
        copies: That serve now.
        desired: That Application Auto Scaling, or the creation, wants.
        used: When it last became ready or was asked something; scaling in counts from here.
    """

    name: str
    endpoint: str
    variant: str
    specification: dict[str, Any]
    desired: int
    status: str
    created: datetime
    modified: datetime
    ready: datetime | None
    used: datetime
    copies: int = 0
    failure: Failure | None = None
    reason: str = ""


@dataclass(slots=True)
class Scaling:
    """What Application Auto Scaling knows of one inference component."""

    target: dict[str, Any]
    policies: dict[str, dict[str, Any]] = field(default_factory=dict)
    actions: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(slots=True)
class Store:
    """What is in one region."""

    parts: dict[str, dict[str, dict[str, Any]]] = field(
        default_factory=lambda: {"Model": {}, "EndpointConfig": {}}
    )
    endpoints: dict[str, SimulatedEndpoint] = field(default_factory=dict)
    components: dict[str, SimulatedComponent] = field(default_factory=dict)
    scaling: dict[str, Scaling] = field(default_factory=dict)
    tags: dict[str, dict[str, str]] = field(default_factory=dict)

    def variant(self, endpoint: SimulatedEndpoint) -> dict[str, Any]:
        """Return the first variant of the configuration in force."""
        config = self.parts["EndpointConfig"].get(endpoint.config, {})
        variant: dict[str, Any] = (config.get("ProductionVariants") or [{}])[0]
        return variant

    def machines(self, endpoint: SimulatedEndpoint) -> int:
        """Return how many machines run: with components, as many as their copies need."""
        there = [item for item in self.components.values() if item.endpoint == endpoint.name]
        if there:
            return max(max(item.copies, item.desired) for item in there)
        return int(self.variant(endpoint).get("InitialInstanceCount", 1))

    def used(self, without: str = "") -> dict[str, int]:
        """Return how many machines of each type count against the quotas."""
        used: dict[str, int] = {}
        for endpoint in self.endpoints.values():
            if endpoint.name == without or endpoint.status == "Failed":
                continue
            kind = self.variant(endpoint).get("InstanceType", "")
            used[kind] = used.get(kind, 0) + self.machines(endpoint)
        return used


def stores(world: World, region: str) -> Store:
    """Return what is in a region."""
    store: Store = world.notes["sagemaker"].setdefault(region, Store())
    return store


def changing(world: World, region: str, kind: str, name: str, at: datetime | None = None) -> None:
    """Note what a thing is, just before it is made or goes: readers see that for a while."""
    before = _kept(world, region, kind).get(name)
    world.lag.changing(("sagemaker", region, kind), name, before, at)


def seen(world: World, region: str, kind: str, name: str) -> Any:  # noqa: ANN401 - of any kind
    """Return a thing as who looks at it by its name sees it; None where they see none."""
    there = _kept(world, region, kind).get(name)
    return world.lag.seen(("sagemaker", region, kind), name, there, world.scenario.read_lag_s)


def listed(world: World, region: str, kind: str) -> dict[str, Any]:
    """Return all things of a kind as their list shows them."""
    kept, delay = _kept(world, region, kind), world.scenario.list_lag_s
    return world.lag.all_seen(("sagemaker", region, kind), kept, delay)


def _kept(world: World, region: str, kind: str) -> dict[str, Any]:
    store = stores(world, region)
    own: dict[str, dict[str, Any]] = {
        "Endpoint": store.endpoints,
        "InferenceComponent": store.components,
    }
    return own.get(kind) or store.parts.get(kind, {})


def for_components(config: dict[str, Any]) -> bool:
    """Tell whether a configuration is for inference components: its variant names no model."""
    return not any(variant.get("ModelName") for variant in config["ProductionVariants"])


def arn_of(region: str, kind: str, name: str) -> str:
    """Return the ARN of a thing."""
    return f"arn:aws:sagemaker:{region}:{ACCOUNT}:{KINDS[kind][2]}/{name}"


def taken(region: str, kind: str, name: str) -> AwsError:
    """Return the error that a name is in use."""
    words, arn = KINDS[kind][1], arn_of(region, kind, name)
    return AwsError("ValidationException", f'Cannot create already existing {words} "{arn}".')


def missing(region: str, kind: str, name: str) -> AwsError:
    """Return the error that there is no such thing."""
    words, arn = KINDS[kind][1], arn_of(region, kind, name)
    return AwsError("ValidationException", f'Could not find {words} "{arn}".')


def tags_of(call: AwsCall) -> dict[str, str]:
    """Return the tags that a call brings."""
    return {tag["Key"]: tag["Value"] for tag in call.parameters.get("Tags", [])}


def page(call: AwsCall, field_name: str, items: list[dict[str, Any]]) -> dict[str, Any]:
    """Return one page of a list."""
    start = int(call.parameters.get("NextToken", "0"))
    end = start + call.parameters.get("MaxResults", _PAGE)
    more = {"NextToken": str(end)} if end < len(items) else {}
    return {field_name: items[start:end], **more}
