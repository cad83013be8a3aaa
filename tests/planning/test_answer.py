"""The answer of a comparison: trusted prices lead, and what is shown changes no fact."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from functools import cache

import pytest

from planner.planning import Comparison, Request, compare
from planner.planning.answer import Answer, answer, at_another_precision, cheapest, is_trusted

REQUEST = Request(model="llama-2-70b", as_of=date(2026, 11, 23))


@cache
def result() -> Comparison:
    return compare(REQUEST)


def found() -> Answer:
    return answer(result().every)


def test_a_price_that_is_not_trusted_never_leads_and_is_named() -> None:
    every, told = result().every, found()
    assert told.pick is not None
    assert told.pick.is_trusted
    least = min(
        price
        for plan in every
        for price in (plan.on_demand_monthly_usd, plan.committed_1y_monthly_usd)
        if price is not None
    )
    assert told.doubtful is not None
    assert told.doubtful.monthly_usd == least < told.pick.monthly_usd
    assert not told.doubtful.is_trusted


def test_where_no_price_is_trusted_the_cheapest_leads_all_the_same() -> None:
    doubtful = [
        replace(plan, on_demand_confidence="low", committed_1y_hourly_usd=None,
                committed_1y_monthly_usd=None)
        for plan in result().every
        if plan.on_demand_monthly_usd is not None
    ]  # fmt: skip
    told = answer(doubtful)
    assert told.pick is not None
    assert told.pick.plan == cheapest(doubtful, "on_demand")
    assert told.doubtful is None


@pytest.mark.parametrize(
    "shown",
    [
        {"top": 1},
        {"sort": "tokens", "top": 3},
        {"sort": "committed"},
        {"max_monthly": Decimal(4000)},
    ],
    ids=str,
)
def test_what_is_shown_changes_no_fact(shown: dict[str, object]) -> None:
    other = compare(replace(REQUEST, **shown))  # type: ignore[arg-type]
    assert answer(other.every) == found()
    assert {n for n in other.notes if "no price known" in n} == {
        n for n in result().notes if "no price known" in n
    }


def test_a_machine_that_runs_part_of_the_month_is_not_committed() -> None:
    few = answer(compare(replace(REQUEST, hours_per_month=Decimal(100))).every)
    assert few.pick is not None
    assert few.pick.way == "on_demand"
    assert found().pick != few.pick


def test_nothing_due_now_comes_before_a_lower_price_that_is_all_due_now() -> None:
    plain = {p.instance_type: p for p in result().every if p.service == "ec2"}
    lowest = compare(replace(REQUEST, payment_options=("any",), services=("ec2",))).every
    cheaper = [
        p
        for p in lowest
        if p.committed_1y_hourly_usd != plain[p.instance_type].committed_1y_hourly_usd
    ]
    assert cheaper
    for plan in cheaper:
        own = plain[plan.instance_type]
        assert own.committed_1y_due_now_usd == 0
        assert plan.committed_1y_due_now_usd != 0
        assert plan.committed_1y_hourly_usd is not None
        assert own.committed_1y_hourly_usd is not None
        assert plan.committed_1y_hourly_usd < own.committed_1y_hourly_usd


@pytest.mark.long
def test_the_cheaper_precision_is_a_machine_that_planner_deploys() -> None:
    pick = found().pick
    assert pick is not None
    other = at_another_precision(REQUEST, result(), pick)
    assert other is not None
    assert other.monthly_usd < pick.monthly_usd
    assert other.plan.precision != pick.plan.precision
    assert other.plan.deployable
    assert is_trusted(other.plan, other.way)
    anything = answer(
        [
            p
            for p in compare(replace(REQUEST, precision="any")).every
            if p.deployable and p.within_targets
        ]
    )
    assert anything.pick is not None
    assert other.monthly_usd == anything.pick.monthly_usd


def test_every_precision_asked_for_leaves_no_other() -> None:
    anything = replace(REQUEST, precision="any", clouds=("gcp",))
    whole = compare(anything)
    pick = answer(whole.every).pick
    assert pick is not None
    assert at_another_precision(anything, whole, pick) is None
