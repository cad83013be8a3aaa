"""Which zones have a machine type: planner's table, in the order to try them.

Source: ``pricing_data/zones.csv``, each row with its date; a cache, not the truth: preflight
asks Compute Engine, and a zone without the type only costs one more try.
"""

from __future__ import annotations

from functools import cache

from planner.bundled import pricing_data
from planner.endpoints.gce import requests
from planner.serving import table


def zones(instance_type: str, region: str) -> tuple[str, ...]:
    """Return the zones of a region where the type was seen; empty where none is known."""
    machine, card, _ = requests.machine_of(instance_type)
    return tuple(sorted(zone for zone in _rows().get(card or machine, ()) if _in(zone, region)))


@cache
def _rows() -> dict[str, tuple[str, ...]]:
    """Return the zones per machine type, or card, by the newest date that it was listed at."""
    found: dict[str, dict[str, set[str]]] = {}
    for row in table.read(pricing_data() / "zones.csv"):
        dates = found.setdefault(row["instance_type"], {})
        dates.setdefault(row["as_of"], set()).add(row["zone"])
    return {name: tuple(dates[max(dates)]) for name, dates in found.items()}


def _in(zone: str, region: str) -> bool:
    return zone.rpartition("-")[0] == region
