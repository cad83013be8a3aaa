"""A sandbox of Azure with breakable calls."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import vm_rig
from vm_rig import OPTIONS, TOKEN, Rig

from planner.clouds import settings
from planner.sandbox.azure import app as azure
from planner.sandbox.azure import faults
from planner.sandbox.azure.store import store
from planner.sandbox.network import Network

if TYPE_CHECKING:
    from planner.plan import Plan
    from planner.sandbox.world import World

__all__ = ["OPTIONS", "TOKEN", "Rig", "cheapest", "machines", "rig", "store"]


def cheapest(model: str = "llama-2-70b", **changes: Any) -> Plan:
    """Return the plan that a deploy on Azure would take."""
    return vm_rig.cheapest_on("azure-vm", model, **changes)


def rig(**scenario: Any) -> Rig:
    """Start a sandbox with enough quota and endpoints that start at once."""
    sandbox = vm_rig.sandbox(**scenario)
    front = faults.in_front_of(azure.app(sandbox.world))
    chosen = replace(
        sandbox.endpoints.settings(), azure_endpoint=sandbox._serve(Network(sandbox.world, front))
    )
    settings.use(chosen)
    return Rig("azure-vm", sandbox, front, chosen, _there)


def machines(bench: Rig) -> list[dict[str, Any]]:
    return store(bench.world).of_kind("Microsoft.Compute/virtualMachines")


def _there(world: World) -> list[str]:
    kept = store(world)
    return [
        *(f"group {name}" for name in kept.groups),
        *(f"part {id_}" for id_ in kept.resources),
        # A vault that was deleted and not purged has the token in it still.
        *(f"deleted vault {item['tags']}" for item in kept.deleted_vaults.values()),
    ]
