"""Compute Engine capacity that the user holds already: reservations of a zone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from planner.endpoints.deploying.preflight import Finding, Status, good
from planner.endpoints.gce import api, requests
from planner.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from planner.endpoints.model import DeploymentSpec

_KEY = "compute.googleapis.com/reservation-name"


@dataclass(frozen=True, slots=True)
class Held:
    """One reservation.

    Attributes:
        machine: Its machine type; a card beside it is compared by Compute Engine itself.
        free: Machines of it that are not in use.
        targeted: Whether only machines that name it land in it.
    """

    name: str
    machine: str
    zone: str
    status: str
    free: int
    targeted: bool


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


def check(spec: DeploymentSpec) -> Finding:
    """Look whether a machine of the plan has room in the reservation."""
    try:
        held = look_up(spec.reservation, spec.region)
    except NotFoundError as error:
        return Finding("reservation", Status.BAD, str(error), error.advice, NotFoundError)
    machine, _, _ = requests.machine_of(spec.plan.instance_type)
    elsewhere = "another --reservation, or leave it out"
    if held.machine != machine:
        text = f"{held.name} is for {held.machine}, not {machine}"
        return Finding(
            "reservation", Status.BAD, text, f"--instance-type {held.machine}", UsageError
        )
    if held.status != "READY":
        text = f"{held.name} is {held.status.lower()}"
        return Finding("reservation", Status.BAD, text, elsewhere, UsageError)
    if not held.free:
        text = f"all machines of {held.name} are in use"
        return Finding("reservation", Status.BAD, text, elsewhere, UsageError)
    text = f"{held.name} in {held.zone}, {held.free} free; billed whether it is used or not"
    return good("reservation", text)


def affinity(held: Held) -> dict[str, Any]:
    """Return what instances.insert is told; one that takes every machine needs no name."""
    if not held.targeted:
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
        status=row.get("status", "READY"),
        free=max(0, int(held.get("count", 0)) - int(held.get("inUseCount", 0))),
        targeted=bool(row.get("specificReservationRequired")),
    )
