"""Simulated reservations of Compute Engine: what holds GPUs without a machine, or takes one.

Documented (discovery document compute.v1, "Reservations of Compute Engine zonal resources"):
path and members; what is reserved counts towards the quotas whether it is used or not.
A machine may name one in ``reservationAffinity`` (the members are documented).
Assumed: nothing is reserved at first; the words of the refusals; a reservation is in use by the
machines that name it. ``World.notes["gce-reservations"]`` takes reservations by
name, as the API shows them, with their zone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, jsonify

from planner.sandbox.gcp.google import route

if TYPE_CHECKING:
    from flask import Response

    from planner.sandbox.world import World


def shown(world: World, name: str, row: dict[str, Any]) -> dict[str, Any]:
    """Return a reservation with the machines that are in it now."""
    held = row["specificReservation"]
    own = sum(_named(item) == name for item in world.notes["gce"].values())
    used = int(held.get("inUseCount", 0)) + own
    return {**row, "specificReservation": {**held, "inUseCount": str(used)}}


def refusal(world: World, zone: str, body: dict[str, Any]) -> str:
    """Return why a machine does not land in the reservation that it names; empty where it does."""
    name = _named(body)
    row = world.notes["gce-reservations"].get(name)
    if row is None or row["zone"] != zone:
        return f"Specified reservation '{name}' does not exist in zone '{zone}'."
    held = shown(world, name, row)["specificReservation"]
    kind = str(held["instanceProperties"]["machineType"]).rpartition("/")[2]
    # This machine is among those in use already.
    full = int(held["inUseCount"]) > int(held["count"])
    if full or kind != body["machineType"].rpartition("/")[2]:
        return f"Specified reservation '{name}' does not have available resources for the request."
    return ""


def names_one(body: dict[str, Any]) -> bool:
    """Tell whether a machine is to land in one reservation and nowhere else."""
    return bool(_named(body))


def _named(body: dict[str, Any]) -> str:
    return next(iter(body.get("reservationAffinity", {}).get("values", [])), "")


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
                    {"name": name, **shown(world, name, row)}
                )
        return jsonify(kind="compute#reservationAggregatedList", items=zones)

    return made
