"""Where an endpoint of one's own becomes cheaper than a per-token API."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.bundled import pricing_data
from planner.planning import Request, compare, rent_or_buy
from planner.planning.rent_or_buy import Endpoint
from planner.pricing.api_prices import ApiPrice
from planner.pricing.catalog import Catalog

if TYPE_CHECKING:
    from planner.plan import Plan

PLAN: Plan = compare(
    Request("llama-2-70b", as_of=date(2026, 11, 23)), Catalog(pricing_data())
).plans[0]


def api(usd: float) -> ApiPrice:
    price = Decimal(str(usd))
    return ApiPrice(
        provider="a",
        provider_name="A",
        api_model="m",
        input_usd_per_million=price / 2,
        output_usd_per_million=price / 2,
        usd_per_million_output_tokens=price,
        deprecated=False,
        status="serving",
        verified_on=None,
        ends_on=None,
    )


def endpoint(monthly: float, capacity: float, utilization: float) -> Endpoint:
    return Endpoint(PLAN, "on_demand", monthly, capacity * utilization, capacity)


money = st.floats(10, 1e5)
tokens = st.floats(1, 1e5)
shares = st.floats(0.05, 1)
prices = st.floats(0.01, 100)


@given(money, tokens, shares, prices)
def test_an_endpoint_is_ever_cheaper_only_if_its_tokens_are(
    monthly: float, capacity: float, share: float, price: float
) -> None:
    own = endpoint(monthly, capacity, share)
    point = rent_or_buy.break_even(own, api(price))
    if point.load is not None:
        assert own.usd_per_million_tokens <= price * (1 + 1e-9)
    else:
        assert own.usd_per_million_tokens >= price * (1 - 1e-9)


@given(money, tokens, shares, prices, st.floats(0.1, 10))
def test_below_the_break_even_the_api_is_cheaper_and_at_it_both_cost_the_same(
    monthly: float, capacity: float, share: float, price: float, factor: float
) -> None:
    own = endpoint(monthly, capacity, share)
    point = rent_or_buy.break_even(own, api(price))
    if point.load is None:
        load = own.capacity * factor
        assert own.monthly_cost(load) >= load * price * (1 - 1e-9)
    else:
        assert own.monthly_cost(point.load) == pytest.approx(point.load * price)
        assert own.monthly_cost(point.load * 0.9) > point.load * 0.9 * price


def test_a_second_machine_is_paid_where_the_load_passes_the_first() -> None:
    own = endpoint(1000, 100, 0.5)
    assert own.monthly_cost(50) == 1000
    assert own.monthly_cost(50.01) == 2000


def test_capacity_follows_from_speed_hours_and_utilisation() -> None:
    plan = replace(PLAN, tokens_per_second=100.0, on_demand_monthly_usd=Decimal(1000))
    found = rent_or_buy.endpoints([plan], utilization=0.25, hours_per_month=200)
    by_way = {e.way: e for e in found}
    assert by_way["on_demand"].saturated == pytest.approx(100 * 3600 * 200 / 1e6)
    assert by_way["on_demand"].capacity == pytest.approx(18)
    assert by_way["committed_1y"].saturated == pytest.approx(100 * 3600 * 730 / 1e6)


def test_the_tokens_of_an_endpoint_cost_what_the_comparison_says() -> None:
    found = rent_or_buy.endpoints([PLAN], utilization=1.0, hours_per_month=730)
    by_way = {e.way: e.usd_per_million_tokens for e in found}
    assert by_way["on_demand"] == pytest.approx(PLAN.usd_per_million_tokens)
    assert by_way["committed_1y"] == pytest.approx(PLAN.committed_1y_usd_per_million_tokens)


def test_a_plan_of_unknown_speed_or_price_makes_no_endpoint() -> None:
    slow = replace(PLAN, tokens_per_second=None)
    free = replace(PLAN, on_demand_monthly_usd=None, committed_1y_monthly_usd=None)
    assert rent_or_buy.endpoints([slow, free], utilization=0.5, hours_per_month=730) == []


def test_the_earliest_break_even_is_the_smallest_load() -> None:
    small, large = endpoint(100, 1000, 1), endpoint(1000, 10_000, 1)
    point = rent_or_buy.earliest([large, small], "on_demand", api(1))
    assert point is not None
    assert point.endpoint is small
    assert rent_or_buy.earliest([large, small], "on_demand", api(0.001)) is None
