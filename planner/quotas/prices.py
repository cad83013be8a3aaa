"""What machines cost by the hour, for demands without a plan: the newest offer of the catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from decimal import Decimal

    from planner.pricing.offer import Offer
    from planner.quotas.model import Demand


def hourly(demands: Iterable[Demand]) -> dict[Demand, Decimal]:
    """Return the price of all machines of each demand that has one, as they are bought."""
    from planner.pricing.catalog import Catalog, Query

    listed = list(demands)
    if not listed:
        return {}
    offers = Catalog().offers(
        Query(
            regions=tuple(sorted({demand.region for demand in listed})),
            instance_types=tuple(sorted({demand.instance_type for demand in listed})),
        )
    )
    prices: dict[tuple[str, str, str, str], Offer] = {
        (offer.service, offer.region, offer.instance_type, offer.pricing_model): offer
        for offer in offers
    }
    found = {}
    for demand in listed:
        offer = prices.get((demand.service, demand.region, demand.instance_type, demand.bought))
        if offer is not None:
            found[demand] = offer.effective_hourly_usd * demand.instances
    return found
