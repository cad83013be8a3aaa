"""Azure capacity that the user holds already: capacity reservation groups."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any

from planner.clouds import azure
from planner.endpoints.azure_vm import api
from planner.endpoints.machines.reservations import Held
from planner.errors import CloudError, NotFoundError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_KIND = "Microsoft.Compute/capacityReservationGroups"
_ID = re.compile(
    r"(?:/subscriptions/(?P<subscription>[^/]+)/resourceGroups/(?P<group>[^/]+)/providers/"
    r"Microsoft\.Compute/capacityReservationGroups/(?P<name>[^/]+)"
    r"|(?P<short_group>[^/]+)/(?P<short>[^/]+))",
    re.IGNORECASE,
)


def of_size(size: str) -> Callable[[str, str], Held]:
    """Return what looks up the part of a group that holds machines of a size."""
    return partial(look_up, size)


def look_up(size: str, name: str, region: str) -> Held:
    """Return the part of a group that holds machines of a size, the one with most free.

    Args:
        size: ``Standard_ND96isr_H100_v5``.
        name: The group's id, or ``RESOURCE_GROUP/NAME``.
        region: Where it is to be.

    Raises:
        UsageError: It is no such name, or is of another subscription.
        NotFoundError: There is no such group in the region, or nothing in it.
    """
    group, short = _parts(name)
    rows = [row for row in _rows(group, short, name) if row["location"].casefold() == region]
    if not rows:
        raise NotFoundError(
            f"there is no capacity reservation in {short} in {region}",
            advice="az capacity reservation group list; --region says where it is",
        )
    found = [_read(row, short, region) for row in rows]
    same = [held for held in found if held.machine.casefold() == size.casefold()]
    return max(same or found, key=lambda held: held.free)


def member(name: str) -> dict[str, Any]:
    """Return what the machine's body is told of its group."""
    group, short = _parts(name)
    id_ = f"/subscriptions/{azure.subscription()}/resourceGroups/{group}/providers/{_KIND}/{short}"
    return {"capacityReservation": {"capacityReservationGroup": {"id": id_}}}


def _parts(name: str) -> tuple[str, str]:
    found = _ID.fullmatch(name)
    if found is None:
        raise UsageError(
            f"{name} is no capacity reservation group",
            advice="--reservation RESOURCE_GROUP/NAME, or the group's id (az capacity reservation "
            "group list)",
        )
    if found["subscription"] and found["subscription"] != azure.subscription():
        raise UsageError(
            "the capacity reservation group is of another subscription",
            advice=f"--subscription {found['subscription']}",
        )
    return found["group"] or found["short_group"], found["name"] or found["short"]


def _rows(group: str, short: str, name: str) -> Iterator[dict[str, Any]]:
    """Yield the reservations of a group, each with what is in use: lists do not tell."""
    client = azure.compute().capacity_reservations
    action = f"{_KIND}/capacityReservations/read"
    try:
        with azure.errors("look at the capacity reservations", action=action):
            for item in client.list_by_capacity_reservation_group(group, short):
                seen = client.get(group, short, str(item.name), expand="instanceView")
                yield dict(seen.as_dict())
    except CloudError as error:
        if not api.is_missing(error):
            raise
        raise NotFoundError(
            f"there is no capacity reservation group {name}",
            advice="az capacity reservation group list",
        ) from error


def _read(row: dict[str, Any], short: str, region: str) -> Held:
    properties, zones = row.get("properties", {}), row.get("zones") or [""]
    used = properties.get("instanceView", {}).get("utilizationInfo", {})
    allocated = len(used.get("virtualMachinesAllocated") or [])
    state = str(properties.get("provisioningState", "not known"))
    return Held(
        name=f"{short}/{row['name']}",
        machine=str(row["sku"]["name"]),
        zone=zones[0],
        state=state,
        is_ready=state == "Succeeded",
        free=max(0, int(row["sku"].get("capacity") or 0) - allocated),
        paid="billed whether it is used or not",
        place=f"{region} zone {zones[0]}" if zones[0] else region,
    )
