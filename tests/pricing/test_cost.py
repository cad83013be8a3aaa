"""Laws of cost arithmetic: months, saving, break-even, total over a horizon."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from planner.errors import UsageError
from planner.pricing import cost
from planner.pricing.offer import Commitment, Offer, PaymentOption, PricingModel, effective_hourly

if TYPE_CHECKING:
    from collections.abc import Callable

TINY = Decimal("1e-15")
prices = st.decimals(min_value="0.01", max_value=500, places=6)
START = date(2026, 1, 31)


ON_DEMAND = Offer(
    cloud="aws",
    service="ec2",
    region="us-east-1",
    instance_type="g5.12xlarge",
    pricing_model=PricingModel.ON_DEMAND,
    commitment=None,
    term_years=None,
    payment_option=None,
    hourly_usd=Decimal("5.672"),
    upfront_usd=Decimal(0),
    effective_hourly_usd=Decimal("5.672"),
    currency="USD",
    as_of=date(2025, 11, 30),
    source="a price list",
)


def committed(hourly: str, upfront: str, years: int, option: PaymentOption) -> Offer:
    parts = Decimal(hourly), Decimal(upfront)
    return replace(
        ON_DEMAND,
        pricing_model=PricingModel.COMMITTED,
        commitment=Commitment.RESERVED_INSTANCE,
        term_years=years,
        payment_option=option,
        hourly_usd=parts[0],
        upfront_usd=parts[1],
        effective_hourly_usd=effective_hourly(*parts, years),
    )


def test_a_month_is_730_hours() -> None:
    assert cost.monthly(Decimal("7.346")) == Decimal("5362.58")
    assert cost.monthly(Decimal("7.346"), Decimal(100)) == Decimal("734.6")


@given(on_demand=prices, commitment=prices)
def test_at_break_even_both_ways_of_paying_cost_the_same(
    on_demand: Decimal, commitment: Decimal
) -> None:
    assume(commitment <= on_demand)
    hours = cost.break_even_hours_per_month(on_demand, commitment)
    assert hours is not None
    assert 0 < hours <= cost.HOURS_PER_MONTH
    assert abs(cost.monthly(on_demand, hours) - cost.monthly(commitment)) < TINY * 10**6
    share = cost.break_even_utilization(on_demand, commitment)
    assert share is not None
    assert abs(share * cost.HOURS_PER_MONTH - hours) < TINY


@given(on_demand=prices, commitment=prices)
def test_a_commitment_dearer_than_on_demand_never_pays(
    on_demand: Decimal, commitment: Decimal
) -> None:
    assume(commitment > on_demand)
    assert cost.break_even_hours_per_month(on_demand, commitment) is None
    assert cost.break_even_utilization(on_demand, commitment) is None
    assert cost.saving_percent(on_demand, commitment) < 0


@given(on_demand=prices, commitment=prices)
def test_saving_and_break_even_are_two_views_of_one_ratio(
    on_demand: Decimal, commitment: Decimal
) -> None:
    assume(commitment <= on_demand)
    share = cost.break_even_utilization(on_demand, commitment)
    assert share is not None
    assert abs(100 - cost.saving_percent(on_demand, commitment) - share * 100) < TINY * 1000


def test_the_saving_of_a_published_pair() -> None:
    """GCP g2-standard-96, us-central1: 7.977124032 on demand, 5.025588736 for a year."""
    saving = cost.saving_percent(Decimal("7.977124032"), Decimal("5.025588736"))
    assert round(saving, 1) == Decimal("37.0")


@pytest.mark.long
@given(
    hourly=prices,
    months=st.integers(1, 60),
    hours=st.decimals(min_value=1, max_value=744, places=2),
    instances=st.integers(1, 8),
)
def test_on_demand_costs_the_hours_used_and_nothing_upfront(
    hourly: Decimal, months: int, hours: Decimal, instances: int
) -> None:
    offer = replace(ON_DEMAND, hourly_usd=hourly, effective_hourly_usd=hourly)
    total = cost.total_cost(
        offer, months=months, start=START, hours_per_month=hours, instances=instances
    )
    assert total.total_usd == hourly * hours * months * instances
    assert total.upfront_usd == 0
    assert total.recurring_usd == total.total_usd
    assert total.unused_usd == 0


@given(
    years=st.sampled_from([1, 3]),
    months=st.integers(1, 100),
    instances=st.integers(1, 5),
    hourly=prices,
    upfront=prices,
)
def test_a_commitment_is_paid_in_whole_terms_whatever_is_used(
    years: int, months: int, instances: int, hourly: Decimal, upfront: Decimal
) -> None:
    offer = committed(str(hourly), str(upfront), years, PaymentOption.PARTIAL_UPFRONT)
    total = cost.total_cost(
        offer, months=months, start=START, hours_per_month=Decimal(10), instances=instances
    )
    terms = -(-months // (12 * years))
    one_term = offer.effective_hourly_usd * 8760 * years
    assert total.total_usd == one_term * terms * instances
    assert total.upfront_usd == upfront * terms * instances
    assert total.recurring_usd == total.total_usd - total.upfront_usd
    used = total.total_usd - total.unused_usd
    assert abs(used / total.total_usd - Decimal(months) / (12 * years * terms)) < TINY


def test_three_months_of_a_year_leave_nine_unused() -> None:
    offer = committed("0", "8760", 1, PaymentOption.ALL_UPFRONT)
    total = cost.total_cost(offer, months=3, start=START)
    assert total.total_usd == 8760
    assert total.upfront_usd == 8760
    assert total.recurring_usd == 0
    assert total.unused_usd == 6570
    assert total.end == date(2026, 4, 30), "three months from the last of January"


def test_eighteen_months_of_a_one_year_commitment_are_two_terms() -> None:
    offer = committed("1", "0", 1, PaymentOption.NO_UPFRONT)
    total = cost.total_cost(offer, months=18, start=date(2026, 1, 1))
    assert total.total_usd == 2 * 8760
    assert total.unused_usd == 8760 / 2
    assert total.end == date(2027, 7, 1)


def test_an_unknown_split_stays_unknown() -> None:
    offer = committed("1", "0", 1, PaymentOption.PARTIAL_UPFRONT)
    unsplit = replace(offer, hourly_usd=None, upfront_usd=None)
    total = cost.total_cost(unsplit, months=12, start=START)
    assert total.total_usd == 8760
    assert total.upfront_usd is None
    assert total.recurring_usd is None


@pytest.mark.parametrize(("months", "instances"), [(0, 1), (-1, 1), (12, 0), (12, -2)])
def test_a_horizon_of_nothing_makes_no_sense(
    make_offer: Callable[..., Offer], months: int, instances: int
) -> None:
    with pytest.raises(UsageError) as caught:
        cost.total_cost(make_offer(), months=months, start=START, instances=instances)
    assert str(months) in caught.value.why
