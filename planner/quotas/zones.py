"""In how many zones of a region a machine was seen; a hint of where capacity may be.

Source: ``pricing_data/zones.csv`` (Google Cloud; the other clouds' sources name no zones).
"""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import TYPE_CHECKING

from planner.bundled import pricing_data
from planner.serving import table

if TYPE_CHECKING:
    from planner.quotas.model import Demand


def count(demand: Demand) -> int:
    """Return the number of zones; 0 where none is known."""
    machine, _, attached = demand.instance_type.partition("+")
    card = attached.partition("x")[2]
    return _counts()[card or machine, demand.region]


@cache
def _counts() -> Counter[tuple[str, str]]:
    """Return how many zones per (machine or card, region), at the newest date of each."""
    zones: dict[str, dict[str, set[str]]] = {}
    for row in table.read(pricing_data() / "zones.csv"):
        dates = zones.setdefault(row["instance_type"], {})
        dates.setdefault(row["as_of"], set()).add(row["zone"])
    return Counter(
        (name, zone.rpartition("-")[0])
        for name, dates in zones.items()
        for zone in dates[max(dates)]
    )
