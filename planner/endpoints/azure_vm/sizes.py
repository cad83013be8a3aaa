"""In which zones a region offers a size to the subscription, by Azure's own list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.errors import NotFoundError, PlannerError
from planner.quotas import azure_usage

if TYPE_CHECKING:
    from azure.mgmt.compute.models import ResourceSku


def zones(size: str, region: str) -> tuple[str, ...]:
    """Return the zones to ask for a size, in order; none where that cannot be found out."""
    try:
        offered = offer(size, region)
    except PlannerError:
        return ()
    return zones_of(offered) if offered is not None else ()


def offer(size: str, region: str) -> ResourceSku | None:
    """Return what Azure lists of a size in a region; None where sizes may not be listed.

    Raises:
        NotFoundError: The region does not offer it.
    """
    listed = azure_usage.skus(region)
    if listed is None:
        return None
    if size.casefold() not in listed:
        raise NotFoundError(f"Azure does not offer {size} in {region}", advice="another --region")
    return listed[size.casefold()]


def closed(offered: ResourceSku, region: str) -> str:
    """Return why the subscription cannot use a size in a region; empty where it can."""
    for restriction in offered.restrictions or []:
        where = {name.casefold() for name in restriction.values_property or []}
        if restriction.type == "Location" and region in where:
            code = restriction.reason_code
            return str(getattr(code, "value", code))
    return ""


def zones_of(offered: ResourceSku) -> tuple[str, ...]:
    """Return the zones of a region that have a size and are open to the subscription."""
    shut = {
        zone
        for restriction in offered.restrictions or []
        if restriction.type == "Zone" and restriction.restriction_info is not None
        for zone in restriction.restriction_info.zones or []
    }
    there = {zone for place in offered.location_info or [] for zone in place.zones or []}
    return tuple(sorted(there - shut))
