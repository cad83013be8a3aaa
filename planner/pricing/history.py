"""How prices moved: the cheapest price of each kind through the snapshots, and what changed.

A question is answered as the catalog answers it, once for every date on which something was
published, so that coverage counts here as everywhere: a list that never had a price says
nothing about it. A series has a point only on a day whose list speaks of it: nothing is drawn
on the day of asking, and a price without a date is on no day.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING

from planner.errors import NotFoundError
from planner.pricing import changes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date
    from decimal import Decimal

    from planner.pricing.catalog import Catalog, Query
    from planner.pricing.changes import Change
    from planner.pricing.offer import Offer

# What is followed through time: an instance type under one kind of terms.
Followed = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Point:
    """The cheapest matching price on a day; None where nothing was offered any more."""

    day: date
    offer: Offer | None


@dataclass(frozen=True, slots=True)
class Series:
    """One instance type under one kind of terms, from the first day it was known.

    Attributes:
        points: Oldest first; only the days before and after a change of the price or its
            place, and the last on which a list named it.
    """

    service: str
    instance_type: str
    points: tuple[Point, ...]

    @property
    def first(self) -> Offer:
        """The oldest price."""
        return next(p.offer for p in self.points if p.offer is not None)

    @property
    def last(self) -> Offer | None:
        """The newest price; None where it is no longer sold."""
        return self.points[-1].offer

    @property
    def percent(self) -> Decimal | None:
        """How much dearer it is now than first, in percent."""
        last = self.last
        if last is None:
            return None
        old = self.first.effective_hourly_usd
        return (last.effective_hourly_usd - old) / old * 100


def follow(catalog: Catalog, query: Query, since: date | None = None) -> list[Series]:
    """Return how the cheapest price of each instance type and kind of terms moved.

    Args:
        catalog: Where from.
        query: What; its ``as_of`` is the last day looked at.
        since: The first day; that of the first snapshot by default.

    Raises:
        NotFoundError: Nothing matched on any day.
    """
    today = query.as_of or datetime.now(UTC).date()
    days = sorted({s.as_of for s in catalog.snapshots if s.as_of <= today})
    if since is not None:
        days = sorted({max(day, since) for day in days})
    found: dict[Followed, list[Point]] = defaultdict(list)
    for day in days:
        cheapest: dict[Followed, Offer] = {}
        told: set[Followed] = set()
        for offer in catalog.offers(replace(query, as_of=day, limit=None)):
            if offer.undated:
                continue
            key: Followed = (offer.service, offer.instance_type, *offer.terms)
            cheapest.setdefault(key, offer)
            if offer.as_of == day:
                told.add(key)
        for key in {*found, *cheapest}:
            point = Point(day, cheapest.get(key))
            moved = key in found and _value(point) != _value(found[key][-1])
            if key in told or moved or (since is not None and key not in found):
                found[key].append(point)
    if not found:
        raise NotFoundError("no price matches on any day", advice="planner history --geo all")
    return [
        Series(str(key[0]), str(key[1]), tuple(_moves(points)))
        for key, points in sorted(found.items(), key=lambda pair: str(pair[0]))
    ]


def since(catalog: Catalog, query: Query, day: date) -> list[Change]:
    """Return what rose, fell, appeared and vanished since a day, the largest fall first.

    Only what was known completely on that day can have appeared since.

    Args:
        catalog: Where from.
        query: What; its ``as_of`` is the later day.
        day: The earlier day.

    Raises:
        NotFoundError: The day lies before the first snapshot.
    """
    later = query.as_of or datetime.now(UTC).date()
    before = catalog.offers(replace(query, as_of=day, limit=None))
    after = catalog.offers(replace(query, as_of=later, limit=None))
    older = [c for s in catalog.snapshots if s.as_of <= day for c in s.coverage]
    newer = [c for s in catalog.snapshots if day < s.as_of <= later for c in s.coverage]
    return changes.compare(before, after, newer, covered_before=older)


def _moves(points: Sequence[Point]) -> list[Point]:
    """Keep the points before and after a change, and the last one.

    Where the price moved lies between the two; both are lists that were read.
    """
    kept = [points[0]]
    for last, point in pairwise(points):
        if _value(point) == _value(last):
            continue
        if kept[-1].day != last.day:
            kept.append(last)
        kept.append(point)
    if kept[-1].day != points[-1].day:
        kept.append(points[-1])
    return kept


def _value(point: Point) -> tuple[object, object] | None:
    offer = point.offer
    return None if offer is None else (offer.effective_hourly_usd, offer.region)
