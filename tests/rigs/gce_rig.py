"""A sandbox of Compute Engine with breakable calls."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import vm_rig
from vm_rig import OPTIONS, TOKEN, Rig

from planner.clouds import settings
from planner.sandbox.gcp import app as google
from planner.sandbox.gcp import faults
from planner.sandbox.network import Network

if TYPE_CHECKING:
    from planner.plan import Plan
    from planner.sandbox.world import World

__all__ = ["OPTIONS", "TOKEN", "Rig", "cheapest", "rig"]


def cheapest(model: str = "llama-2-70b", **changes: Any) -> Plan:
    """Return the plan that a deploy on Compute Engine would take."""
    return vm_rig.cheapest_on("gce", model, **changes)


def rig(**scenario: Any) -> Rig:
    """Start a sandbox with enough quota and endpoints that start at once."""
    sandbox = vm_rig.sandbox(**scenario)
    front = faults.in_front_of(google.app(sandbox.world))
    chosen = replace(
        sandbox.endpoints.settings(), gcp_endpoint=sandbox._serve(Network(sandbox.world, front))
    )
    settings.use(chosen)
    return Rig("gce", sandbox, front, chosen, _there)


def _there(world: World) -> list[str]:
    return [
        *(f"instance {key}" for key in world.notes["gce"]),
        *(f"secret {key}" for key in world.notes["gcp-secrets"]),
    ]
