"""The fit: shipped figures are what the fit makes of the shipped measurements."""

from __future__ import annotations

import copy
import json
from itertools import pairwise

import numpy as np
import pytest

from planner.bundled import pricing_data
from planner.errors import DataError
from planner.serving.speed import calibration, holdout, measurements, residuals, shipping
from planner.serving.speed.predict import predict

SHIPPED = json.loads((pricing_data() / "throughput.json").read_text(encoding="utf-8"))
CASES, UNUSED = calibration.cases(measurements.all_measurements())
FAMILIES = calibration.by_family(CASES)
KERNEL = residuals.calibration().kernel
SMALL = ("tgi/virtual-users/NVIDIA", "deepspeed-mii/static-batch/NVIDIA")


def test_the_shipped_fit_counts_every_measurement() -> None:
    counts = SHIPPED["measurements"]
    assert counts["fitted"] == len(CASES)
    assert counts["not_fitted"] == dict(UNUSED)
    assert counts["rows"] == len(measurements.all_measurements())
    points = {name: len(residuals.points(name)) for name in FAMILIES}
    assert points == {name: len(items) for name, items in FAMILIES.items()}


def test_every_measurement_fits_the_memory_it_ran_in() -> None:
    assert not [reason for reason in UNUSED if "does not fit" in reason]


@pytest.mark.parametrize("name", SMALL)
def test_fitting_again_gives_the_shipped_predictions(name: str) -> None:
    items = FAMILIES[name]
    shipped = next(f for f in residuals.calibration().families if f.name == name)
    fresh = calibration.fit_family(items, KERNEL)
    before = calibration.base(items, shipped.pooled, shipped.rates)
    after = calibration.base(items, fresh.pooled, fresh.rates)
    np.testing.assert_allclose(before, after, atol=0.01)


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("split", holdout.SPLITS)
def test_leaving_out_again_gives_the_shipped_errors(name: str, split: str) -> None:
    misses = holdout.leave_out({name: FAMILIES[name]}, KERNEL, holdout.SPLITS[split])
    fresh = {row: errors for row, errors in holdout.table(misses).items() if row != "all"}
    shipped = {row: e for row, e in SHIPPED["holdout"][split].items() if row.startswith(name)}
    assert shipped.keys() == fresh.keys()
    for row, errors in fresh.items():
        assert shipped[row]["mean"] == pytest.approx(errors.mean, rel=0.05)


def test_the_quick_correction_is_the_one_that_was_fitted() -> None:
    for family in residuals.calibration().families:
        items = FAMILIES[family.name]
        weights = np.array([point.weight for point in residuals.points(family.name)])
        asked = items[:: max(1, len(items) // 7)]
        slow = calibration.covariance(asked, items, KERNEL) @ weights
        quick = [residuals.correction(family, KERNEL, c.workload, c.concurrency) for c in asked]
        np.testing.assert_allclose(quick, slow, atol=1e-6)


def test_left_out_llama_2_70b_is_predicted_within_the_goal() -> None:
    rows = SHIPPED["holdout_of"]["llama-2-70b"]
    for split in ("random", "set-up", "model"):
        assert rows[split]["all"]["median"] < 0.10
        assert rows[split]["all"]["mean"] < 0.15


def test_bands_never_narrow_as_the_evidence_thins() -> None:
    bands = SHIPPED["bands"]
    order = ("measured", "interpolated", "seen_model", "new_model", "new_accelerator")
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
    altered["families"][SMALL[0]]["pooled"]["bandwidth"] *= 1.1
    assert shipping.check(altered) == 1
    assert f"/families/{SMALL[0]}/pooled/bandwidth" in capsys.readouterr().out


def test_the_report_shows_every_split_and_family() -> None:
    text = shipping.report(SHIPPED)
    assert all(f"Left out: {split}" in text for split in (*holdout.SPLITS, "vendor"))
    assert "llama-2-70b, by what was left out" in text


def test_a_mangled_fit_is_refused() -> None:
    with pytest.raises((DataError, KeyError)):
        residuals.parse({"kernel": {}})


def test_the_documentation_states_the_shipped_errors_and_bands() -> None:
    page = pricing_data().parent / "docs" / "throughput.md"
    text = page.read_text(encoding="utf-8")
    for line in shipping.report(SHIPPED).split("\n\nLeft out: random")[0].splitlines()[1:]:
        assert line in text
    for split in ("set-up", "model"):
        row = SHIPPED["holdout_of"]["llama-2-70b"][split]["all"]
        shown = f"| {split}: all | {row['points']} | {100 * row['mean']:.1f} %"
        assert f"{shown} | {100 * row['median']:.1f} %" in text
    for name, factor in SHIPPED["bands"]["interpolated"].items():
        assert f"| {name} | {SHIPPED['bands']['measured']['all']:.2f} | {factor:.2f} |" in text


def test_every_fitted_run_can_be_asked_for_and_is_found_as_measured() -> None:
    for case in CASES:
        load = case.workload
        found = predict(
            load.model,
            load.accelerator,
            count=load.accelerators,
            precision=load.precision,
            engine=load.engine,
            input_tokens=load.input_tokens,
            output_tokens=load.output_tokens,
            concurrency=case.measurement.concurrency,
            tensor_parallel=load.tensor_parallel,
            pipeline_parallel=load.pipeline_parallel,
        )
        assert found.throughput_basis == "measured"
        if found.source.endswith(case.measurement.source):
            assert found.tokens_per_second_low < case.tokens_per_second * 1.0001
            assert case.tokens_per_second < found.tokens_per_second_high * 1.0001
