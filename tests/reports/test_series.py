"""What charts show follows from the same arithmetic as the rest of planner."""

from __future__ import annotations

import itertools
from decimal import Decimal

import pytest

from planner.pricing import cost
from planner.pricing.offer import Offer, PricingModel
from planner.reports import Report, charts, headline, series
from planner.reports.drawing import NARROW, WIDE


def offers_of_headline(report: Report) -> dict[str, Offer]:
    plan = headline.plan_of(report)
    mine = [
        o
        for o in report.offers
        if (o.service, o.region, o.instance_type) == (plan.service, plan.region, plan.instance_type)
    ]
    on_demand = next(o for o in mine if o.pricing_model is PricingModel.ON_DEMAND)
    one_year = next(
        o
        for o in mine
        if (o.term_years, o.commitment, o.payment_option)
        == (1, plan.committed_1y_kind, plan.committed_1y_payment_option)
    )
    return {series.ON_DEMAND: on_demand, series.ONE_YEAR: one_year}


def test_monthly_prices_are_the_plans_own(report: Report) -> None:
    by_type = {(p.instance_type, p.precision): p for p in report.plans}
    records = series.monthly(report)
    assert len({r["rank"] for r in records}) == series.MOST_PLANS
    for record in records:
        plan = by_type[record["instance_type"], record["precision"]]
        if record["way"] == series.ON_DEMAND:
            assert record["monthly_usd"] == float(plan.on_demand_monthly_usd or 0)
        elif record["way"] == series.ONE_YEAR:
            assert record["monthly_usd"] == float(plan.committed_1y_monthly_usd or 0)


@pytest.mark.parametrize("months", [1, 11, 12, 13, 24, 30, 36])
def test_the_total_after_some_months_is_the_total_cost_of_the_offer(
    report: Report, months: int
) -> None:
    for way, offer in offers_of_headline(report).items():
        expected = cost.total_cost(offer, months=months, start=report.as_of).total_usd
        points = [
            (r["months"], r["total_usd"]) for r in series.cumulative(report) if r["way"] == way
        ]
        assert interpolated(points, months) == pytest.approx(float(expected), rel=1e-9)


def interpolated(points: list[tuple[float, float]], months: float) -> float:
    """Read a drawn line; at a step the lower end counts: the term covers its last month."""
    for (x0, y0), (x1, y1) in itertools.pairwise(points):
        if x0 <= months <= x1 and x1 > x0:
            return y0 + (y1 - y0) * (months - x0) / (x1 - x0)
    raise AssertionError(points)


def test_a_commitment_breaks_even_where_both_totals_are_equal(report: Report) -> None:
    points = {point.way: point for point in series.break_evens(report)}
    plan = headline.plan_of(report)
    assert plan.on_demand_monthly_usd is not None
    for point in points.values():
        on_demand = float(plan.on_demand_monthly_usd) * point.months
        assert on_demand == pytest.approx(point.total_usd, rel=1e-9)
    assert plan.break_even_hours_per_month is not None
    share = float(plan.break_even_hours_per_month / Decimal(730))
    assert points[series.ONE_YEAR].months / 12 == pytest.approx(share, rel=1e-9)


def test_history_ends_with_the_last_list_and_its_price(report: Report) -> None:
    records = series.history(report)
    assert records
    last = {r["name"]: r for r in records}
    on_demand = {p.instance_type: p.on_demand_hourly_usd for p in report.plans if p.instances == 1}
    for name, record in last.items():
        (day,) = {p.as_of for p in report.plans if p.instance_type == name and p.instances == 1}
        assert record["date"] == (day and day.isoformat())
        assert record["hourly_usd"] == float(on_demand[name] or 0)


@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_every_chart_is_drawn_and_described(report: Report, size: object) -> None:
    made = charts.charts(report)
    assert [chart.name for chart in made] == ["monthly", "cumulative", "tokens", "history"]
    for chart in made:
        picture = chart.svg(size)  # type: ignore[arg-type] # a Size
        assert f'aria-label="{chart.title}' in picture.replace("&amp;", "&")
        assert picture.count("<title>") > 3
        assert len(picture) < 100_000
