"""``planner size --measured``: one machine as it was measured, the others as predicted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from planner.errors import UnknownNameError, UsageError
from planner.planning import Request, demand, measured_files
from planner.planning.demand import Lengths, Volume
from planner.planning.sizing import SizeRequest, size

if TYPE_CHECKING:
    from planner.planning.measured import Measured

FILES = Path(__file__).parents[1] / "data" / "load_tests"
MACHINE = "p5.48xlarge"


def load_test(precision: str = "fp8", machine: str = MACHINE) -> Measured:
    return measured_files.read(FILES / "vllm.jsonl", instance_type=machine, precision=precision)


def question(prompt: float = 1024, **of_request: Any) -> SizeRequest:
    load = demand.build(
        Volume(requests_per_second=10),
        demand.FLAT,
        Lengths(prompt, 3.3 * prompt),
        Lengths(256, 3 * 256),
    )
    where = Request("llama-3.1-70b", precision="fp8", services=("ec2",), ttft_s=2.0, tpot_s=0.05)
    return SizeRequest(replace(where, **of_request), load)


@pytest.fixture(scope="module")
def predicted() -> dict[str, float]:
    found = size(question())
    return {
        p.server.instance_type.instance_type: p.server.rate for f in found.fleets for p in f.parts
    }


def test_its_machine_serves_what_was_measured_and_the_others_what_is_predicted(
    predicted: dict[str, float],
) -> None:
    found = size(replace(question(), measured=load_test()))
    parts = [part for fleet in found.fleets for part in fleet.parts]
    rates = {part.server.instance_type.instance_type: part.server.rate for part in parts}
    assert rates[MACHINE] == pytest.approx(6.5)
    assert predicted[MACHINE] != pytest.approx(6.5)
    others = (set(rates) & set(predicted)) - {MACHINE}
    assert others
    assert all(rates[name] == predicted[name] for name in others)


def test_the_fleet_is_planned_with_it() -> None:
    asked = question(instance_types=(MACHINE,))
    found = size(replace(asked, measured=load_test(machine=MACHINE.upper())))
    (fleet, *_) = found.fleets
    assert fleet.parts[0].machines_peak == 2, "10 a second at 6.5 a machine"
    layout = fleet.parts[0].server.layout
    assert (layout.basis, layout.bound) == ("measured", "tpot")
    (note,) = found.notes
    assert (
        "p5.48xlarge at fp8 as measured (vllm.jsonl of meta-llama/Llama-3.1-70B-Instruct)" in note
    )
    assert "6.5 requests/s within the targets, by p99" in note


def test_other_lengths_are_worth_what_the_prediction_says() -> None:
    asked = question(prompt=2048, instance_types=(MACHINE,))
    found = size(replace(asked, measured=load_test()))
    rate = found.fleets[0].parts[0].server.rate
    assert 0.3 * 6.5 < rate < 0.8 * 6.5
    assert "for requests of the load's lengths" in found.notes[0]


def test_a_test_at_another_precision_leaves_this_one_as_predicted(
    predicted: dict[str, float],
) -> None:
    asked = question(instance_types=(MACHINE,))
    found = size(replace(asked, measured=load_test(precision="bf16")))
    (part,) = found.fleets[0].parts
    assert part.server.rate == predicted[MACHINE]


def test_an_unknown_machine_is_named() -> None:
    with pytest.raises(UnknownNameError, match="p5-nothing"):
        size(replace(question(), measured=load_test(machine="p5-nothing")))


def test_a_machine_that_cannot_hold_the_model_was_not_measured_with_it() -> None:
    with pytest.raises(UsageError, match="does not fit"):
        size(replace(question(), measured=load_test(machine="g6.xlarge")))


def test_a_test_of_another_model_is_refused() -> None:
    with pytest.raises(UsageError, match=r"a load test of llama-3.1-8b, not of llama-3.1-70b"):
        size(replace(question(), measured=replace(load_test(), model="Llama-3.1-8B")))


def test_a_name_of_the_user_s_own_is_no_other_model() -> None:
    own = replace(load_test(), model="/models/our-fine-tune")
    (note,) = size(replace(question(), measured=own)).notes
    assert "(vllm.jsonl of /models/our-fine-tune)" in note, "the reader can tell"


def test_a_job_without_times_does_not_claim_the_targets() -> None:
    job = replace(measured_files.read(FILES / "sagemaker.json"), precision="fp8")
    asked = question(services=("sagemaker",))
    (note,) = size(replace(asked, measured=job)).notes
    assert "10 requests/s in that test, which lacks times" in note
    assert "within the targets" not in note


def test_a_test_without_one_of_the_times_does_not_claim_that_target() -> None:
    test = load_test()
    first_alone = replace(test, points=tuple(replace(p, tpot_s=None) for p in test.points))
    (note,) = size(replace(question(), measured=first_alone)).notes
    assert "lacks times" in note
    (note,) = size(replace(question(tpot_s=None), measured=first_alone)).notes
    assert "within the targets" in note
