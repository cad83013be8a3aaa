"""What each part of a request does to the comparison."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from planner.errors import NotFoundError, UnknownNameError, UsageError
from planner.planning import LocalCards, Request, compare
from planner.planning.answer import answer
from planner.pricing import regions

REQUEST = Request(model="llama-2-70b", as_of=date(2026, 11, 23))


def names(**changes: Any) -> list[str]:
    return [plan.instance_type for plan in compare(replace(REQUEST, **changes)).plans]


@pytest.mark.parametrize(
    ("sort", "field"),
    [
        ("on-demand", "on_demand_hourly_usd"),
        ("committed", "committed_1y_hourly_usd"),
        ("tokens", "usd_per_million_tokens"),
    ],
)
def test_the_sort_decides_what_comes_first_and_unknowns_come_last(sort: str, field: str) -> None:
    values = [getattr(p, field) for p in compare(replace(REQUEST, sort=sort)).plans]
    known = [value for value in values if value is not None]
    assert known == sorted(known)
    assert values == known + [None] * (len(values) - len(known))


def test_top_keeps_the_first_rows_only() -> None:
    assert names(top=3) == names()[:3]


def test_a_ceiling_keeps_what_either_way_of_paying_can_meet() -> None:
    plans = compare(replace(REQUEST, max_monthly=Decimal(5000))).plans
    assert plans
    for plan in plans:
        prices = (plan.on_demand_monthly_usd, plan.committed_1y_monthly_usd)
        assert min(price for price in prices if price is not None) <= 5000


@pytest.mark.long
def test_a_ceiling_below_everything_names_the_cheapest() -> None:
    with pytest.raises(NotFoundError) as caught:
        compare(replace(REQUEST, max_monthly=Decimal(100)))
    assert "$100 a month" in str(caught.value)
    assert caught.value.why == "the cheapest is $3,506 a month"


@pytest.mark.parametrize("geo", ["us", "eu", "ap"])
def test_a_geography_keeps_its_regions(geo: str) -> None:
    plans = compare(replace(REQUEST, geo=geo)).plans
    assert plans
    assert {regions.geo(plan.cloud, plan.region) for plan in plans} == {geo}


def test_named_regions_count_whatever_the_geography() -> None:
    plans = compare(replace(REQUEST, geo="us", regions=("westeurope", "eu-west-1"))).plans
    assert {plan.region for plan in plans} == {"westeurope", "eu-west-1"}


def test_filters_keep_what_they_name_and_narrow_each_other() -> None:
    plans = compare(replace(REQUEST, clouds=("aws",), accelerators=("L4", "A10G"))).plans
    assert {(plan.cloud, plan.accelerator) for plan in plans} == {("aws", "L4"), ("aws", "A10G")}
    plans = compare(replace(REQUEST, services=("sagemaker",))).plans
    assert {plan.service for plan in plans} == {"sagemaker"}
    assert names(instance_types=("G5.48XLARGE",)) == ["g5.48xlarge"]


def test_an_accelerator_family_means_all_its_members() -> None:
    found = {plan.accelerator for plan in compare(replace(REQUEST, accelerators=("A100",))).plans}
    assert found == {"A100-40GB", "A100-80GB"}


def test_fewer_hours_make_on_demand_cheaper_and_leave_the_commitment() -> None:
    full = {p.instance_type: p for p in compare(REQUEST).plans}
    half = compare(replace(REQUEST, hours_per_month=Decimal(365))).plans
    for plan in half:
        twin = full[plan.instance_type]
        assert twin.on_demand_monthly_usd is not None
        assert plan.on_demand_monthly_usd == twin.on_demand_monthly_usd / 2
        assert plan.committed_1y_monthly_usd == twin.committed_1y_monthly_usd
        assert plan.break_even_hours_per_month == twin.break_even_hours_per_month


def test_less_use_makes_tokens_dearer_in_proportion() -> None:
    full = {p.instance_type: p.usd_per_million_tokens for p in compare(REQUEST).plans}
    for plan in compare(replace(REQUEST, utilization=0.5)).plans:
        once = full[plan.instance_type]
        if once is not None:
            assert plan.usd_per_million_tokens == pytest.approx(once * 2)


def test_a_payment_option_leaves_only_commitments_paid_so() -> None:
    for option in ("no_upfront", "all_upfront"):
        plans = compare(replace(REQUEST, payment_options=(option,))).plans
        assert {plan.committed_1y_payment_option for plan in plans} == {option, None}
        assert all(plan.on_demand_hourly_usd is not None for plan in plans)


@pytest.mark.long
def test_more_context_and_concurrency_never_let_more_machines_in() -> None:
    some = set(names())
    assert set(names(concurrency=64)) < some
    assert set(names(concurrency=1)) >= some


def test_any_precision_gives_a_row_for_each_that_fits() -> None:
    plans = compare(replace(REQUEST, precision="any", instance_types=("p5.48xlarge",))).plans
    assert {plan.precision for plan in plans} == {"fp16", "fp8", "int8", "int4", "fp4"}


def test_a_precision_without_known_weights_never_leads() -> None:
    request = replace(REQUEST, model="gemma-2-27b", precision="any", services=("gce",))
    result = compare(request)
    rows = [plan for plan in result.every if plan.instance_type == result.every[0].instance_type]
    assert not any(plan.weights_known for plan in rows), "the cheapest fits at int4 and fp4 only"
    found = answer(result.every)
    assert found.pick is not None
    assert found.doubtful is not None
    assert found.pick.plan.weights_known
    assert not found.doubtful.plan.weights_known
    assert found.pick.monthly_usd > found.doubtful.monthly_usd


def test_at_one_price_known_weights_come_first() -> None:
    request = replace(REQUEST, model="gemma-2-27b", precision="any", services=("ec2",))
    for machine in ("g6e.xlarge", "g6e.2xlarge"):
        plans = compare(replace(request, instance_types=(machine,))).plans
        known = [plan.weights_known for plan in plans if plan.region == plans[0].region]
        assert known == sorted(known, reverse=True)
        assert len(set(known)) == 2


def test_several_machines_are_joined_where_one_is_too_small() -> None:
    request = replace(
        REQUEST,
        model="llama-3.1-405b",
        instance_types=("p4d.24xlarge",),
        payment_options=("any",),
    )
    one, several = compare(REQUEST), compare(request)
    assert {plan.instances for plan in one.plans} == {1}
    (plan,) = several.plans
    assert plan.instances > 1
    assert plan.on_demand_hourly_usd == plan.instances * Decimal("21.95764")
    # All upfront is the cheapest one-year price of p4d: it is paid for every machine.
    assert plan.committed_1y_payment_option == "all_upfront"
    assert plan.committed_1y_hourly_usd is not None
    assert plan.committed_1y_upfront_usd == plan.committed_1y_hourly_usd * 8760


def test_inferentia_and_trainium_appear_only_when_asked_for() -> None:
    plain, neuron = set(names()), set(names(include_neuron=True))
    assert not [name for name in plain if name.startswith(("inf", "trn", "ml.inf", "ml.trn"))]
    assert neuron - plain
    assert all(name.startswith(("inf", "trn", "ml.inf", "ml.trn")) for name in neuron - plain)


def test_cards_that_no_engine_serves_are_not_offered() -> None:
    many = compare(replace(REQUEST, precision="int4", geo="all")).plans
    assert not {plan.accelerator for plan in many} & {"K80", "P100"}


def test_a_card_the_user_owns_stands_beside_the_clouds() -> None:
    local = LocalCards(("2xRTX-4090",), Decimal(1600), Decimal("0.15"), 36)
    request = replace(REQUEST, model="llama-2-13b", local=local)
    own = [plan for plan in compare(request).plans if plan.cloud == "local"]
    (plan,) = own
    assert plan.instance_type == "your own 2xRTX-4090"
    assert plan.on_demand_hourly_usd is not None
    assert round(plan.on_demand_hourly_usd, 4) == Decimal("0.2568")  # 2 x ($0.0609 + $0.0675)
    assert plan.committed_1y_hourly_usd is None
    assert "your own figures" in plan.source


def test_a_card_without_its_price_is_shown_without_one() -> None:
    local = LocalCards(("2xRTX-4090",))
    plans = compare(replace(REQUEST, model="llama-2-13b", local=local)).plans
    (plan,) = (plan for plan in plans if plan.cloud == "local")
    assert plan.on_demand_hourly_usd is None
    assert plan.usd_per_million_tokens is None


def test_a_card_that_is_too_small_is_told_why() -> None:
    result = compare(replace(REQUEST, local=LocalCards(("RTX-4090",))))
    assert not [plan for plan in result.plans if plan.cloud == "local"]
    (note,) = (note for note in result.notes if note.startswith("your own RTX-4090"))
    assert "needs 128.5 GiB for weights" in note


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"context": 0}, "--context must be positive"),
        ({"context": 5000}, "handles at most 4096 tokens"),
        ({"concurrency": -1}, "--concurrency must be positive"),
        ({"input_tokens": 0}, "--input-tokens must be positive"),
        ({"output_tokens": -5}, "--output-tokens must be positive"),
        ({"hours_per_month": Decimal(0)}, "--hours-per-month must be positive"),
        ({"hours_per_month": Decimal(800)}, "at most 744 hours"),
        ({"max_monthly": Decimal(-1)}, "--max-monthly must be positive"),
        ({"max_instances": 0}, "--max-instances must be positive"),
        ({"utilization": 0.0}, "--utilization must be above 0"),
        ({"utilization": 1.5}, "--utilization must be above 0"),
        ({"utilization": float("nan")}, "--utilization must be above 0"),
        ({"local": LocalCards(("RTX-4090",), Decimal(-1))}, "--purchase-usd must not be negative"),
        ({"local": LocalCards(("RTX-4090",), amortization_months=0)}, "must be positive"),
    ],
)
def test_a_number_out_of_range_is_refused_by_name(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        compare(replace(REQUEST, **changes))
    assert said in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("changes", "nearest"),
    [
        ({"model": "llama-2-70bb"}, "llama-2-70b"),
        ({"accelerators": ("H1000",)}, "H100"),
        ({"regions": ("us-esat-1",)}, "us-east-1"),
        ({"instance_types": ("g5.48xlrge",)}, "g5.48xlarge"),
        ({"clouds": ("azur",)}, "azure"),
        ({"services": ("sagemakr",)}, "sagemaker"),
        ({"geo": "usa"}, "us"),
        ({"local": LocalCards(("RTX-4091",))}, "RTX-4090"),
    ],
)
def test_an_unknown_name_brings_the_nearest(changes: dict[str, Any], nearest: str) -> None:
    with pytest.raises(UnknownNameError) as caught:
        compare(replace(REQUEST, **changes))
    assert nearest in caught.value.nearest


def test_nothing_that_fits_explains_the_largest() -> None:
    with pytest.raises(NotFoundError) as caught:
        compare(replace(REQUEST, accelerators=("T4",), max_instances=1))
    assert "no instance type asked for can serve llama-2-70b" in str(caught.value)
    assert "needs 128.5 GiB for weights" in caught.value.why
    assert caught.value.exit_code == 3


def test_a_date_before_the_first_price_is_refused() -> None:
    with pytest.raises(NotFoundError) as caught:
        compare(replace(REQUEST, as_of=date(2023, 9, 17)))
    assert caught.value.advice == "--as-of 2023-09-18"


def test_a_fitting_type_without_a_price_there_says_where_to_look() -> None:
    with pytest.raises(NotFoundError) as caught:
        compare(replace(REQUEST, regions=("af-south-1",), accelerators=("H200",)))
    assert "af-south-1" in str(caught.value)
    assert caught.value.advice == "planner compare llama-2-70b --geo all"


@pytest.mark.long
def test_the_dataframe_has_a_row_for_each_plan_and_money_as_numbers() -> None:
    result = compare(REQUEST)
    frame = result.to_dataframe()
    assert list(frame["instance_type"]) == [plan.instance_type for plan in result.plans]
    assert frame["on_demand_monthly_usd"].dtype == "float64"
    assert frame["committed_1y_monthly_usd"].isna().any()
