"""Quotes pair the on-demand and the one-year price of one machine."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from planner.pricing.offer import Commitment, PaymentOption
from planner.pricing.quotes import cheapest_region, quotes

if TYPE_CHECKING:
    from collections.abc import Callable

    from planner.pricing.offer import Offer

RI, SP = Commitment.RESERVED_INSTANCE, Commitment.SAVINGS_PLAN


def test_the_cheapest_one_year_commitment_of_any_kind_is_quoted(
    make_offer: Callable[..., Offer],
) -> None:
    plan = make_offer(usd="3.2", commitment=SP)
    (quote,) = quotes([make_offer(), make_offer(usd="3.5", commitment=RI), plan])
    assert quote.committed_1y == plan
    assert quote.on_demand is not None


def test_three_year_and_spot_prices_are_not_quoted(make_offer: Callable[..., Offer]) -> None:
    long = make_offer(usd="1", commitment=RI, term_years=3)
    (quote,) = quotes([make_offer(), long])
    assert quote.committed_1y is None


def test_a_machine_without_on_demand_price_is_quoted_all_the_same(
    make_offer: Callable[..., Offer],
) -> None:
    (quote,) = quotes([make_offer(usd="3.5", commitment=RI)])
    assert quote.on_demand is None


def test_a_published_price_comes_before_an_equal_estimate(
    make_offer: Callable[..., Offer],
) -> None:
    published = make_offer(usd="3.5", commitment=RI, payment_option=PaymentOption.NO_UPFRONT)
    estimated = replace(published, payment_option=PaymentOption.ALL_UPFRONT, estimated=True)
    for order in ([published, estimated], [estimated, published]):
        (quote,) = quotes(order)
        assert quote.committed_1y == published


def test_the_cheapest_region_is_kept_for_each_machine(make_offer: Callable[..., Offer]) -> None:
    found = quotes(
        [
            make_offer(usd="5", region="dear"),
            make_offer(usd="4", region="cheap"),
            make_offer(usd="2", region="dear", commitment=RI),
            make_offer("p4d.24xlarge", "20", "dear"),
        ]
    )
    by_type = {q.instance_type: q.region for q in cheapest_region(found)}
    assert by_type == {"g5.12xlarge": "cheap", "p4d.24xlarge": "dear"}
    committed = {q.instance_type: q.region for q in cheapest_region(found, by="committed")}
    assert committed == {"g5.12xlarge": "dear", "p4d.24xlarge": "dear"}


def test_among_equal_prices_the_region_that_publishes_its_commitment_is_kept(
    make_offer: Callable[..., Offer],
) -> None:
    found = quotes(
        [
            make_offer(usd="5", region="a"),
            make_offer(usd="5", region="b"),
            make_offer(usd="5", region="c"),
            make_offer(usd="3", region="b", commitment=RI, estimated=True),
            make_offer(usd="3", region="c", commitment=RI),
        ]
    )
    assert [q.region for q in cheapest_region(found)] == ["c"]
