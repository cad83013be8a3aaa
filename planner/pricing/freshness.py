"""How old the price lists are, and how to get newer ones."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date

    from planner.pricing.catalog import Catalog

STALE_DAYS = 60


def newest(catalog: Catalog) -> dict[str, date]:
    """Return the date of the newest whole price list of each cloud.

    A sample of a few types, or a list of a few regions, however new, does not make the rest
    newer: the date is that of the region in the middle. Where spot prices alone are newer, the
    list is as old as what is bought by the hour.
    """
    by_region: dict[str, dict[tuple[str, str], date]] = defaultdict(dict)
    for snapshot in catalog.snapshots:
        for service, region, model, *_, scope in snapshot.declared:
            if model == "on_demand" and "*" in scope:
                by_region[snapshot.cloud][service, region] = snapshot.as_of
    # Without the module statistics, whose import costs more than all of this.
    ordered = {cloud: sorted(days.values()) for cloud, days in by_region.items()}
    return {cloud: days[(len(days) - 1) // 2] for cloud, days in ordered.items()}


def reminder(catalog: Catalog, clouds: set[str]) -> str:
    """Return one sentence where prices are older than 60 days; empty where they are not.

    Args:
        catalog: The price lists.
        clouds: Those whose prices are shown.
    """
    today = datetime.now(UTC).date()
    ages = {cloud: (today - day).days for cloud, day in newest(catalog).items() if cloud in clouds}
    old = {cloud: age for cloud, age in ages.items() if age > STALE_DAYS}
    if not old:
        return ""
    said = ", ".join(f"{cloud} {age}" for cloud, age in sorted(old.items()))
    return f"The price lists are old (days: {said}); newer ones: planner refresh."
