"""How prices moved, what changed since a day, and alert rules."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.bundled import pricing_data
from planner.errors import NotFoundError, UnknownNameError, UsageError
from planner.planning import alerting
from planner.pricing import alerts, history, snapshots
from planner.pricing.catalog import Catalog, Query
from planner.pricing.changes import Kind, compare
from planner.pricing.offer import Offer, PricingModel

if TYPE_CHECKING:
    from pathlib import Path

JANUARY, MARCH, MAY = date(2026, 1, 1), date(2026, 3, 1), date(2026, 5, 1)
BUNDLED = Catalog(pricing_data())


def offer(name: str, usd: str, region: str = "us-east-1") -> Offer:
    return Offer("aws", "ec2", region, name, PricingModel.ON_DEMAND, None, None, None,
                 Decimal(usd), Decimal(0), Decimal(usd), "USD", JANUARY, "test")  # fmt: skip


def publish(root: Path, day: date, *offers: Offer, scope: str | None = "*") -> None:
    dated = [replace(o, as_of=day) for o in offers]
    snapshots.write(root, dated, snapshots.coverage_of(dated, scope))


def test_the_cut_of_2025_is_in_the_bundled_data() -> None:
    query = Query(regions=("us-east-1",), pricing_models=("on_demand",))
    fell = {
        c.offer.instance_type: (c.before.effective_hourly_usd, c.after.effective_hourly_usd,
                                round(c.percent, 1))
        for c in history.since(BUNDLED, replace(query, as_of=date(2026, 8, 1)), date(2025, 6, 1))
        if c.kind is Kind.FELL and c.before and c.after and c.percent
        and c.offer.service == "ec2"
    }  # fmt: skip
    assert fell == {
        "p4d.24xlarge": (Decimal("32.7726"), Decimal("21.957642"), Decimal("-33.0")),
        "p4de.24xlarge": (Decimal("40.96575"), Decimal("27.44705"), Decimal("-33.0")),
        "p5.48xlarge": (Decimal("98.32"), Decimal("55.04"), Decimal("-44.0")),
        "p5en.48xlarge": (Decimal("84.8"), Decimal("63.296"), Decimal("-25.4")),
    }


def test_a_series_has_a_point_on_both_sides_of_every_move(tmp_path: Path) -> None:
    publish(tmp_path, JANUARY, offer("p4d.24xlarge", "30"))
    publish(tmp_path, MARCH, offer("p4d.24xlarge", "30"))
    publish(tmp_path, MAY, offer("p4d.24xlarge", "20"))
    (series,) = history.follow(Catalog(tmp_path), Query())
    assert [(p.day, p.offer and p.offer.effective_hourly_usd) for p in series.points] == [
        (JANUARY, 30), (MARCH, 30), (MAY, 20),
    ]  # fmt: skip
    assert round(series.percent or 0, 1) == Decimal("-33.3")


def test_a_list_of_another_cloud_draws_no_point(tmp_path: Path) -> None:
    publish(tmp_path, JANUARY, offer("p4d.24xlarge", "30"))
    publish(tmp_path, MAY, replace(offer("a2-highgpu-8g", "30"), cloud="gcp", service="gce"))
    series = {s.instance_type: s for s in history.follow(Catalog(tmp_path), Query())}
    assert [p.day for p in series["p4d.24xlarge"].points] == [JANUARY]


def test_a_price_without_a_date_is_on_no_day(tmp_path: Path) -> None:
    publish(tmp_path, JANUARY, offer("p4d.24xlarge", "30"))
    publish(tmp_path, MAY, replace(offer("p4d.24xlarge", "20", "us-west-2"), undated=True))
    (series,) = history.follow(Catalog(tmp_path), Query())
    assert [(p.day, p.offer and p.offer.region) for p in series.points] == [(JANUARY, "us-east-1")]


def test_a_series_follows_the_cheapest_region(tmp_path: Path) -> None:
    publish(tmp_path, JANUARY, offer("p4d.24xlarge", "30"),
            offer("p4d.24xlarge", "31", "us-west-2"))  # fmt: skip
    publish(tmp_path, MAY, offer("p4d.24xlarge", "30"), offer("p4d.24xlarge", "29", "us-west-2"))
    (series,) = history.follow(Catalog(tmp_path), Query())
    assert [p.offer and p.offer.region for p in series.points] == ["us-east-1", "us-west-2"]


def test_what_is_no_longer_sold_ends_its_series(tmp_path: Path) -> None:
    publish(tmp_path, JANUARY, offer("p3.2xlarge", "3"), offer("p4d.24xlarge", "30"))
    publish(tmp_path, MAY, offer("p4d.24xlarge", "30"))
    found = {s.instance_type: s for s in history.follow(Catalog(tmp_path), Query())}
    assert found["p3.2xlarge"].last is None
    assert found["p3.2xlarge"].percent is None


def test_a_list_that_never_had_a_price_says_nothing_about_it(tmp_path: Path) -> None:
    publish(tmp_path, JANUARY, offer("p4d.24xlarge", "30"))
    publish(tmp_path, MAY, offer("p5.48xlarge", "50", "us-west-2"))
    assert history.since(Catalog(tmp_path), Query(), JANUARY) == []


def test_what_both_days_know_can_appear_and_vanish(tmp_path: Path) -> None:
    publish(tmp_path, JANUARY, offer("p3.2xlarge", "3"), offer("p4d.24xlarge", "30"))
    publish(tmp_path, MAY, offer("p5.48xlarge", "50"), offer("p4d.24xlarge", "31"))
    found = history.since(Catalog(tmp_path), Query(), MARCH)
    assert [(c.kind, c.offer.instance_type) for c in found] == [
        (Kind.ROSE, "p4d.24xlarge"),
        (Kind.APPEARED, "p5.48xlarge"),
        (Kind.VANISHED, "p3.2xlarge"),
    ]


def test_a_day_before_the_first_snapshot_is_a_clear_error(tmp_path: Path) -> None:
    publish(tmp_path, JANUARY, offer("p4d.24xlarge", "30"))
    with pytest.raises(NotFoundError, match="2020-01-01"):
        history.since(Catalog(tmp_path), Query(), date(2020, 1, 1))


def test_nothing_on_any_day_is_nothing_found(tmp_path: Path) -> None:
    publish(tmp_path, JANUARY, offer("p4d.24xlarge", "30"))
    with pytest.raises(NotFoundError):
        history.follow(Catalog(tmp_path), Query(regions=("nowhere",)))


prices = st.dictionaries(
    st.sampled_from(["p3.2xlarge", "p4d.24xlarge", "p5.48xlarge", "g5.xlarge"]),
    st.integers(1, 99).map(str),
)


@given(before=prices, after=prices)
def test_every_offer_is_unchanged_or_in_exactly_one_change(
    before: dict[str, str], after: dict[str, str]
) -> None:
    old = [offer(name, usd) for name, usd in before.items()]
    new = [offer(name, usd) for name, usd in after.items()]
    coverage = snapshots.coverage_of([offer("p4d.24xlarge", "1")])
    found = compare(old, new, coverage, covered_before=coverage)
    changed = {name for name in {*before, *after} if before.get(name) != after.get(name)}
    assert sorted(c.offer.instance_type for c in found) == sorted(changed)


@pytest.mark.parametrize(
    ("text", "subject", "comparison", "usd", "unit"),
    [
        ("h100<2.5/gpu-hour", "h100", "<", "2.5", "gpu-hour"),
        ("p5.48xlarge <= $50 / hour", "p5.48xlarge", "<=", "50", "hour"),
        ("A100-80GB>1500/month", "A100-80GB", ">", "1500", "month"),
        (
            "n1-standard-4+1xnvidia-tesla-t4>=0.5",
            "n1-standard-4+1xnvidia-tesla-t4",
            ">=",
            "0.5",
            "",
        ),
    ],
)
def test_a_rule_is_read(text: str, subject: str, comparison: str, usd: str, unit: str) -> None:
    rule = alerts.parse(text)
    assert (rule.subject, rule.comparison, rule.usd, rule.unit) == (
        subject, comparison, Decimal(usd), unit,
    )  # fmt: skip


@pytest.mark.parametrize(
    "text", ["", "h100", "h100<", "<2.5", "h100<<2", "h100=2", "h100<-1", "h100<2/day", "h100<two"]
)
def test_what_is_no_rule_is_a_clear_error(text: str) -> None:
    with pytest.raises(UsageError) as raised:
        alerts.parse(text)
    assert "h100<2.5/gpu-hour" in raised.value.advice


@given(price=st.decimals(1, 100, places=2), bound=st.decimals(1, 100, places=2))
def test_a_price_is_below_or_not_below_a_bound(price: Decimal, bound: Decimal) -> None:
    assert alerts.parse(f"h100<{bound}").is_met(price) != alerts.parse(f"h100>={bound}").is_met(
        price
    )
    assert alerts.parse(f"h100>{bound}").is_met(price) != alerts.parse(f"h100<={bound}").is_met(
        price
    )


@pytest.mark.parametrize(
    ("text", "price", "verdict"),
    [
        ("h100<6.89/gpu-hour", "6.88", "met"),
        ("h100<6.88", "6.88", "not met"),
        ("p5.48xlarge<55.05", "55.04", "met"),
        ("p5.48xlarge<6.89/gpu-hour", "6.88", "met"),
        ("p5.48xlarge>40000/month", "40179.20", "met"),
    ],
)
def test_a_rule_compares_the_cheapest_price_in_its_unit(
    text: str, price: str, verdict: str
) -> None:
    (found,) = alerting.judge(
        BUNDLED, [alerts.parse(text)], as_of=date(2026, 8, 1), regions=("us-east-1",),
        pricing_models=("on_demand",),
    )  # fmt: skip
    assert round(found.price_usd, 2) == Decimal(price)
    assert found.met == (verdict == "met")


def test_a_rule_about_nothing_known_names_what_is_near() -> None:
    with pytest.raises(UnknownNameError) as raised:
        alerting.judge(BUNDLED, [alerts.parse("h1000<2")])
    assert "H100" in raised.value.nearest


def test_a_rule_that_no_offer_matches_is_nothing_found() -> None:
    with pytest.raises(NotFoundError):
        alerting.judge(BUNDLED, [alerts.parse("mi300x<2")], clouds=("aws",))
