"""What a plan says of how its machine runs the model, and what that serves."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from planner.endpoints import interface
from planner.errors import NotFoundError, UsageError
from planner.planning import Request, compare, explain
from planner.planning.deployable import DEPLOYS_TO
from planner.pricing.instance_types import bundled
from planner.serving import accelerators, layouts, models
from planner.serving.layouts import LoadShape, Question, Targets
from planner.serving.memory.fit import fit

if TYPE_CHECKING:
    from planner.plan import Plan

REQUEST = Request(model="llama-2-70b", as_of=date(2026, 11, 23))


def plans(**changes: Any) -> tuple[Plan, ...]:
    return compare(replace(REQUEST, **changes)).plans


def test_a_plan_takes_its_layout_from_the_search() -> None:
    for plan in plans(precision="fp8"):
        item = bundled().get(plan.instance_type, plan.service)
        card = accelerators.get(plan.accelerator, item.interconnect)
        question = Question(
            "fp8", LoadShape(), Targets(REQUEST.ttft_s, REQUEST.tpot_s), context=4096, concurrency=4
        )
        layout = layouts.best(models.get("llama-2-70b"), card, plan.accelerator_count, question)
        assert layout is not None
        assert plan.replicas == layout.replicas
        assert plan.tensor_parallel == layout.tensor_parallel
        assert plan.capacity_requests_per_second == layout.capacity_requests_per_second


def test_the_first_row_holds_what_its_title_says_at_the_low_end() -> None:
    first = plans()[0]
    assert first.kv_cache_tokens_low // 4096 * first.replicas >= REQUEST.concurrency
    assert all(plan.fits for plan in plans())


def test_tokens_cost_what_the_capacity_gives_when_it_is_fully_used() -> None:
    for plan in plans():
        capacity = plan.capacity_requests_per_second
        if not capacity:
            assert plan.usd_per_million_tokens is None
            assert plan.tokens_per_second is None
            continue
        assert plan.tokens_per_second == pytest.approx(capacity * REQUEST.output_tokens)
        if plan.on_demand_hourly_usd is not None:
            an_hour = capacity * REQUEST.output_tokens * 3600 / 1e6
            each = float(plan.on_demand_hourly_usd) / an_hour
            assert plan.usd_per_million_tokens == pytest.approx(each)


def test_the_times_are_within_the_targets_or_the_plan_serves_nothing() -> None:
    for plan in plans(ttft_s=1.0, tpot_s=0.04):
        if plan.capacity_requests_per_second is None:
            continue
        assert plan.time_to_first_token_s is not None
        assert plan.time_per_output_token_s is not None
        inside = plan.time_to_first_token_s <= 1.0 and plan.time_per_output_token_s <= 0.04
        assert inside == (plan.capacity_requests_per_second > 0) == bool(plan.within_targets)
        if not inside:
            assert any(line.startswith("too slow for the targets") for line in plan.warnings)


def test_more_requests_than_one_machine_holds_take_more_machines_never_a_pipeline() -> None:
    (plan,) = plans(instance_types=("p4d.24xlarge",), concurrency=300, max_instances=4)
    assert plan.instances > 1
    assert plan.pipeline_parallel == 1
    assert not plan.spans_machines
    (one,) = plans(instance_types=("p4d.24xlarge",), concurrency=4)
    assert one.capacity_requests_per_second is not None
    assert plan.capacity_requests_per_second == pytest.approx(
        plan.instances * one.capacity_requests_per_second
    )
    assert plan.kv_cache_tokens_low == one.kv_cache_tokens_low


def test_a_copy_spans_machines_only_where_no_single_one_holds_the_model() -> None:
    big = replace(REQUEST, model="llama-3.1-405b")
    (plan,) = compare(replace(big, instance_types=("p4d.24xlarge",))).plans
    assert plan.spans_machines
    assert plan.pipeline_parallel > 1
    assert plan.tokens_per_second is None
    assert plan.capacity_requests_per_second is None
    assert plan.deploy_to is None
    assert any("multi-node" in line for line in plan.warnings)
    everywhere = compare(replace(big, max_instances=4)).plans
    assert not [p for p in everywhere if p.spans_machines]


def test_a_load_that_a_machine_could_not_hold_is_no_reason_for_a_pipeline() -> None:
    with pytest.raises(NotFoundError):
        plans(instance_types=("p4d.24xlarge",), concurrency=5000)


def test_an_fp8_cache_lets_more_machines_in() -> None:
    plain = {plan.instance_type for plan in plans(concurrency=12)}
    told = plans(concurrency=12, kv_precision="fp8")
    half = {plan.instance_type for plan in told}
    assert half - plain
    # Volta and Turing have no fp8 at all.
    assert not {plan.accelerator for plan in told} & {"V100-32GB", "V100-16GB", "T4"}
    assert {plan.kv_precision for plan in told} == {"fp8"}


def test_a_tight_machine_is_no_plan_and_its_verdict_says_what_to_set() -> None:
    tight = replace(REQUEST, model="qwen3-32b", accelerators=("H100",))
    names = {plan.instance_type for plan in compare(tight).plans}
    verdicts = {record["instance_type"]: record for record in explain(tight)}
    found = verdicts["p5.4xlarge"]
    assert found["tight"]
    assert not found["fits"]
    assert "p5.4xlarge" not in names
    assert "--max-num-seqs 512" in found["remedies"]
    told = compare(replace(tight, max_num_seqs=512)).plans
    assert "p5.4xlarge" in {plan.instance_type for plan in told}
    assert {plan.max_num_seqs for plan in told} == {512}


@pytest.mark.long
def test_the_context_holds_prompt_and_answer() -> None:
    wide = replace(REQUEST, model="llama-3.1-8b", input_tokens=30_000)
    assert compare(wide).assumptions["context"] == 32_768
    assert compare(REQUEST).assumptions["context"] == 4096
    with pytest.raises(UsageError) as caught:
        compare(replace(wide, context=4096))
    assert "--context 31024" in (caught.value.advice or "")
    with pytest.raises(UsageError):
        compare(replace(REQUEST, input_tokens=4096))  # Llama 2 was made for 4,096 in all


def test_a_long_prompt_is_not_priced_on_a_machine_that_cannot_hold_it() -> None:
    wide = replace(REQUEST, model="llama-3.1-8b", input_tokens=30_000, concurrency=1)
    for plan in compare(wide).plans:
        assert plan.kv_cache_tokens_low >= 32_768


@pytest.mark.long
def test_deployable_says_where_deploy_takes_the_plan() -> None:
    assert set(interface.SERVICES) == DEPLOYS_TO
    for plan in plans(precision="any"):
        assert plan.deployable == (plan.deploy_to is not None)
        if plan.deploy_to is not None:
            assert plan.deploy_to == plan.service
    fp4 = plans(precision="fp4")
    assert fp4
    assert not [plan for plan in fp4 if plan.deployable]  # no fp4 checkpoint of it is known


def test_due_now_is_what_the_first_day_costs() -> None:
    for plan in plans():
        if plan.committed_1y_payment_option == "no_upfront":
            assert plan.committed_1y_due_now_usd == Decimal(0)
        else:
            assert plan.committed_1y_due_now_usd == plan.committed_1y_upfront_usd


def test_explain_and_compare_agree_on_what_fits() -> None:
    fitting = {r["instance_type"] for r in explain(REQUEST) if r["fits"]}
    assert {plan.instance_type for plan in plans(geo="all")} <= fitting


def test_a_verdict_is_of_the_layout_that_would_run() -> None:
    for record in explain(replace(REQUEST, model="llama-3.1-8b", accelerators=("L4",))):
        if not record["fits"]:
            continue
        found = fit(
            models.get("llama-3.1-8b"),
            accelerators.get("L4"),
            count=record["accelerator_count"],
            precision="bf16",
            tensor_parallel=record["tensor_parallel"],
            pipeline_parallel=record["pipeline_parallel"],
            replicas=record["replicas"],
        )
        assert found.kv_cache_tokens_low == record["kv_cache_tokens_low"]
