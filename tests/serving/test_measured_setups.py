"""No set-up that was measured to run is called impossible; what needs care is called tight."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import pytest

from planner.bundled import pricing_data
from planner.errors import UnknownNameError
from planner.serving import accelerators, engines, models, table
from planner.serving.memory.fit import Fit, fit

if TYPE_CHECKING:
    from planner.serving.accelerators import Accelerator
    from planner.serving.models import Model

# Measured on hardware or models that planner does not offer; nothing is claimed of them.
UNKNOWN = {
    *("AMD_MIXED", "Arc_Pro_B", "GH200_144", "Intel_Max_1550", "Orin"),
    "gptj-99",
    "gemma-4-12b",
}


@dataclass(frozen=True)
class Row:
    model: Model
    card: Accelerator
    precision: str
    count: int
    tensor_parallel: int | None
    tokens: int
    batch: int

    def fit(self, precision: str, concurrency: int) -> Fit:
        return fit(
            self.model,
            self.card,
            count=self.count,
            precision=precision,
            context=self.tokens,
            concurrency=concurrency,
            tensor_parallel=self.tensor_parallel,
            pipeline_parallel=self.count // self.tensor_parallel if self.tensor_parallel else None,
        )


@cache
def rows() -> tuple[list[Row], set[str]]:
    found, unknown = [], set()
    for row in table.read(pricing_data() / "measurements.csv"):
        try:
            model, card = models.get(row["model"]), accelerators.get(row["accelerator"])
        except UnknownNameError as error:
            unknown.add(error.name)
            continue
        shards = table.integer(row["tensor_parallel"])
        found.append(
            Row(
                model,
                card,
                row["precision"],
                int(row["accelerator_count"]),
                shards,
                int(row["input_tokens"] or 0) + int(row["output_tokens"] or 1),
                int(row["concurrency"] or 1) if row["scenario"] == "static-batch" else 1,
            )
        )
    return found, unknown


def test_every_row_is_of_known_hardware_or_on_the_list() -> None:
    found, unknown = rows()
    assert unknown <= UNKNOWN
    assert len(found) > 4000


@pytest.mark.long
def test_every_set_up_measured_at_a_known_precision_runs() -> None:
    measured = {row for row in rows()[0] if row.precision}
    assert len(measured) > 2000
    verdicts = [row.fit(row.precision, 1) for row in measured]
    assert not [found for found in verdicts if not found.fits and not found.tight]
    assert sum(found.tight for found in verdicts) < 0.05 * len(verdicts)


def test_every_set_up_measured_at_an_unstated_precision_runs_at_some() -> None:
    unstated = {row for row in rows()[0] if not row.precision}
    assert len(unstated) > 10
    refused = {
        row
        for row in unstated
        if not any(row.fit(name, 1).fits for name in engines.runnable(row.card))
    }
    assert not refused


def test_batches_said_not_to_fit_at_once_need_nearly_all_the_memory_there_is() -> None:
    """A static batch larger than the cache still runs, in waves.

    The source does not say which did. So a refused batch is no contradiction, but one far below
    the memory of the hardware would be: there the budget would be too strict.
    """
    batches = {row for row in rows()[0] if row.precision and row.batch > 1}
    verdicts = [(row, row.fit(row.precision, row.batch)) for row in batches]
    impossible = [(row, found) for row, found in verdicts if not found.fits and not found.tight]
    assert len(impossible) < 0.05 * len(verdicts)
    for row, found in impossible:
        whole = row.card.memory_gib * row.count
        assert found.weights_gib + found.kv_gib > 0.85 * whole
