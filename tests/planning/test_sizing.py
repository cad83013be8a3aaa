"""A sizing on the bundled prices: the answer, its arithmetic, and what it refuses."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from planner.errors import NotFoundError, UsageError
from planner.planning import Request, demand, pool
from planner.planning.demand import Lengths, Volume
from planner.planning.fleets import Rules, week_of
from planner.planning.servers import Buying
from planner.planning.sizing import SizeRequest, Sizing, size

AS_OF = date(2026, 11, 23)
LENGTHS = (Lengths(1024, 3300), Lengths(256, 768))


def question(
    rate: float = 2.0, shape: str = "flat", *, months: int = 12, **where: Any
) -> SizeRequest:
    request = Request("llama-3.1-70b", ttft_s=2.0, tpot_s=0.05, as_of=AS_OF)
    return SizeRequest(
        where=replace(request, **where),
        load=demand.build(Volume(requests_per_second=rate), shape, *LENGTHS, months=months),
    )


def sized(rate: float = 2.0, shape: str = "flat", **where: Any) -> Sizing:
    return size(question(rate, shape, **where))


def test_the_contract_has_every_field_of_a_fleet() -> None:
    document = sized().to_dict()
    machine = (
        "cloud service region instance_type accelerator accelerator_count precision engine "
        "engine_generation tensor_parallel pipeline_parallel replicas_per_machine ttft_p95_s "
        "tpot_p95_s basis deploy_to as_of source"
    )
    fleet = (
        "machines_min machines_peak committed_machines on_demand_machines_mean "
        "spot_machines_mean monthly_usd monthly_usd_low monthly_usd_high due_now_usd "
        "usd_per_million_served_tokens utilisation headroom deployable price_confidence"
    )
    wanted = {*machine.split(), *fleet.split()}
    assert all(wanted <= set(row) for row in document["fleets"])
    assert {"model", "load", "targets", "assumptions", "fleets", "rent"} <= set(document)


def test_fleets_stand_cheapest_first() -> None:
    costs = [fleet.value_usd for fleet in sized().fleets]
    assert costs == sorted(costs)


@pytest.mark.parametrize("rate", [1.0, 10.0])
@pytest.mark.parametrize("shape", ["flat", "office"])
def test_every_fleet_carries_its_busiest_hour_and_one_machine_less_would_not(
    rate: float, shape: str
) -> None:
    found = sized(rate, shape, precision="any")
    peak = max(week_of(found.request.load).rates)
    for fleet in found.fleets:
        if len(fleet.parts) == 1:
            part = fleet.parts[0]
            slots, latency = part.server.slots, part.server.latency_s
            assert pool.most_rate(part.machines_peak, slots, latency) >= peak * (1 - 1e-9)
            if part.machines_peak > 1:
                assert pool.most_rate(part.machines_peak - 1, slots, latency) < peak


@pytest.mark.long
def test_every_fleet_meets_the_targets() -> None:
    for fleet in sized(precision="any").to_dict()["fleets"]:
        assert fleet["ttft_p95_s"] <= 2.0
        assert fleet["tpot_p95_s"] <= 0.05


def test_the_answer_never_rests_on_a_price_or_weights_nobody_knows() -> None:
    found = sized(precision="any")
    for fleet in (found.cheapest, found.cheapest_token, found.cheapest_deployable):
        assert fleet is not None
        assert all(part.server.is_sure for part in fleet.parts)


def test_the_deployable_fleet_can_be_deployed() -> None:
    found = sized().cheapest_deployable
    assert found is not None
    assert all(part.server.deploy_to for part in found.parts)


def test_the_bill_is_hours_times_the_price_where_nothing_is_committed() -> None:
    found = size(replace(question(10.0), buying=Buying(terms=())))
    for fleet in found.to_dict()["fleets"]:
        if not fleet["also"]:
            hours = fleet["machines_mean"] * 730
            assert fleet["monthly_usd"] == pytest.approx(hours * fleet["on_demand_hourly_usd"])


@pytest.mark.long
def test_eight_months_are_committed_where_a_year_costs_less_than_eight_months_by_the_hour() -> None:
    found = size(question(2.0, months=8))
    seen = set()
    for fleet in found.fleets:
        if len(fleet.parts) > 1:
            continue
        part = fleet.parts[0]
        hour, terms = part.server.market.on_demand_usd, part.server.market.commitments
        if hour is None or not terms:
            continue
        by_hand = min(term.total_usd for term in terms) < hour * 730 * 8
        assert bool(part.mix.starts) == by_hand
        seen.add(by_hand)
    assert seen == {True, False}


def test_no_money_is_due_now_unless_it_is_asked_for() -> None:
    plain = size(question(2.0)).to_dict()["fleets"]
    any_way = size(replace(question(2.0), buying=Buying(pay="any"))).to_dict()["fleets"]
    by_machine = {(f["instance_type"], f["region"]): f for f in any_way}
    for fleet in plain:
        other = by_machine.get((fleet["instance_type"], fleet["region"]))
        if other is not None and not other["also"] and not fleet["also"]:
            assert fleet["monthly_usd"] >= other["monthly_usd"] - 1e-6


def test_own_discounts_come_off_every_price() -> None:
    full, less = (
        size(replace(question(2.0), buying=Buying(discount_percent=p))).fleets[0] for p in (0, 10)
    )
    assert less.monthly_usd == pytest.approx(0.9 * full.monthly_usd)


@pytest.mark.long
def test_machines_that_are_held_are_free() -> None:
    name = sized(10.0).fleets[0].parts[0].server.instance_type.instance_type
    found = size(replace(question(10.0), buying=Buying(held=((name, 1),))))
    assert found.fleets[0].monthly_usd < sized(10.0).fleets[0].monthly_usd


def test_a_spare_machine_costs_one_more() -> None:
    request = question(2.0, instance_types=("p5.48xlarge",))
    one, two = (
        size(replace(request, rules=Rules(spare=n))).fleets[0].parts[0].machines_peak
        for n in (0, 1)
    )
    assert two == one + 1


def test_credits_pay_the_first_quarters() -> None:
    request = question(2.0)
    plain = size(request).to_dict()["fleets"][0]["cash_by_quarter_usd"]
    paid = size(replace(request, credits_usd=plain[0] + 5)).to_dict()["fleets"][0]
    assert paid["cash_by_quarter_usd"][:2] == pytest.approx([0, plain[1] - 5])


def test_a_cheaper_precision_is_named_beside_the_answer() -> None:
    document = sized(10.0).to_dict()
    assert {fleet["precision"] for fleet in document["fleets"]} == {"bf16"}
    assert "fp8" in {fleet["precision"] for fleet in document["other_precisions"]}


def test_targets_that_nothing_meets_name_the_way_out() -> None:
    with pytest.raises(NotFoundError) as caught:
        sized(tpot_s=0.0001)
    assert "--tpot" in caught.value.advice


def test_a_precision_that_is_too_slow_names_one_that_is_not() -> None:
    with pytest.raises(NotFoundError) as caught:
        sized(tpot_s=0.02, accelerators=("L40S",), precision="bf16")
    assert "--" in caught.value.advice


def test_lengths_beyond_the_model_are_refused() -> None:
    load = demand.build(
        Volume(requests_per_second=1), "flat", Lengths(200_000, 300_000), Lengths(10, 30)
    )
    with pytest.raises(UsageError, match="context"):
        size(replace(question(), load=load))


def test_the_frame_has_a_row_for_each_fleet() -> None:
    found = sized()
    assert len(found.to_dataframe()) == len(found.fleets)
