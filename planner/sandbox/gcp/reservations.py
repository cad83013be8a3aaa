"""Simulated reservations of Compute Engine: what holds GPUs without a machine.

Documented (discovery document compute.v1, "Reservations of Compute Engine zonal resources"):
path and members; what is reserved counts towards the quotas whether it is used or not.
Assumed: nothing is reserved at first. ``World.notes["gce-reservations"]`` takes reservations by
name, as the API shows them, with their zone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, jsonify

from planner.sandbox.gcp.google import route

if TYPE_CHECKING:
    from flask import Response

    from planner.sandbox.world import World


def blueprint(world: World) -> Blueprint:
    """Return the routes."""
    made = Blueprint("reservations", __name__)

    @route(
        made,
        "/compute/v1/projects/<project>/aggregated/reservations",
        "compute.reservations.list",
    )
    def list_reservations(project: str) -> Response:
        del project
        zones: dict[str, Any] = {}
        with world.lock:
            for name, row in world.notes["gce-reservations"].items():
                zone = f"zones/{row['zone']}"
                zones.setdefault(zone, {"reservations": []})["reservations"].append(
                    {"name": name, **row}
                )
        return jsonify(kind="compute#reservationAggregatedList", items=zones)

    return made
