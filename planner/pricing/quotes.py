"""Quotes: the on-demand and the one-year price of one instance type in one region."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from planner.pricing.offer import PaymentOption, PricingModel

if TYPE_CHECKING:
    from collections.abc import Iterable

    from planner.pricing.offer import Offer

_NOT_KNOWN = Decimal("Infinity")


@dataclass(frozen=True, slots=True)
class Quote:
    """The prices of one machine; at least one of them is known."""

    service: str
    instance_type: str
    region: str
    on_demand: Offer | None
    committed_1y: Offer | None
    spot: Offer | None = None
    capacity_block: Offer | None = None
    flex_start: Offer | None = None

    def offer(self, pricing_model: str) -> Offer | None:
        """Return the offer under a pricing model that has no terms."""
        found: Offer | None = getattr(self, pricing_model)
        return found


def quotes(
    offers: Iterable[Offer], pricing_model: str = "on_demand", *, no_upfront_first: bool = False
) -> list[Quote]:
    """Pair the offers by service, instance type and region.

    Bought on demand, a machine counts that has an on-demand or a one-year price; under another
    pricing model one that has a price under it. The committed price is the cheapest one-year
    offer by effective hourly cost; where an estimate and a published price are equal, the
    published one. With ``no_upfront_first`` an offer that asks for nothing on the first day
    comes before all others.
    """
    by_model: dict[str, dict[tuple[str, str, str], Offer]] = defaultdict(dict)
    committed: dict[tuple[str, str, str], list[Offer]] = defaultdict(list)
    for o in offers:
        key = (o.service, o.instance_type, o.region)
        if o.pricing_model is not PricingModel.COMMITTED:
            by_model[o.pricing_model][key] = o
        elif o.term_years == 1:
            committed[key].append(o)
    wanted = set(by_model[pricing_model])
    if pricing_model == PricingModel.ON_DEMAND:
        wanted |= set(committed)
    return [
        Quote(
            *key,
            on_demand=by_model["on_demand"].get(key),
            committed_1y=min(
                committed.get(key, ()),
                key=lambda o: _commitment_rank(o, no_upfront_first=no_upfront_first),
                default=None,
            ),
            spot=by_model["spot"].get(key),
            capacity_block=by_model["capacity_block"].get(key),
            flex_start=by_model["flex_start"].get(key),
        )
        for key in sorted(wanted)
    ]


def _commitment_rank(offer: Offer, *, no_upfront_first: bool) -> tuple[object, ...]:
    asks_now = no_upfront_first and offer.payment_option is not PaymentOption.NO_UPFRONT
    option = str(offer.payment_option)
    return (asks_now, offer.effective_hourly_usd, offer.estimated, option)


def cheapest_region(found: Iterable[Quote], by: str = "on_demand") -> list[Quote]:
    """Keep, for each service and instance type, the quote of its cheapest region.

    By ``committed`` or the name of a pricing model.

    Among equal prices the region that publishes its commitment comes before one where it is
    estimated or not known.
    """
    best: dict[tuple[str, str], Quote] = {}
    for quote in sorted(found, key=lambda q: _rank(q, by)):
        best.setdefault((quote.service, quote.instance_type), quote)
    return list(best.values())


def _rank(quote: Quote, by: str) -> tuple[object, ...]:
    model = "on_demand" if by == "committed" else by
    asked = quote.offer(model)
    on_demand = asked.effective_hourly_usd if asked else _NOT_KNOWN
    commitment = quote.committed_1y
    committed = commitment.effective_hourly_usd if commitment else _NOT_KNOWN
    estimated = commitment.estimated if commitment else True
    first, second = (on_demand, committed) if by != "committed" else (committed, on_demand)
    return (first, estimated, second, quote.region)
