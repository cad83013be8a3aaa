"""Simulated models, endpoint configurations and tags of SageMaker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from planner.endpoints.deploying import containers
from planner.sandbox.aws import principals
from planner.sandbox.aws.protocol import AwsCall, AwsError
from planner.sandbox.aws.sagemaker_store import (
    KINDS,
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


class Parts:
    """What costs nothing."""

    def __init__(self, world: World) -> None:
        self._world = world

    def create(self, call: AwsCall, kind: str) -> dict[str, Any]:
        """Create a model or a configuration."""
        store = stores(self._world, call.region)
        name = call.parameters[KINDS[kind][0]]
        arn = arn_of(call.region, kind, name)
        if name in store.parts[kind]:
            raise taken(call.region, kind, name)
        if kind == "Model":
            self._check_role(call.parameters["ExecutionRoleArn"])
        else:
            self._check_variants(store, call)
        changing(self._world, call.region, kind, name)
        body = {k: v for k, v in call.parameters.items() if k != "Tags"}
        store.parts[kind][name] = {**body, f"{kind}Arn": arn, "CreationTime": self._world.now()}
        store.tags[arn] = tags_of(call)
        return {f"{kind}Arn": arn}

    def describe(self, call: AwsCall, kind: str) -> dict[str, Any]:
        """Describe a model or a configuration."""
        return dict(self.look(call, kind, call.parameters[KINDS[kind][0]]))

    def delete(self, call: AwsCall, kind: str) -> dict[str, Any]:
        """Delete a model or a configuration."""
        part = self.find(call, kind)
        store = stores(self._world, call.region)
        changing(self._world, call.region, kind, part[KINDS[kind][0]])
        del store.parts[kind][part[KINDS[kind][0]]]
        store.tags.pop(part[f"{kind}Arn"], None)
        return {}

    def look(self, call: AwsCall, kind: str, name: str) -> dict[str, Any]:
        """Return a model or a configuration as a reader sees it, who may be behind.

        Raises:
            AwsError: They see none of that name.
        """
        found: dict[str, Any] | None = seen(self._world, call.region, kind, name)
        if found is None:
            raise missing(call.region, kind, name)
        return found

    def find(self, call: AwsCall, kind: str) -> dict[str, Any]:
        """Return the model or the configuration that the call names, as it is.

        Raises:
            AwsError: There is none of that name.
        """
        name = call.parameters[KINDS[kind][0]]
        found = stores(self._world, call.region).parts[kind].get(name)
        if found is None:
            raise missing(call.region, kind, name)
        return found

    def list(self, call: AwsCall, kind: str) -> dict[str, Any]:
        """List models or configurations."""
        key = KINDS[kind][0]
        members = (key, f"{kind}Arn", "CreationTime")
        found = [
            {name: part[name] for name in members}
            for part in listed(self._world, call.region, kind).values()
            if call.parameters.get("NameContains", "") in part[key]
        ]
        return page(call, f"{kind}s", found)

    def add_tags(self, call: AwsCall) -> dict[str, Any]:
        """Tag anything."""
        tags = self._tags(call)
        tags.update(tags_of(call))
        return {"Tags": _as_list(tags)}

    def list_tags(self, call: AwsCall) -> dict[str, Any]:
        """List the tags of anything."""
        return {"Tags": _as_list(self._tags(call))}

    def _tags(self, call: AwsCall) -> dict[str, str]:
        arn = call.parameters["ResourceArn"]
        found = stores(self._world, call.region).tags.get(arn)
        if found is None:
            raise AwsError("ValidationException", f'Could not find resource "{arn}".')
        return found

    def _check_variants(self, store: Store, call: AwsCall) -> None:
        components = for_components(call.parameters)
        if components and not call.parameters.get("ExecutionRoleArn"):
            raise AwsError(
                "ValidationException",
                "ExecutionRoleArn is required for an endpoint configuration that is used with "
                "inference components.",
            )
        for variant in call.parameters["ProductionVariants"]:
            name = variant.get("ModelName", "")
            if name and name not in store.parts["Model"]:
                raise missing(call.region, "Model", name)
            self._check_scaling(call.region, variant, components=components)
            kind = variant.get("InstanceType", "")
            if variant.get("VolumeSizeInGB") and containers.local_storage_gb(kind):
                raise AwsError(
                    "ValidationException",
                    f"VolumeSizeInGB is not supported for the instance type {kind}.",
                )

    def _check_role(self, arn: str) -> None:
        """Refuse a role that SageMaker cannot assume, or not yet."""
        if not principals.assumable(self._world, arn, "sagemaker.amazonaws.com"):
            raise AwsError(
                "ValidationException",
                f"Could not assume role {arn}. Please ensure that the role exists and allows "
                "principal 'sagemaker.amazonaws.com' to assume the role.",
            )

    def _check_scaling(self, region: str, variant: dict[str, Any], *, components: bool) -> None:
        scaling = variant.get("ManagedInstanceScaling")
        if scaling is None:
            return
        if not components:
            raise AwsError(
                "ValidationException",
                "ManagedInstanceScaling is only supported for inference component endpoints.",
            )
        closed = region in self._world.scenario.no_scale_to_zero_in
        if closed and scaling.get("MinInstanceCount") == 0:
            raise AwsError(
                "ValidationException",
                "Min instance count needs to be greater than 0 for enabled managed instance "
                "scaling",
            )


def _as_list(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
