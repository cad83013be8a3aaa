"""Endpoints on Azure: a GPU machine that serves one model with vLLM, in a group of its own.

What all clouds' machines share is in :mod:`planner.endpoints.machines`; here are Azure's calls.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from planner.endpoints.azure_vm import (
    api,
    checks,
    expiry,
    lookup,
    machine,
    requests,
    secret,
    steps,
)
from planner.endpoints.azure_vm.machine import AzureMachine
from planner.endpoints.ingress import Access
from planner.endpoints.machines.adapter import MachineAdapter
from planner.endpoints.machines.secrets import Kept
from planner.endpoints.model import NEVER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from planner.endpoints.deploying.lifecycle import Step
    from planner.endpoints.deploying.preflight import Check
    from planner.endpoints.interface import Context
    from planner.endpoints.machines.found import Found
    from planner.endpoints.model import DeploymentSpec, Endpoint, Secret


class Adapter(MachineAdapter):
    """GPU machines of Azure."""

    cloud = "azure"
    service = "azure-vm"
    title = "Azure"
    longest_name = requests.LONGEST_NAME
    tunnel_programs = machine.PROGRAMS
    access_modes = (Access.TUNNEL, Access.PUBLIC)
    provisioning_models = requests.MODELS
    ended_by = "a Logic App"
    console_title = "serial console"

    def regions(self) -> list[str]:
        """Return the regions in which planner has something: one call for the subscription."""
        return sorted({item.region for item in lookup.groups()})

    def pinned(self) -> Mapping[str, str]:
        """Return the image, its version and CUDA, and the machine image."""
        return requests.settings()

    def checks(self, spec: DeploymentSpec, *, may_create_roles: bool) -> Sequence[Check]:
        """Return what to look at before a deploy."""
        del may_create_roles  # what it needs is made with it, in its own group
        return checks.checks(spec)

    def look(self, region: str, name: str = "") -> list[Found]:
        """Return what the subscription has of endpoints in a region, or of one of them."""
        return lookup.look(region, name)

    def prepare(self, spec: DeploymentSpec, *, create_roles: bool) -> DeploymentSpec:
        """Return the specification as it is: identities are made in the endpoint's group."""
        del create_roles
        return spec

    def steps(self, spec: DeploymentSpec, context: Context) -> list[Step]:
        """Return the steps that make the endpoint."""
        return steps.create(spec, context, partial(self.keep, spec.name, spec.region))

    def locate(self, name: str, region: str) -> AzureMachine:
        """Return the machine of an endpoint, by the list of groups.

        Raises:
            NotFoundError: There is none.
        """
        where = lookup.place(name, region).group
        return AzureMachine(where, name, lambda: lookup.is_being_made(lookup.place(name, region)))

    def removals(self, endpoint: Endpoint, context: Context) -> Iterator[Callable[[], None]]:
        """Yield what removes every group of the endpoint, and the vaults that they leave behind.

        Groups that came after the endpoint was looked at are another run's.
        """
        for item in lookup.groups(endpoint.name, endpoint.region):
            if f"group:{item.group.name}" in endpoint.parts:
                yield partial(_remove, item, context)

    def stored_keys(self, endpoint: Endpoint) -> Secret:
        """Return what the endpoint's vault holds for the way in."""
        return secret.keys(requests.vault_name(lookup.place(endpoint.name, endpoint.region).run))

    def store_keys(self, endpoint: Endpoint, keys: Secret) -> None:
        """Put another value there."""
        place = lookup.place(endpoint.name, endpoint.region)
        secret.put(place.group, requests.KEY, Kept("the key", keys), api.unattended())

    def settings(self, endpoint: Endpoint) -> dict[str, str]:
        """Return the settings of an endpoint in the words of ``DeploymentSpec.settings``."""
        return lookup.settings(endpoint)

    def extend(self, endpoint: Endpoint, expires_at: datetime | None) -> None:
        """Move the expiry, in the cloud: the auto-shutdown first, as it comes sooner."""
        where, context = lookup.place(endpoint.name, endpoint.region).group, api.unattended()
        name, region = endpoint.name, endpoint.region
        if expires_at is None:
            expiry.drop(where, name, region, context)
            expiry.tag(where, NEVER)
            return
        tags = requests.short_tags(name, where.name.rpartition("-")[2])
        expiry.set_shutdown(where, name, region, expires_at, context)
        expiry.put(where, region, tags, expires_at, context)
        expiry.tag(where, expires_at.strftime("%Y-%m-%dT%H:%M:%SZ"))


def _remove(item: lookup.Found, context: Context) -> None:
    api.remove_group(item.group.name, context)
    secret.purge(item.run, item.region)
