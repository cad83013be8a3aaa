"""The one estimate: an Azure reservation, where the data shows discounts equal."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import combinations
from typing import TYPE_CHECKING

import pytest

from planner.pricing import estimates
from planner.pricing.catalog import Catalog, Query
from planner.pricing.offer import Commitment, PaymentOption, PricingModel

if TYPE_CHECKING:
    from collections.abc import Callable

    from planner.pricing.offer import Offer

H100 = "Standard_ND96isr_H100_v5"


def test_every_pair_of_regions_has_the_same_reservation_discount(
    published_prices: list[dict[str, str]],
) -> None:
    """The evidence for the estimate, from the published figures alone.

    A reservation is held against the on-demand price of its own region: that of the same
    day, or else the newest there is (only two Azure on-demand prices moved in three years).
    """
    azure = [row for row in published_prices if row["cloud"] == "azure"]
    on_demand: dict[tuple[str, str], list[tuple[str, Decimal]]] = defaultdict(list)
    for row in azure:
        if row["pricing_model"] == "on_demand":
            price = (row["as_of"], Decimal(row["usd"]))
            on_demand[row["instance_type"], row["region"]].append(price)
    discounts: dict[tuple[str, str], dict[str, Decimal]] = defaultdict(dict)
    for row in azure:
        if row["commitment"] == "reserved_instance":
            prices = on_demand[row["instance_type"], row["region"]]
            same_day = [usd for day, usd in prices if day == row["as_of"]]
            reference = same_day[0] if same_day else max(prices)[1]
            kind = (row["instance_type"], row["term_years"])
            discounts[kind][row["region"]] = 100 * (1 - Decimal(row["usd"]) / reference)
    pairs = [
        (kind, one, other)
        for kind, by_region in discounts.items()
        for one, other in combinations(by_region.values(), 2)
    ]
    assert len({name for (name, _), _, _ in pairs}) >= 9, "nine types could be compared"
    for kind, one, other in pairs:
        assert abs(one - other) <= estimates.TOLERANCE, kind
    assert Decimal("0.1") == estimates.TOLERANCE


def azure_estimates(day: date) -> list[Offer]:
    query = Query(
        as_of=day,
        clouds=("azure",),
        pricing_models=(PricingModel.ON_DEMAND, PricingModel.COMMITTED),
    )
    return estimates.estimate(Catalog().offers(query))


def test_an_estimate_has_the_published_discount_below_the_regions_own_price() -> None:
    """ND96isr_H100_v5: 36 % below on demand in eastus and polandcentral."""
    made = azure_estimates(date(2026, 11, 1))
    one_year = {
        o.region: o.effective_hourly_usd
        for o in made
        if o.instance_type == H100 and o.term_years == 1
    }
    assert "eastus" not in one_year, "published there"
    assert round(one_year["westeurope"] / Decimal("127.816"), 4) == Decimal("0.6400")


def test_an_estimate_says_what_it_is_and_what_it_rests_on() -> None:
    made = azure_estimates(date(2026, 11, 1))
    assert made
    for offer in made:
        assert offer.estimated
        assert offer.cloud == "azure"
        assert offer.commitment == Commitment.RESERVED_INSTANCE
        assert offer.source.startswith("estimate: ")
        assert "% below the on-demand price of" in offer.source
        assert "the discount published for" in offer.source
        assert offer.upfront_usd == 0


def test_no_estimate_takes_the_place_of_a_published_price() -> None:
    day = date(2026, 11, 23)
    query = Query(as_of=day, clouds=("azure",), pricing_models=(PricingModel.COMMITTED,))
    published = {o.key for o in Catalog().offers(query)}
    made = azure_estimates(day)
    assert not published & {o.key for o in made}
    assert len({o.key for o in made}) == len(made)


def test_a_t4_has_no_estimate_because_its_savings_plans_differ_between_regions() -> None:
    made = azure_estimates(date(2026, 11, 23))
    assert not [o for o in made if "T4" in o.instance_type]


def test_nothing_is_estimated_before_the_discount_was_seen() -> None:
    assert azure_estimates(date(2026, 1, 25)) == []
    for offer in azure_estimates(date(2026, 1, 26)):
        assert offer.as_of == date(2026, 1, 26)
    for day in (date(2026, 2, 20), date(2026, 6, 20), date(2026, 8, 1)):
        for offer in azure_estimates(day):
            assert offer.as_of <= day


@pytest.mark.long
def test_no_other_cloud_is_estimated() -> None:
    for cloud in ("aws", "gcp"):
        assert estimates.estimate(Catalog().offers(Query(clouds=(cloud,)))) == []


@pytest.fixture
def azure(make_offer: Callable[..., Offer]) -> Callable[..., Offer]:
    """Make an Azure offer."""

    def make(region: str, usd: str, **changes: object) -> Offer:
        offer = make_offer("NC", usd, region, **changes)
        return replace(offer, cloud="azure", service="azure-vm")

    return make


def reserved(**changes: object) -> dict[str, object]:
    terms = {"commitment": Commitment.RESERVED_INSTANCE, "term_years": 1}
    return {**terms, "payment_option": PaymentOption.NO_UPFRONT, **changes}


def test_two_regions_that_agree_are_evidence_for_a_third(azure: Callable[..., Offer]) -> None:
    world = [
        *(azure(region, usd) for region, usd in (("a", "10"), ("b", "12"), ("c", "20"))),
        azure("a", "6", **reserved()),
        azure("b", "7.2", **reserved()),
    ]
    (made,) = estimates.estimate(world)
    assert (made.region, made.effective_hourly_usd) == ("c", Decimal(12))


def test_two_regions_that_disagree_are_none(azure: Callable[..., Offer]) -> None:
    world = [
        *(azure(region, usd) for region, usd in (("a", "10"), ("b", "12"), ("c", "20"))),
        azure("a", "6", **reserved()),
        azure("b", "7.3", **reserved()),
    ]
    assert estimates.estimate(world) == []


def test_one_region_alone_is_no_evidence(azure: Callable[..., Offer]) -> None:
    world = [azure("a", "10"), azure("c", "20"), azure("a", "6", **reserved())]
    assert estimates.estimate(world) == []


def test_another_commitment_that_differs_speaks_against_it(azure: Callable[..., Offer]) -> None:
    plan = reserved(commitment=Commitment.SAVINGS_PLAN)
    world = [
        *(azure(region, usd) for region, usd in (("a", "10"), ("b", "10"), ("c", "20"))),
        azure("a", "6", **reserved()),
        azure("a", "8", **plan),
        azure("b", "9", **plan),
    ]
    assert estimates.estimate(world) == []
