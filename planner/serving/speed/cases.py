"""Measurements as the fit sees them: what ran, how many requests at a time, how fast."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.errors import PlannerError
from planner.serving import accelerators, models
from planner.serving.speed import generations, roofline
from planner.serving.speed.effects import Setting, kind
from planner.serving.speed.replicas import together
from planner.serving.speed.workload import Workload

if TYPE_CHECKING:
    from collections.abc import Iterable

    from planner.serving.speed.measurements import Measurement

REGIMES = {
    "static-batch": "static",
    "static-batch-max": "max",
    "max-load": "max",
    "serving": "serving",
    "virtual-users": "serving",
    "burst": "burst",
}
"""Scenario of a measurement -> how requests come. Open-loop rates are not fitted."""


@dataclass(frozen=True, slots=True)
class Case:
    """One measurement that can be predicted: one replica of it.

    Args:
        measurement: The row.
        workload: The replica.
        setting: What effects depend on.
        work: What a request asks of it.
        concurrency: Requests of the replica.
        batch: Those of them decoded together.
        speed: Log of its output tokens per second.
    """

    measurement: Measurement
    workload: Workload
    setting: Setting
    work: roofline.Work
    concurrency: int
    batch: float
    speed: float

    @property
    def generation(self) -> tuple[str, str]:
        """Engine and generation."""
        return self.setting.engine, self.setting.generation

    @property
    def accelerator(self) -> str:
        """The accelerator's name."""
        return self.workload.accelerator.name

    @property
    def model(self) -> str:
        """The model's name."""
        return self.workload.model.name


def cases(rows: Iterable[Measurement]) -> tuple[list[Case], Counter[str]]:
    """Return the measurements that can be predicted, and why the others cannot, counted."""
    kept: list[Case] = []
    dropped: Counter[str] = Counter()
    for row in rows:
        try:
            kept.append(_case(row))
        except _UnusableError as reason:
            dropped[str(reason)] += 1
    return kept, dropped


class _UnusableError(Exception):
    """Why a measurement cannot be predicted."""


def _case(row: Measurement) -> Case:
    if row.unusable:
        raise _UnusableError(row.unusable)
    if row.scenario == "mlperf":
        raise _UnusableError("MLPerf")
    if row.scenario not in REGIMES:
        raise _UnusableError("arrivals at a rate: checked, not fitted")
    shape = (row.tensor_parallel, row.pipeline_parallel, row.input_tokens, row.output_tokens)
    if None in shape or not row.precision:
        raise _UnusableError("the source does not state lengths, precision or parallel sizes")
    tp, pp, isl, osl = (value for value in shape if value is not None)
    try:
        model, card = models.get(row.model), accelerators.get(row.accelerator)
        workload = Workload(model, card, row.precision, row.engine, tp, pp, isl, osl)
        replicas = max(1, row.accelerator_count // workload.accelerators)
        load = workload.most_requests()
        if row.concurrency is not None:
            load = max(1, math.ceil(row.concurrency / replicas))
        work = workload.work()
    except PlannerError as error:
        raise _UnusableError(str(error)) from error
    setting = Setting(
        row.engine,
        generations.of_software(row.engine, row.software, row.source),
        REGIMES[row.scenario],
        workload.nominal()[2],
        kind(model),
    )
    batch = workload.batch(load)
    if setting.regime == "static":  # a batch made by hand: no limit of the engine's scheduler
        batch = max(1, min(load, workload.room()))
    speed = math.log(row.tokens_per_second / together(replicas))
    return Case(row, workload, setting, work, load, batch, speed)
