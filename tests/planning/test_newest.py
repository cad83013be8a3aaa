"""The comparison with the newest prices: every cloud, both ways of paying, nothing missing."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from planner.planning import Comparison, Request, compare, explain
from planner.pricing import regions

DAY = date(2026, 11, 23)
REQUEST = Request(model="llama-2-70b", as_of=DAY)
# Not in the newest complete list of their region, so not sold there any more.
GONE = {
    ("azure-vm", "northcentralus", "Standard_ND96amsr_A100_v4"),
    ("gce", "us-east1", "a2-megagpu-16g"),
}
Machine = tuple[str, str, str]


@pytest.fixture(scope="module")
def newest() -> Comparison:
    """The default comparison."""
    return compare(REQUEST)


@pytest.fixture(scope="module")
def held(published_prices: list[dict[str, str]]) -> dict[str, dict[Machine, list[dict[str, str]]]]:
    """What the data holds for fitting types in US regions: the newest row of each kind.

    Straight from the tabular input: a dated row before an undated one, then the later.
    """
    fitting = {
        (v["service"], v["instance_type"])
        for v in explain(REQUEST)
        if v["fits"] and not v["needs_neuron"]
    }
    latest: dict[tuple[str, ...], dict[str, str]] = {}
    for row in published_prices:
        if (
            row["region"] in regions.in_geo("us")
            and (row["service"], row["instance_type"]) in fitting
            and (row["pricing_model"] == "on_demand" or row["term_years"] == "1")
        ):
            key = (
                *(row["service"], row["region"], row["instance_type"]),
                *(row["pricing_model"], row["commitment"], row["payment_option"]),
            )
            if key not in latest or _rank(row) > _rank(latest[key]):
                latest[key] = row
    found: dict[str, dict[Machine, list[dict[str, str]]]] = {"on_demand": {}, "committed": {}}
    for row in latest.values():
        machine = (row["service"], row["region"], row["instance_type"])
        if machine not in GONE:
            found[row["pricing_model"]].setdefault(machine, []).append(row)
    return found


def _rank(row: dict[str, str]) -> tuple[str, str]:
    return (row["dated"], row["as_of"])


def test_three_clouds_and_sagemaker_are_shown(newest: Comparison) -> None:
    assert {plan.cloud for plan in newest.plans} == {"aws", "azure", "gcp"}
    assert {plan.service for plan in newest.plans} == {"ec2", "sagemaker", "azure-vm", "gce"}


def test_both_ways_of_paying_are_shown_for_each_cloud(newest: Comparison) -> None:
    for cloud in ("aws", "azure", "gcp"):
        plans = [plan for plan in newest.plans if plan.cloud == cloud]
        assert any(plan.on_demand_hourly_usd is not None for plan in plans)
        assert any(plan.committed_1y_hourly_usd is not None for plan in plans)


def test_no_price_is_missing_that_the_data_holds(
    held: dict[str, dict[Machine, list[dict[str, str]]]],
) -> None:
    everywhere = compare(
        Request(model="llama-2-70b", as_of=DAY, every_region=True, payment_options=("any",))
    )
    plans = {(p.service, p.region, p.instance_type): p for p in everywhere.plans}
    assert len(held["on_demand"]) > 100
    assert len(held["committed"]) > 30
    for machine, rows in held["on_demand"].items():
        (row,) = rows
        assert plans[machine].on_demand_hourly_usd == Decimal(row["usd"]), machine
        assert plans[machine].source == row["source"]
    for machine, rows in held["committed"].items():
        cheapest = min(Decimal(row["usd"]) for row in rows)
        assert plans[machine].committed_1y_hourly_usd == cheapest, machine
        assert plans[machine].committed_1y_basis == "published"
    assert set(plans) == {*held["on_demand"], *held["committed"]}, "and none is made up"


def test_a_machine_is_called_gone_only_where_a_newer_list_of_its_region_lacks_it(
    published_prices: list[dict[str, str]],
) -> None:
    for service, region, name in GONE:
        here = [
            row
            for row in published_prices
            if (row["service"], row["region"], row["pricing_model"])
            == (service, region, "on_demand")
        ]
        last = max(row["as_of"] for row in here)
        assert last > max(row["as_of"] for row in here if row["instance_type"] == name)
        assert len([row for row in here if row["as_of"] == last]) > 5


def test_a_row_shows_the_cheapest_region_and_no_price_known_elsewhere_is_hidden(
    newest: Comparison, held: dict[str, dict[Machine, list[dict[str, str]]]]
) -> None:
    for plan in newest.plans:
        prices = [
            Decimal(row["usd"])
            for (service, _, name), rows in held["on_demand"].items()
            for row in rows
            if (service, name) == (plan.service, plan.instance_type)
        ]
        assert plan.on_demand_hourly_usd == min(prices)
        if plan.committed_1y_hourly_usd is None:
            assert not [
                machine
                for machine in held["committed"]
                if (machine[0], machine[2]) == (plan.service, plan.instance_type)
            ], plan.instance_type


def test_there_is_one_row_for_each_machine_and_the_cheapest_comes_first(
    newest: Comparison,
) -> None:
    names = [(plan.service, plan.instance_type) for plan in newest.plans]
    assert len(set(names)) == len(names)
    prices = [plan.on_demand_hourly_usd for plan in newest.plans]
    assert prices == sorted(price for price in prices if price is not None)


def test_every_price_says_where_and_when(newest: Comparison) -> None:
    for plan in newest.plans:
        assert plan.source
        assert plan.as_of is not None or plan.source.startswith("public file")
        assert plan.on_demand_confidence in ("high", "medium", "low")
        if plan.committed_1y_hourly_usd is not None:
            assert plan.committed_1y_source
            # Only what rests on one API item in a unit test has no date.
            undated = plan.committed_1y_as_of is None
            assert not undated or plan.instance_type == "Standard_NC48ads_A100_v4"


def test_only_azure_reservations_are_estimated_and_they_say_so(newest: Comparison) -> None:
    estimated = [plan for plan in newest.plans if plan.committed_1y_basis == "estimated"]
    assert estimated
    for plan in estimated:
        assert plan.cloud == "azure"
        assert plan.committed_1y_kind == "reserved_instance"
        assert plan.committed_1y_source.startswith("estimate: ")


def test_without_estimates_only_published_prices_are_left(newest: Comparison) -> None:
    bare = compare(Request(model="llama-2-70b", as_of=DAY, estimates=False))
    assert {plan.committed_1y_basis for plan in bare.plans} == {"published", None}
    assert [p.on_demand_hourly_usd for p in bare.plans] == [
        p.on_demand_hourly_usd for p in newest.plans
    ]


def test_reservations_savings_plans_and_committed_use_keep_their_names(newest: Comparison) -> None:
    kinds = {(plan.cloud, plan.committed_1y_kind) for plan in newest.plans}
    assert ("aws", "reserved_instance") in kinds
    assert ("gcp", "committed_use_discount") in kinds
    assert ("gcp", "reserved_instance") not in kinds
    p5 = next(plan for plan in newest.plans if plan.instance_type == "p5.48xlarge")
    assert p5.committed_1y_kind == "convertible_reserved_instance", "no standard one was ever sold"


def test_sagemaker_has_no_commitment_and_the_notes_say_so(newest: Comparison) -> None:
    sagemaker = [plan for plan in newest.plans if plan.service == "sagemaker"]
    assert sagemaker
    assert {plan.committed_1y_hourly_usd for plan in sagemaker} == {None}
    assert "sagemaker: no one-year price known on 2026-11-23." in newest.notes


def test_saving_break_even_and_tokens_follow_from_the_prices(newest: Comparison) -> None:
    for plan in newest.plans:
        on_demand, committed = plan.on_demand_hourly_usd, plan.committed_1y_hourly_usd
        assert on_demand is not None
        assert plan.on_demand_monthly_usd == on_demand * 730
        if committed is not None:
            assert plan.committed_1y_monthly_usd == committed * 730
            assert plan.saving_percent == pytest.approx((1 - committed / on_demand) * 100)
            assert plan.break_even_hours_per_month == pytest.approx(committed / on_demand * 730)
        if plan.tokens_per_second is not None:
            tokens = plan.tokens_per_second * 3600
            expected = float(on_demand) / tokens * 1e6
            assert plan.usd_per_million_tokens == pytest.approx(expected)
            low, high = plan.tokens_per_second_low, plan.tokens_per_second_high
            assert low is not None
            assert high is not None
            assert low <= plan.tokens_per_second <= high
