"""How to buy a fleet: the cheapest mix, against brute force, and its laws."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.planning.purchase_mix import (
    HOURS_PER_MONTH,
    Commitment,
    Market,
    Mix,
    Start,
    Usage,
    account,
    best_mix,
    cheapest_terms,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

YEAR = Commitment("1 year, no upfront", 12, 3.0)
YEAR_UPFRONT = Commitment("1 year, all upfront", 12, 0.0, 2.8 * HOURS_PER_MONTH * 12)
THREE = Commitment("3 years, no upfront", 36, 2.0)

PRICES = st.floats(0.5, 20)


def steady(months: int, *shares: float) -> Usage:
    return Usage((tuple(HOURS_PER_MONTH * share for share in shares),) * months)


@st.composite
def usages(draw: st.DrawFn, *, levels: int = 2, months: int = 5) -> Usage:
    count = draw(st.integers(1, months))
    return Usage(
        tuple(
            tuple(
                sorted(draw(st.lists(st.floats(0, 730), min_size=0, max_size=levels)), reverse=True)
            )
            for _ in range(count)
        )
    )


@st.composite
def markets(draw: st.DrawFn) -> Market:
    terms = draw(st.lists(st.tuples(st.integers(1, 4), PRICES, PRICES), max_size=2))
    commitments = tuple(
        Commitment(f"{n}", months, hourly, upfront * HOURS_PER_MONTH)
        for n, (months, hourly, upfront) in enumerate(terms)
    )
    spot = draw(st.none() | PRICES)
    return Market(draw(PRICES), commitments, spot)


def mix_of(usage: Usage, market: Market, **options: float) -> Mix:
    found = best_mix(usage, market, **options)
    assert found is not None
    return found


def every_choice(usage: Usage, market: Market) -> Iterator[list[Start]]:
    """Yield every way to start none, one or two of each commitment in each month."""
    places = [(c, m) for c in market.commitments for m in range(usage.months)]
    for counts in itertools.product(range(3), repeat=len(places)):
        yield [Start(c, m, n) for (c, m), n in zip(places, counts, strict=True) if n]


@settings(max_examples=25, deadline=None)
@given(usage=usages(months=3), market=markets())
def test_the_mix_is_the_cheapest_of_all(usage: Usage, market: Market) -> None:
    found = best_mix(usage, market)
    least = min(account(usage, market, choice).total_usd for choice in every_choice(usage, market))
    assert found.total_usd == pytest.approx(least, rel=1e-6, abs=1e-6)


@given(usage=usages(), market=markets(), factor=st.floats(1.1, 4))
def test_dearer_hours_never_make_it_cheaper(usage: Usage, market: Market, factor: float) -> None:
    before, dearer = mix_of(usage, market), replace(market, on_demand_usd=20.0 * factor)
    after = mix_of(usage, dearer)
    assert after.total_usd >= before.total_usd - 1e-6


@given(usage=usages(), market=markets())
def test_doubled_prices_double_the_cost(usage: Usage, market: Market) -> None:
    doubled = Market(
        2 * (market.on_demand_usd or 0),
        tuple(
            replace(c, hourly_usd=2 * c.hourly_usd, upfront_usd=2 * (c.upfront_usd or 0))
            for c in market.commitments
        ),
        market.spot_usd and 2 * market.spot_usd,
    )
    once, twice = mix_of(usage, market), mix_of(usage, doubled)
    assert twice.total_usd == pytest.approx(2 * once.total_usd, rel=1e-6)


@given(usage=usages(), market=markets())
def test_an_option_taken_away_never_makes_it_cheaper(usage: Usage, market: Market) -> None:
    whole, less = mix_of(usage, market), mix_of(usage, replace(market, commitments=()))
    no_spot = mix_of(usage, replace(market, spot_usd=None))
    assert less.total_usd >= whole.total_usd - 1e-6
    assert no_spot.total_usd >= whole.total_usd - 1e-6


@given(usage=usages(), market=markets(), more=st.floats(1, 2))
def test_cost_never_falls_when_machines_run_longer(
    usage: Usage, market: Market, more: float
) -> None:
    longer = Usage(tuple(tuple(more * h for h in month) for month in usage.hours))
    before, after = mix_of(usage, market), mix_of(longer, market)
    assert after.total_usd >= before.total_usd - 1e-6


def test_eight_months_around_the_clock_are_worth_a_year_at_three_of_five() -> None:
    # On demand 8 x 730 x 5 = 29,200; a year 12 x 730 x 3 = 26,280.
    mix = mix_of(steady(8, 1.0), Market(5.0, (YEAR,)))
    assert mix.starts == (Start(YEAR, 0, 1),)
    assert mix.total_usd == pytest.approx(26_280)
    assert sum(mix.cash) == pytest.approx(8 * 730 * 3)
    assert mix.after_horizon_usd == pytest.approx(4 * 730 * 3)
    assert mix.monthly_usd == pytest.approx(26_280 / 8)


def test_seven_months_are_not() -> None:
    # On demand 7 x 730 x 5 = 25,550 is less than the year's 26,280.
    mix = mix_of(steady(7, 1.0), Market(5.0, (YEAR,)))
    assert (mix.starts, mix.total_usd) == ((), pytest.approx(25_550))


def test_only_the_machines_that_run_enough_are_committed() -> None:
    mix = mix_of(steady(12, 1.0, 0.7, 0.5, 0.1), Market(5.0, (YEAR,)))
    assert [(s.commitment.name, s.count) for s in mix.starts] == [("1 year, no upfront", 2)]
    assert mix.on_demand_hours == pytest.approx(12 * 730 * 0.6)
    assert mix.committed == (2,) * 12


def test_cash_on_the_first_day_is_the_upfront_part() -> None:
    mix = mix_of(steady(12, 1.0), Market(5.0, (YEAR_UPFRONT,)))
    assert mix.due_now_usd == pytest.approx(2.8 * 8760)
    assert mix.cash[0] == pytest.approx(2.8 * 8760)
    assert mix.quarters == pytest.approx((2.8 * 8760, 0, 0, 0))


def test_cash_on_the_first_day_is_not_known_where_the_source_has_no_upfront_part() -> None:
    mixed = replace(YEAR, upfront_usd=None)
    mix = mix_of(steady(12, 1.0), Market(5.0, (mixed,)))
    assert mix.due_now_usd is None
    assert mix.total_usd == pytest.approx(3 * 8760)


def test_money_later_is_worth_less() -> None:
    # All upfront is 6.7 % cheaper, but at 20 % a year money paid by the month is worth more.
    market = Market(5.0, (YEAR, YEAR_UPFRONT))
    now, later = (mix_of(steady(12, 1.0), market, discount_rate=r) for r in (0.0, 0.2))
    assert now.starts[0].commitment == YEAR_UPFRONT
    assert later.starts[0].commitment == YEAR


def test_spot_never_serves_the_floor() -> None:
    usage = replace(steady(1, 1.0, 1.0, 1.0), floor=2)
    mix = mix_of(usage, Market(5.0, spot_usd=2.0))
    assert (mix.on_demand_hours, mix.spot_hours) == (2 * 730, 730)


def test_machines_already_held_cost_nothing() -> None:
    mix = mix_of(steady(2, 1.0, 1.0), Market(5.0, held=1))
    assert mix.total_usd == pytest.approx(2 * 730 * 5)


def test_a_growing_load_adds_commitments_as_it_grows() -> None:
    grows = Usage(tuple((730.0,) * (1 + month // 6) for month in range(24)))
    mix = mix_of(grows, Market(5.0, (YEAR, THREE)))
    assert mix.committed[0] == 1
    assert mix.committed[-1] >= 3


def test_a_large_growing_fleet_is_within_half_a_percent_of_the_linear_bound() -> None:
    from scipy.optimize import linprog

    months, levels = 24, 40
    grows = Usage(
        tuple(
            tuple(max(0.0, 730 * min(1, (m + 12) / 20 - level / levels)) for level in range(levels))
            for m in range(months)
        )
    )
    market = Market(5.0, (YEAR, YEAR_UPFRONT, THREE))
    mix = mix_of(grows, market)
    columns = [(m, c) for m in range(months) for c in market.commitments]
    cost = [c.total_usd for _, c in columns]
    width = months * levels
    rows = [
        [-1.0 if m <= month < m + c.months else 0.0 for m, c in columns]
        + [
            -1.0 if month * levels <= place < (month + 1) * levels else 0.0
            for place in range(width)
        ]
        for month in range(months)
    ]
    cost += [5.0 * grows.of(m, level) for m in range(months) for level in range(levels)]
    bounds = [(0, None)] * len(columns) + [(0, 1)] * width
    bound = linprog(cost, A_ub=rows, b_ub=[-float(levels)] * months, bounds=bounds).fun
    assert bound <= mix.total_usd * (1 + 1e-9)
    assert mix.total_usd <= 1.005 * bound


@given(costs=st.lists(st.floats(0, 5000), min_size=1, max_size=6))
def test_terms_never_cost_more_than_buying_by_the_hour(costs: list[float]) -> None:
    starts = cheapest_terms(costs, (YEAR, THREE))
    covered = {m for s, c in starts for m in range(s, s + c.months)}
    total = sum(c.total_usd for _, c in starts)
    total += sum(cost for month, cost in enumerate(costs) if month not in covered)
    assert total <= sum(costs) + 1e-6


def test_what_cannot_be_bought_has_no_mix() -> None:
    assert best_mix(steady(1, 1.0), Market(None)) is None
    only_committed = mix_of(steady(1, 1.0), Market(None, (YEAR,)))
    assert only_committed.starts == (Start(YEAR, 0, 1),)
