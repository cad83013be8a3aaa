"""The one estimate planner makes: an Azure reservation in a region that does not publish it.

Azure's reservation discount of an instance type is the same in every region where two could
be compared (tests/pricing/test_estimates.py checks every pair in the data). So where a
reservation is published for other regions, and nothing speaks against equality for that type,
the discount is applied to the region's own on-demand price. The result is marked
(``Offer.estimated``), names its basis, and never enters a snapshot.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from planner.pricing.offer import Commitment, PricingModel, to_nano

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from planner.pricing.offer import Offer

# (cloud, commitment) where the data shows discounts equal between regions. AWS is not here:
# its discounts differ between regions by up to 24 percentage points.
ESTIMATED = frozenset({("azure", Commitment.RESERVED_INSTANCE)})
# Percentage points; sources round prices to four decimals.
TOLERANCE = Decimal("0.1")


def discounts(offers: Iterable[Offer]) -> dict[tuple[object, ...], dict[str, Decimal]]:
    """Return the published discount below on demand, in percent, by region.

    The key is (service, instance type, commitment, term, payment option).
    """
    offers = list(offers)
    on_demand = {
        (o.service, o.instance_type, o.region): o.effective_hourly_usd
        for o in offers
        if o.pricing_model is PricingModel.ON_DEMAND
    }
    found: dict[tuple[object, ...], dict[str, Decimal]] = defaultdict(dict)
    for o in offers:
        reference = on_demand.get((o.service, o.instance_type, o.region))
        if o.pricing_model is PricingModel.COMMITTED and reference:
            percent = (1 - o.effective_hourly_usd / reference) * 100
            found[_kind(o)][o.region] = percent
    return found


def estimate(offers: Sequence[Offer]) -> list[Offer]:
    """Return estimated committed offers for regions that publish on demand only.

    Args:
        offers: On-demand and committed offers in all regions, as of one date, so that no
            estimate is older than its evidence.
    """
    by_kind = discounts(offers)
    published = [o for o in offers if (o.cloud, o.commitment) in ESTIMATED]
    have = {o.key for o in published}
    # The newest publication of each kind stands for it.
    patterns: dict[tuple[object, ...], Offer] = {}
    for o in sorted(published, key=lambda o: (o.as_of, o.region)):
        kind = _kind(o)
        if o.region in by_kind.get(kind, {}):
            patterns[kind] = o
    on_demand: dict[tuple[str, str], list[Offer]] = defaultdict(list)
    for o in offers:
        if o.pricing_model is PricingModel.ON_DEMAND:
            on_demand[o.service, o.instance_type].append(o)
    estimates = []
    for kind, pattern in patterns.items():
        if not _is_uniform(kind, by_kind):
            continue
        percent = by_kind[kind][pattern.region]
        for o in on_demand[pattern.service, pattern.instance_type]:
            made = _apply(pattern, percent, o)
            if made.key not in have:
                estimates.append(made)
    return estimates


def _kind(offer: Offer) -> tuple[object, ...]:
    return (
        offer.service,
        offer.instance_type,
        offer.commitment,
        offer.term_years,
        offer.payment_option,
    )


def _is_uniform(
    kind: tuple[object, ...], by_kind: Mapping[tuple[object, ...], Mapping[str, Decimal]]
) -> bool:
    """Tell whether the data shows this type's discount to be equal between regions.

    Two regions must agree, for this commitment or, where only one region publishes it, for
    another commitment of the same type; and no two regions may disagree for any. (T4 savings
    plans differ between regions, so a T4 reservation known from one region proves nothing.)
    """
    service, instance_type = kind[0], kind[1]
    spreads = [
        max(by_region.values()) - min(by_region.values())
        for other, by_region in by_kind.items()
        if other[:2] == (service, instance_type) and len(by_region) > 1
    ]
    return bool(spreads) and max(spreads) <= TOLERANCE


def _apply(pattern: Offer, percent: Decimal, on_demand: Offer) -> Offer:
    effective = to_nano(on_demand.effective_hourly_usd * (1 - percent / 100))
    return replace(
        pattern,
        region=on_demand.region,
        hourly_usd=effective,
        upfront_usd=Decimal(0),
        effective_hourly_usd=effective,
        source=f"estimate: {percent:.2f} % below the on-demand price of {on_demand.as_of}, the "
        f"discount published for {pattern.region} on {pattern.as_of} ({pattern.source})",
        estimated=True,
    )
