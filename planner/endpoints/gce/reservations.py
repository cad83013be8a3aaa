"""Compute Engine capacity that the user holds already: reservations of a zone."""

from __future__ import annotations

from typing import Any

from planner.endpoints.gce import api
from planner.endpoints.machines.reservations import Held
from planner.errors import NotFoundError

_KEY = "compute.googleapis.com/reservation-name"


def look_up(name: str, region: str) -> Held:
    """Return a reservation of the project, in any zone of a region.

    Raises:
        NotFoundError: There is none of that name.
    """
    pages = api.pages(
        "aggregated/reservations",
        "look at the reservation",
        action="compute.reservations.list",
        returnPartialSuccess="true",
    )
    for page in pages:
        for place, found in page.get("items", {}).items():
            zone = place.rpartition("/")[2]
            for row in found.get("reservations", []):
                if row["name"] == name and zone.rpartition("-")[0] == region:
                    return _read(row, zone)
    raise NotFoundError(
        f"there is no reservation {name} in {region}",
        advice="gcloud compute reservations list; --region says where it is",
    )


def affinity(held: Held) -> dict[str, Any]:
    """Return what instances.insert is told; one that takes every machine needs no name."""
    if not held.is_targeted:
        return {"reservationAffinity": {"consumeReservationType": "ANY_RESERVATION"}}
    named = {"consumeReservationType": "SPECIFIC_RESERVATION", "key": _KEY, "values": [held.name]}
    return {"reservationAffinity": named}


def _read(row: dict[str, Any], zone: str) -> Held:
    held = row.get("specificReservation", {})
    kind = str(held.get("instanceProperties", {}).get("machineType", ""))
    return Held(
        name=row["name"],
        machine=kind.rpartition("/")[2],
        zone=zone,
        state=row["status"],
        is_ready=row["status"] == "READY",
        free=max(0, int(held.get("count", 0)) - int(held.get("inUseCount", 0))),
        paid="billed whether it is used or not",
        is_targeted=bool(row.get("specificReservationRequired")),
    )
