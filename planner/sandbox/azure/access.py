"""Simulated answers to support tickets: when they come, and what they open.

Assumed: all of it; no document says when or how Microsoft's people answer.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from planner.sandbox.world import World


def decided(world: World, name: str) -> datetime | None:
    """Return when the ticket was answered, or None where it was not yet."""
    if world.scenario.ticket_outcome == "never":
        return None
    when: datetime = world.notes["azure-support"][name]["filed"] + timedelta(
        seconds=world.scenario.decide_after_s
    )
    return when if when <= world.now() else None


def has_access(world: World, region: str) -> bool:
    """Tell whether a ticket has opened a region's sizes to the subscription."""
    for name, ticket in world.notes["azure-support"].items():
        told = ticket["properties"]
        about = f"{told['title']} {told['description']}".casefold()
        granted = world.scenario.ticket_outcome == "approved" and decided(world, name) is not None
        if granted and not told.get("quotaTicketDetails") and region.casefold() in about:
            return True
    return False
