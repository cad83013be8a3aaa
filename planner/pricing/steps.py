"""Steps: a price that is known before a day and another after it, so that between is not known.

Price lists are dated; the day on which a price moved lies somewhere between two lists. Asked
for a day between, planner shows the older price and says that it may have moved already.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from planner.pricing.catalog import Query

if TYPE_CHECKING:
    from collections.abc import Iterable
    from decimal import Decimal

    from planner.pricing.catalog import Catalog
    from planner.pricing.offer import Offer


@dataclass(frozen=True, slots=True)
class Step:
    """One thing at two prices.

    Attributes:
        before: As known on the day asked for.
        after: The first later price of it, which differs.
    """

    before: Offer
    after: Offer

    def __str__(self) -> str:
        place = f"{self.before.instance_type} {self.before.region}"
        terms = " ".join(str(t).replace("_", " ") for t in self.before.terms if t is not None)
        return (
            f"{place} {terms}: {_usd(self.before)} until {self.before.as_of} at least, "
            f"{_usd(self.after)} from {self.after.as_of} at the latest"
        )


def pending(catalog: Catalog, offers: Iterable[Offer], as_of: date | None) -> list[Step]:
    """Return the steps that the offers of a past day stand before, the largest first.

    Args:
        catalog: Where later prices are looked up.
        offers: As known on ``as_of``.
        as_of: The day asked for; today (or None) stands before no known step.
    """
    shown = {o.key: o for o in offers if not o.undated and not o.estimated}
    if as_of is None or as_of >= datetime.now(UTC).date() or not shown:
        return []
    query = Query(
        as_of=datetime.now(UTC).date(),
        clouds=tuple(sorted({o.cloud for o in shown.values()})),
        instance_types=tuple(sorted({o.instance_type for o in shown.values()})),
        regions=tuple(sorted({o.region for o in shown.values()})),
    )
    following: dict[tuple[object, ...], Offer] = {}
    for offer in catalog.history(query):
        if offer.as_of > as_of and not offer.undated and offer.key in shown:
            following.setdefault(offer.key, offer)
    steps = [
        Step(shown[key], offer)
        for key, offer in following.items()
        if offer.effective_hourly_usd != shown[key].effective_hourly_usd
    ]
    return sorted(steps, key=_size, reverse=True)


def _size(step: Step) -> tuple[Decimal, str, str]:
    old, new = step.before.effective_hourly_usd, step.after.effective_hourly_usd
    return (abs(new - old) / old, step.before.instance_type, step.before.region)


def _usd(offer: Offer) -> str:
    return f"{offer.effective_hourly_usd.normalize():f}"
