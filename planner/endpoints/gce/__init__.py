"""Endpoints on Compute Engine: a GPU machine that serves one model with vLLM.

What all clouds' machines share is in :mod:`planner.endpoints.machines`; here are Google's calls.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from planner.endpoints.gce import (
    api,
    checks,
    compute,
    identities,
    lookup,
    machine,
    requests,
    secret,
    steps,
)
from planner.endpoints.gce.machine import GceMachine
from planner.endpoints.ingress import Access
from planner.endpoints.machines import watch
from planner.endpoints.machines.adapter import MachineAdapter
from planner.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from planner.endpoints.deploying.lifecycle import Step
    from planner.endpoints.deploying.preflight import Check
    from planner.endpoints.interface import Context
    from planner.endpoints.machines.found import Found
    from planner.endpoints.model import DeploymentSpec, Endpoint, Secret


class Adapter(MachineAdapter):
    """GPU machines of Compute Engine."""

    cloud = "gcp"
    service = "gce"
    title = "Compute Engine"
    longest_name = requests.LONGEST_NAME
    tunnel_programs = machine.PROGRAMS
    access_modes = tuple(Access)
    provisioning_models = requests.MODELS
    ended_by = "Compute Engine"
    console_title = "serial port 1"

    def regions(self) -> list[str]:
        """Return the regions of the project."""
        pages = api.pages("regions", "list the regions", action="compute.regions.list")
        return sorted(item["name"] for page in pages for item in page.get("items", []))

    def pinned(self) -> Mapping[str, str]:
        """Return the image, its version and CUDA, and the family of the machine image."""
        return requests.settings()

    def checks(self, spec: DeploymentSpec, *, may_create_roles: bool) -> Sequence[Check]:
        """Return what to look at before a deploy."""
        return checks.checks(spec, may_create_roles=may_create_roles)

    def look(self, region: str, name: str = "") -> list[Found]:
        """Return what the project has of planner's endpoints in a region, or of one of them."""
        return lookup.look(region, name)

    def prepare(self, spec: DeploymentSpec, *, create_roles: bool) -> DeploymentSpec:
        """Return the specification with the service account it runs as, where there is one."""
        account = spec.execution_role or identities.account()
        if not account and create_roles:
            account = identities.create_account()
        return replace(spec, execution_role=account)

    def steps(self, spec: DeploymentSpec, context: Context) -> list[Step]:
        """Return the steps that make the endpoint."""
        return steps.create(spec, context, partial(self.keep, spec.name, spec.region))

    def locate(self, name: str, region: str) -> GceMachine:
        """Return the machine of an endpoint, by the project's list.

        Raises:
            NotFoundError: There is none.
        """
        for item in lookup.instances(name):
            if lookup.region_of(item) == region:
                return GceMachine(name, lookup.zone_of(item))
        raise watch.gone(name, self.title)

    def removals(self, endpoint: Endpoint, context: Context) -> Iterator[Callable[[], None]]:
        """Yield what removes the machines and secrets of the endpoint, whatever its parts say."""
        for item in lookup.instances(endpoint.name):
            if lookup.region_of(item) == endpoint.region:
                zone, key = lookup.zone_of(item), f"destroy/{item['id']}"
                yield partial(compute.delete_machine, zone, endpoint.name, context, key=key)
        for kept in secret.stored(endpoint.region, endpoint.name):
            yield partial(secret.delete, kept.name)

    def stored_keys(self, endpoint: Endpoint) -> Secret:
        """Return what Secret Manager holds for the way in."""
        return secret.read(secret.key_of(endpoint))

    def store_keys(self, endpoint: Endpoint, keys: Secret) -> None:
        """Put another value there."""
        secret.write(secret.key_of(endpoint), keys)

    def settings(self, endpoint: Endpoint) -> dict[str, str]:
        """Return the settings of an endpoint in the words of ``DeploymentSpec.settings``."""
        found = lookup.instances(endpoint.name)
        return dict(lookup.details(found[0]).get("settings", {})) if found else {}

    def extend(self, endpoint: Endpoint, expires_at: datetime | None) -> None:
        """Refuse: Compute Engine changes the run time of stopped machines only.

        Raises:
            UsageError: Always.
        """
        del expires_at
        raise UsageError(
            f"the expiry of {endpoint.name} cannot be moved while it runs",
            why="Compute Engine sets the run time of a machine that is stopped only, and a "
            "stopped machine may find no room to start again",
            advice=f"planner deploy {endpoint.model or 'MODEL'} --to gce --name "
            f"{endpoint.name}-2, then planner destroy {endpoint.name}",
        )
