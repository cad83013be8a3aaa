"""The fit: shipped figures are what the fit makes of the shipped measurements."""

from __future__ import annotations

import copy
import json
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest

from planner.bundled import pricing_data
from planner.serving import accelerators
from planner.serving.speed import (
    calibration,
    cases,
    corrections,
    effects,
    measurements,
    mlperf,
    pulls,
    replicas,
    shipped,
    shipping,
)
from planner.serving.speed.corrections import Shape

if TYPE_CHECKING:
    from collections import Counter

SHIPPED = json.loads((pricing_data() / "throughput.json").read_text(encoding="utf-8"))


@cache
def _read() -> tuple[list[cases.Case], Counter[str]]:
    return cases.cases(measurements.all_measurements())


def runs() -> list[cases.Case]:
    return _read()[0]


def unused() -> Counter[str]:
    return _read()[1]


def test_the_shipped_fit_counts_every_measurement() -> None:
    counts = SHIPPED["measurements"]
    assert counts["rows"] == len(measurements.all_measurements())
    submissions = counts["fitted"] - len(runs())
    assert 0 < submissions <= unused()["MLPerf"]
    assert counts["not_fitted"]["MLPerf"] == unused()["MLPerf"] - submissions
    points = sum(len(shipped.points(*block)) for block in {case.generation for case in runs()})
    assert points == counts["fitted"]


def test_every_measurement_fits_the_memory_it_ran_in() -> None:
    assert not [reason for reason in unused() if "does not fit" in reason]


@pytest.mark.long
def test_the_shipped_rates_are_near_the_best_of_the_measurements() -> None:
    design = calibration.Design.of(runs())
    values = calibration.from_table(runs(), shipped.effects())
    assert np.median(np.abs(design.residuals(values))) < 0.08


def test_the_quick_correction_is_the_one_that_was_fitted() -> None:
    kernel = shipped.kernel()
    block = [case for case in runs() if case.generation == ("deepspeed-mii", "2024")]
    weights = np.array([point.weight for point in shipped.points("deepspeed-mii", "2024")])
    for case in block[::25]:
        load = case.workload
        slow = pulls.covariance([case], block, kernel) @ weights
        shape = Shape(load.input_tokens, load.output_tokens, load.accelerators)
        shared = corrections.shared(case.setting, load.model, shape).at(case.batch)
        own = corrections.own(
            case.setting, load.model, case.accelerator, shape, load.tensor_parallel
        ).at(case.batch)
        assert shared.speed + own.speed == pytest.approx(float(slow[0]), abs=0.01)


def test_what_is_left_out_is_predicted_within_the_goals() -> None:
    found = {name: rows["all"]["all"] for name, rows in SHIPPED["holdout"].items()}
    assert found["set-up"]["median"] <= 0.05
    assert found["ttft"]["median"] <= 0.25
    assert SHIPPED["within_twice"] >= 0.9
    assert found["tpot"]["median"] <= 0.07
    assert abs(found["prefill-heavy"]["bias"]) <= 0.15
    assert abs(found["bursts"]["bias"]) <= 0.15
    assert found["MLPerf"]["median"] <= 0.18


def test_bands_never_narrow_as_the_evidence_thins() -> None:
    bands = SHIPPED["bands"]
    order = ("measured", "interpolated", "seen_model", "new_model", "new_card")
    for easier, harder in pairwise(order):
        for name, factor in bands[harder].items():
            assert factor >= bands[easier].get(name, 1.0)
    assert bands["unvalidated"]["all"] >= 2
    assert bands["other_vendor"]["all"] >= 2


def test_check_finds_nothing_in_the_shipped_files_and_one_changed_figure_in_altered_ones(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert shipping.check(copy.deepcopy(SHIPPED) | {"fitted_on": "1999-01-01"}) == 0
    altered = copy.deepcopy(SHIPPED)
    altered["effects"]["mean"]["all"]["layer"] *= 1.1
    assert shipping.check(altered) == 1
    assert "/effects/mean/all/layer" in capsys.readouterr().out


def test_the_report_shows_every_split_and_generation() -> None:
    text = shipping.report(SHIPPED)
    for split in ("random", "set-up", "model", "shape", "card", "ttft", "tpot"):
        assert f"{split}, by generation" in text
        assert f"{split}, by card" in text


def test_the_documentation_states_the_shipped_errors_and_bands() -> None:
    text = (pricing_data().parent / "docs" / "throughput.md").read_text(encoding="utf-8")
    for line in shipping.report(SHIPPED).split("\n\nrandom, by")[0].splitlines()[2:]:
        assert line in text
    for name, bands in SHIPPED["bands"].items():
        assert f"| {name.replace('_', ' ')} | {bands['all']:.2f} |" in text


def test_the_loss_of_replicas_is_what_mlperf_shows() -> None:
    found = mlperf.loss_per_doubling(measurements.all_measurements())
    assert found == pytest.approx(replicas.LOSS_PER_DOUBLING, abs=0.001)
    assert replicas.together(1) == 1.0
    assert all(replicas.together(n) < replicas.together(n + 1) for n in range(1, 128))


def test_what_a_generation_does_to_a_card_is_told_from_what_the_card_is() -> None:
    at = {
        year: effects.Setting("vllm", year, "serving", "fp16", "dense") for year in ("2024", "2026")
    }
    levels = {
        year: set(effects.levels(setting, accelerators.get("MI300X")))
        for year, setting in at.items()
    }
    shared, apart = levels["2024"] & levels["2026"], levels["2024"] ^ levels["2026"]
    assert ("card", "MI300X") in shared
    assert {level for level, _ in apart} == {
        *("generation", "kernel", "generation_architecture", "generation_kind"),
    }
