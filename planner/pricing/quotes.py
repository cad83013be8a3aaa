"""Quotes: the on-demand and the one-year price of one instance type in one region."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from planner.pricing.offer import PricingModel

if TYPE_CHECKING:
    from collections.abc import Iterable

    from planner.pricing.offer import Offer

_NOT_KNOWN = Decimal("Infinity")


@dataclass(frozen=True, slots=True)
class Quote:
    """The prices of one machine; the on-demand or the one-year price is known."""

    service: str
    instance_type: str
    region: str
    on_demand: Offer | None
    committed_1y: Offer | None
    spot: Offer | None = None


def quotes(offers: Iterable[Offer]) -> list[Quote]:
    """Pair the offers by service, instance type and region.

    The committed price is the cheapest one-year offer by effective hourly cost; where an
    estimate and a published price are equal, the published one.
    """
    on_demand: dict[tuple[str, str, str], Offer] = {}
    spot: dict[tuple[str, str, str], Offer] = {}
    committed: dict[tuple[str, str, str], list[Offer]] = defaultdict(list)
    for o in offers:
        key = (o.service, o.instance_type, o.region)
        if o.pricing_model is PricingModel.ON_DEMAND:
            on_demand[key] = o
        elif o.pricing_model is PricingModel.SPOT:
            spot[key] = o
        elif o.term_years == 1:
            committed[key].append(o)
    return [
        Quote(
            *key,
            on_demand=on_demand.get(key),
            committed_1y=min(
                committed.get(key, ()),
                key=lambda o: (o.effective_hourly_usd, o.estimated, str(o.payment_option)),
                default=None,
            ),
            spot=spot.get(key),
        )
        for key in sorted({*on_demand, *committed})
    ]


def cheapest_region(
    found: Iterable[Quote], by: Literal["on_demand", "committed"] = "on_demand"
) -> list[Quote]:
    """Keep, for each service and instance type, the quote of its cheapest region.

    Among equal prices the region that publishes its commitment comes before one where it is
    estimated or not known.
    """
    best: dict[tuple[str, str], Quote] = {}
    for quote in sorted(found, key=lambda q: _rank(q, by)):
        best.setdefault((quote.service, quote.instance_type), quote)
    return list(best.values())


def _rank(quote: Quote, by: str) -> tuple[object, ...]:
    on_demand = quote.on_demand.effective_hourly_usd if quote.on_demand else _NOT_KNOWN
    commitment = quote.committed_1y
    committed = commitment.effective_hourly_usd if commitment else _NOT_KNOWN
    estimated = commitment.estimated if commitment else True
    first, second = (on_demand, committed) if by == "on_demand" else (committed, on_demand)
    return (first, estimated, second, quote.region)
