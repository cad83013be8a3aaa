"""Simulated capacity reservations of Azure: what holds machines, or takes one.

Documented (Microsoft.Compute, capacity reservations): paths and members; lists carry no instance
view; a machine names its group, and must be of a size and in a zone that the group holds; more
machines than are reserved may name it, without a guarantee ("overallocation").
Assumed: nothing is reserved at first; the words of the refusals; that a machine is allocated from
the reservation while it runs. ``World.notes["azure-reservations"]`` takes reservations by
``GROUP/NAME/RESERVATION``: ``location``, ``sku`` (name, capacity) and ``zones``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, jsonify

from planner.sandbox.azure.arm import SUBSCRIPTION, ArmError, route
from planner.sandbox.azure.store import store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Response

    from planner.sandbox.world import World

_MACHINES = "Microsoft.Compute/virtualMachines"
_GROUPS = "Microsoft.Compute/capacityReservationGroups"
_PATH = f"{SUBSCRIPTION}/resourceGroups/<group>/providers/{_GROUPS}/<name>/capacityReservations"
_READ = f"{_GROUPS}/capacityReservations/read"
_NOTES = "azure-reservations"


def blueprint(world: World) -> Blueprint:
    """Return the routes."""
    made = Blueprint("reservations", __name__)

    @route(made, _PATH, _READ)
    def list_reservations(subscription: str, group: str, name: str) -> Response:
        with world.lock:
            rows = dict(_of(world, group, name))
            if not rows:
                raise ArmError("ResourceNotFound", f"The Resource '{name}' was not found.", 404)
            shown = [_shown(subscription, group, name, each, row) for each, row in rows.items()]
        return jsonify(value=shown)

    @route(made, f"{_PATH}/<reservation>", _READ)
    def get(subscription: str, group: str, name: str, reservation: str) -> Response:
        with world.lock:
            row = dict(_of(world, group, name)).get(reservation)
            if row is None:
                message = f"The Resource '{reservation}' was not found."
                raise ArmError("ResourceNotFound", message, 404)
            shown = _shown(subscription, group, name, reservation, row)
            used = [{"id": id_} for id_ in _allocated(world, group, name, row)]
            view = {"utilizationInfo": {"virtualMachinesAllocated": used}}
            shown["properties"] = {**shown["properties"], "instanceView": view}
        return jsonify(shown)

    return made


def lands(world: World, body: dict[str, Any]) -> bool:
    """Tell whether a machine takes reserved capacity; False where it names no group.

    Raises:
        ArmError: The group it names does not hold such a machine.
    """
    named = body["properties"].get("capacityReservation", {}).get("capacityReservationGroup", {})
    if not named:
        return False
    parts = named["id"].split("/")
    group, name = parts[4], parts[-1]
    fits = [row for _, row in _of(world, group, name) if _fits(row, body)]
    if not fits:
        raise ArmError(
            "OperationNotAllowed",
            f"The capacity reservation group '{name}' has no reservation for the size and zone of "
            "the virtual machine.",
            409,
        )
    return any(
        len(_allocated(world, group, name, row)) < int(row["sku"]["capacity"]) for row in fits
    )


def _fits(row: dict[str, Any], body: dict[str, Any]) -> bool:
    size = body["properties"]["hardwareProfile"]["vmSize"]
    zone = (body.get("zones") or [""])[0]
    own = (row.get("zones") or [""])[0]
    same_size = row["sku"]["name"].casefold() == size.casefold()
    return bool(same_size and zone == own and row["location"] == body["location"])


def _of(world: World, group: str, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    prefix = f"{group}/{name}/".casefold()
    for key, row in world.notes[_NOTES].items():
        if key.casefold().startswith(prefix):
            yield key.rpartition("/")[2], row


def _allocated(world: World, group: str, name: str, row: dict[str, Any]) -> list[str]:
    suffix = f"/resourceGroups/{group}/providers/{_GROUPS}/{name}".casefold()
    return [
        item["id"]
        for item in store(world).of_kind(_MACHINES)
        if item["_power"] and _fits(row, item)
        if _named(item).casefold().endswith(suffix)
    ]


def _named(item: dict[str, Any]) -> str:
    reservation = item["properties"].get("capacityReservation", {})
    return str(reservation.get("capacityReservationGroup", {}).get("id", ""))


def _shown(
    subscription: str, group: str, name: str, reservation: str, row: dict[str, Any]
) -> dict[str, Any]:
    where = f"/subscriptions/{subscription}/resourceGroups/{group}/providers/{_GROUPS}/{name}"
    properties = {"provisioningState": row.get("state", "Succeeded")}
    return {
        "id": f"{where}/capacityReservations/{reservation}",
        "name": reservation,
        "type": f"{_GROUPS}/capacityReservations",
        "properties": properties,
        **{key: row[key] for key in ("location", "sku", "zones") if key in row},
    }
