"""What the simulated price lists say: the bundled prices of today, with invented moves.

Invented, and marked as simulated wherever they are shown: H100 machines cost 3 % less than the
bundled lists say, so that a refresh has something to tell; SageMaker has one-year Savings Plans
at 20 % below on demand, because no bundled list has them.
"""

from __future__ import annotations

from decimal import Decimal
from functools import cache

from planner.bundled import pricing_data
from planner.pricing import instance_types, lifecycle
from planner.pricing.catalog import Catalog, Query
from planner.pricing.offer import Offer, PricingModel

_FELL = {"H100": Decimal("0.97")}
PLAN_SHARE = Decimal("0.8")


@cache
def offers(cloud: str) -> tuple[Offer, ...]:
    """Return the bundled offers of a cloud that its price list would still hold."""
    found = Catalog(pricing_data()).offers(Query(clouds=(cloud,)))
    return tuple(
        o for o in found if not lifecycle.of(o.service, o.instance_type).is_retired(o.as_of)
    )


def hourly(offer: Offer) -> Decimal:
    """Return the simulated effective price of an hour."""
    item = instance_types.bundled().find(offer.service, offer.instance_type)
    moved = offer.pricing_model is not PricingModel.SPOT and item is not None
    factor = _FELL.get(item.accelerator, Decimal(1)) if moved and item else Decimal(1)
    return (offer.effective_hourly_usd * factor).quantize(Decimal("0.000000001"))
