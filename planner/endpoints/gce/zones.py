"""Which zones have a machine type, in the order to try them: Compute Engine says so.

Planner's own table (``pricing_data/zones.csv``, each row with its date) stands in where nobody
may ask; a zone without the type only costs one more try.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from planner.bundled import pricing_data
from planner.endpoints.gce import api, requests
from planner.errors import PlannerError
from planner.serving import table

if TYPE_CHECKING:
    from planner.plan import Plan

_LETTERS = ("a", "b", "c", "d", "f")


def to_try(plan: Plan, region: str) -> tuple[str, ...]:
    """Return the zones to ask for a plan's machine; all letters where nothing is known."""
    offered = offering(plan.instance_type, region)
    known = zones(plan.instance_type, region)
    if offered is not None:
        # Where it was seen for long there is more of it.
        return tuple(sorted(offered, key=lambda zone: (zone not in known, zone)))
    return known or tuple(f"{region}-{letter}" for letter in _LETTERS)


def offering(instance_type: str, region: str) -> tuple[str, ...] | None:
    """Return the zones of a region that have a machine, card included; None where unknown."""
    machine, card, _ = requests.machine_of(instance_type)
    try:
        with_machine = _having("machineTypes", machine, region)
        with_card = _having("acceleratorTypes", card, region) if card else with_machine
    except PlannerError:
        return None
    return tuple(sorted(with_machine & with_card))


def _having(kind: str, name: str, region: str) -> set[str]:
    pages = api.pages(
        f"aggregated/{kind}",
        "list what the zones offer",
        action=f"compute.{kind}.list",
        filter=f"name={name}",
        returnPartialSuccess="true",
    )
    return {
        zone
        for page in pages
        for place, found in page.get("items", {}).items()
        if found.get(kind) and _in(zone := place.rpartition("/")[2], region)
    }


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
