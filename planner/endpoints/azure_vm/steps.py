"""The steps of a deploy on Azure: a group, its expiry, then what costs money, inside it.

All lies in the group, so one undo takes all of it back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from planner.clouds import azure, settings
from planner.endpoints.azure_vm import (
    access,
    api,
    expiry,
    lookup,
    requests,
    reservations,
    secret,
    sizes,
)
from planner.endpoints.azure_vm.machine import AzureMachine
from planner.endpoints.deploying.lifecycle import Step
from planner.endpoints.machines import steps
from planner.endpoints.watching import waiting
from planner.errors import CapacityError, CloudError

if TYPE_CHECKING:
    from collections.abc import Callable

    from planner.endpoints.azure_vm.requests import Group
    from planner.endpoints.interface import Context
    from planner.endpoints.model import DeploymentSpec
    from planner.ledger import Resource

_MACHINES = "Microsoft.Compute/virtualMachines"
_RULES = "Microsoft.Network/networkSecurityGroups"
_NETWORKS = "Microsoft.Network/virtualNetworks"


def create(
    spec: DeploymentSpec, context: Context, keep: Callable[[AzureMachine], None]
) -> list[Step]:
    """Return the steps that make an endpoint; it is not in service yet after them.

    Args:
        spec: What to make.
        context: How to wait.
        keep: Told of the machine before it is made; its group is known by its name.
    """
    where = api.group(requests.group_name(spec))
    keep(AzureMachine(where, spec.name))
    made = [
        Step(
            f"create the resource group {where.name}",
            lambda: _create_group(spec, where),
            lambda: remove_run(spec, context),
            _record(spec, where),
        ),
        Step("claim the name", lambda: _claim(spec, where, context)),
    ]
    ends = spec.expires_at
    if ends is not None:
        tags = requests.short_tags(spec.name, spec.run)
        made.append(
            Step(
                "set the expiry",
                lambda: expiry.put(where, spec.region, tags, ends, context),
            )
        )
    if spec.has_secrets:
        stored = " and ".join(kept.what for kept in secret.of(spec).values())
        made.append(
            Step(f"store {stored} in Key Vault", lambda: secret.create(spec, where, context))
        )
    made += [
        Step("make a closed network", lambda: _create_network(spec, where, context)),
        Step(f"create the machine {spec.name}", lambda: _create_machine(spec, where, context)),
    ]
    if ends is not None:
        made.append(
            Step(
                "set the auto-shutdown",
                lambda: expiry.set_shutdown(where, spec.name, spec.region, ends, context),
            )
        )
    return [*made, Step("claim the name again", lambda: _claim(spec, where, context))]


def remove_run(spec: DeploymentSpec, context: Context) -> None:
    """Remove the group of this run, and the vault that its deletion leaves behind."""
    api.remove_group(requests.group_name(spec), context)
    if spec.has_secrets:
        secret.purge(spec.run, spec.region)


def _create_group(spec: DeploymentSpec, where: Group) -> str:
    action = "Microsoft.Resources/subscriptions/resourceGroups/write"
    with azure.errors("create the resource group", action=action):
        azure.resources().resource_groups.create_or_update(
            where.name, requests.group(spec, settings.now())
        )
    return where.id


def _claim(spec: DeploymentSpec, where: Group, context: Context) -> str:
    """Give way to an older group of the name: names of groups carry the run.

    Looked at before the machine is made and after it: clocks may differ. A list that shows this
    run's group shows what is older, too.
    """
    waiting.until(lambda: spec.run in _runs(spec), context)
    runs = _runs(spec)
    if spec.run not in runs and api.group_is_there(where.name):
        runs.append(spec.run)
    steps.claim(spec, runs, "Azure")
    return ""


def _runs(spec: DeploymentSpec) -> list[str]:
    living = [item for item in lookup.groups(spec.name, spec.region) if not item.deleting]
    return [item.run for item in living]


def _create_network(spec: DeploymentSpec, where: Group, context: Context) -> str:
    api.put(
        where.part(_RULES, requests.NSG),
        requests.nsg(spec),
        "close the network",
        context,
        kind=_RULES,
    )
    api.put(
        where.part(_NETWORKS, requests.NETWORK),
        requests.virtual_network(spec, where),
        "create the network",
        context,
        kind=_NETWORKS,
    )
    return ""


def _create_machine(spec: DeploymentSpec, where: Group, context: Context) -> str:
    """Create the machine where there is room: wherever Azure likes, then zone by zone."""
    places = _places(spec)

    def make(zone: str) -> None:
        try:
            _put_machine(spec, where, zone, context)
        except CapacityError:
            # It stays as a machine that failed, bound to its zone.
            _delete_machine(spec, where, context)
            raise

    steps.where_there_is_room(spec, context, places, make)
    return where.part(_MACHINES, spec.name)


def _places(spec: DeploymentSpec) -> list[tuple[str, str]]:
    """Return the zones to try; that of the reservation alone, where one is named."""
    size, region = spec.plan.instance_type, spec.region
    if spec.reservation:
        held = reservations.look_up(size, spec.reservation, region)
        return [(held.zone, held.place)]
    zones = sizes.zones(size, region)
    return [("", region), *((zone, f"{region} zone {zone}") for zone in zones)]


def _put_machine(spec: DeploymentSpec, where: Group, zone: str, context: Context) -> None:
    """Make the machine, with the first security profile that the subscription and image take."""
    for profile in requests.SECURITY_PROFILES:
        body = requests.virtual_machine(spec, where, zone, access.public_key(), profile)
        if spec.reservation:
            body["properties"] |= reservations.member(spec.reservation)
        try:
            _put_body(spec, where, body, context)
        except CloudError as error:
            last = profile is requests.SECURITY_PROFILES[-1]
            if last or not requests.is_about_security(error.why):
                raise
        else:
            return


def _put_body(spec: DeploymentSpec, where: Group, body: dict[str, Any], context: Context) -> None:
    from azure.mgmt.compute import models

    client = azure.compute().virtual_machines
    machine = models.VirtualMachine(body)
    api.finish(
        lambda polling: client.begin_create_or_update(
            where.name, spec.name, machine, polling=polling
        ),
        f"create the machine {spec.name}",
        context,
        action=f"{_MACHINES}/write",
        region=spec.region,
    )


def _delete_machine(spec: DeploymentSpec, where: Group, context: Context) -> None:
    client = azure.compute().virtual_machines
    api.finish(
        lambda polling: client.begin_delete(
            where.name, spec.name, force_deletion=True, polling=polling
        ),
        f"delete the machine {spec.name}",
        context,
        action=f"{_MACHINES}/delete",
    )


def _record(spec: DeploymentSpec, where: Group) -> Resource:
    return steps.record(
        spec,
        cloud="azure",
        account=azure.subscription(),
        kind="azure-vm:endpoint",
        name=where.name,
        hourly_usd=spec.plan.hourly_usd,
    )
