"""The bundled measurements: mapped, sourced, and unusable only for a reason that holds."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from planner.errors import NotFoundError, UnknownNameError
from planner.serving import accelerators, models
from planner.serving.speed import measurements
from planner.serving.speed.workload import Workload

if TYPE_CHECKING:
    from planner.serving.speed.measurements import Measurement

ROWS = measurements.all_measurements()
RUNS = [row for row in ROWS if row.scenario != "mlperf"]


def workload(row: Measurement) -> Workload:
    assert row.tensor_parallel is not None
    assert row.pipeline_parallel is not None
    assert row.input_tokens is not None
    assert row.output_tokens is not None
    return Workload(
        models.get(row.model),
        accelerators.get(row.accelerator),
        row.precision,
        row.engine,
        row.tensor_parallel,
        row.pipeline_parallel,
        row.input_tokens,
        row.output_tokens,
    )


def test_every_row_has_a_source_and_a_speed() -> None:
    assert len(ROWS) == 7331
    assert all(row.source and row.tokens_per_second > 0 for row in ROWS)


def test_what_lacks_a_date_has_a_source_that_gives_none() -> None:
    undated = Counter(row.source.split("@")[0][:40] for row in ROWS if not row.as_of)
    assert undated.most_common(1)[0][0].startswith("pypi:aiconfigurator-core")
    assert sum(undated.values()) < 0.15 * len(ROWS)


def test_every_usable_run_states_what_it_ran_and_how() -> None:
    for row in RUNS:
        if row.unusable:
            continue
        assert row.engine
        width, stages = row.tensor_parallel, row.pipeline_parallel
        if width is None or stages is None:
            continue
        # The cards that one copy leaves run further copies.
        assert row.accelerator_count % (width * stages) == 0
        if row.scenario == "max-load":
            assert row.concurrency is None


@pytest.mark.long
def test_looking_up_a_model_finds_what_a_full_scan_finds() -> None:
    for model, card in {(row.model, row.accelerator) for row in ROWS}:
        scanned = [row for row in ROWS if (row.model, row.accelerator) == (model, card)]
        assert list(measurements.of(model, card)) == scanned


def test_rows_faster_than_their_hardware_are_marked_and_no_others() -> None:
    reason = "faster than the accelerator's peak arithmetic or bandwidth"
    for row in RUNS:
        if not row.input_tokens or not row.tensor_parallel or not row.precision:
            continue
        try:
            load = workload(row)
            limit = load.fastest(row.concurrency) * row.accelerator_count / load.accelerators
        except (NotFoundError, UnknownNameError):
            continue
        if not row.unusable or row.unusable == reason:
            assert (row.tokens_per_second > limit) == (row.unusable == reason), row


def test_derived_speeds_agree_with_the_measured_times() -> None:
    timed = [
        row
        for row in RUNS
        if row.ttft_ms and row.tpot_ms and "conc*osl/(ttft+tpot*(osl-1))" in row.notes
    ]
    assert len(timed) > 700
    for row in timed:
        assert row.concurrency is not None
        assert row.output_tokens is not None
        seconds = (row.ttft_ms + row.tpot_ms * (row.output_tokens - 1)) / 1e3  # type: ignore[operator]
        expected = row.concurrency * row.output_tokens / seconds
        assert row.tokens_per_second == pytest.approx(expected, rel=0.01)
