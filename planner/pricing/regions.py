"""Group the clouds' regions into geographies: us, eu, ap, other.

``us`` leaves out the government regions, which need an account of their own. Source:
``pricing_data/regions.csv``, from the clouds' lists of locations; a region that is not
listed yet belongs to ``other`` until someone adds it.
"""

from __future__ import annotations

import csv
import re
from functools import cache

from planner.bundled import pricing_data
from planner.errors import UnknownNameError

_LOCAL_ZONE = re.compile(r"[a-z]{2}(-[a-z]+)+-\d-[a-z]+-\d[a-z]")
GEOS = ("us", "eu", "ap", "all")


@cache
def _table() -> dict[tuple[str, str], str]:
    with (pricing_data() / "regions.csv").open(encoding="utf-8", newline="") as file:
        return {(row["cloud"], row["region"]): row["geo"] for row in csv.DictReader(file)}


def geo(cloud: str, region: str) -> str:
    """Return the geography of a region: ``us``, ``eu``, ``ap`` or ``other``."""
    return _table().get((cloud, region), "other")


def in_geo(wanted: str) -> tuple[str, ...]:
    """Return the names of all regions of a geography, or of none for ``all`` (no limit).

    Raises:
        UnknownNameError: There is no such geography.
    """
    if wanted not in (*GEOS, "other"):
        raise UnknownNameError("geo", wanted, GEOS, advice=f"one of: {', '.join(GEOS)}")
    if wanted == "all":
        return ()
    return tuple(sorted({region for (_, region), place in _table().items() if place == wanted}))


def all_regions() -> tuple[str, ...]:
    """Return every region name planner knows."""
    return tuple(sorted({region for _, region in _table()}))


def of_cloud(cloud: str, wanted: str = "all") -> tuple[str, ...]:
    """Return the names of a cloud's regions in a geography: what its APIs answer for.

    A Local Zone of AWS (``us-east-1-dfw-2a``) has prices, but no API of its own.
    """
    return tuple(
        sorted(
            region
            for (owner, region), place in _table().items()
            if owner == cloud and wanted in {"all", place} and not _LOCAL_ZONE.fullmatch(region)
        )
    )
