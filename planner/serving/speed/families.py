"""Which family of measurements speaks for a set-up, and how surely."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

from planner.errors import NotFoundError
from planner.serving import models
from planner.serving.speed import residuals
from planner.serving.speed.measurements import nominal_precision

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.serving.accelerators import Accelerator
    from planner.serving.models import Model
    from planner.serving.speed.residuals import Calibration, Family, Point
    from planner.serving.speed.workload import Workload

Load = tuple[int, int, int]

MAX_LOAD = "max-load"
STATIC = "static-batch"
# From this share of the cache on, a stated concurrency is as good as maximum load.
_SATURATED = 0.5
# A load this many times outside a family's measured range is beyond what it can speak for.
_REACH = 4.0
# A load this many times outside what was measured on the very set-up still counts as between.
_BETWEEN = 1.5
# The oldest generation (Ampere) and the slowest memory (L40S) that leaving out was tried on.
_OLDEST_CAPABILITY = 8.0
_SLOWEST_GBS = 860.0
_FALLBACK_VENDOR = "NVIDIA"


def choose(calibration: Calibration, workload: Workload, concurrency: int | None) -> Family:
    """Return the family that speaks for a set-up.

    In this order: maximum load asked and measured in that way on this accelerator; this model
    measured on this accelerator at this precision; a nearly full cache and maximum load measured
    here; loads like this measured here at this precision; this precision measured here; anything
    measured here; the same vendor. Of several, the newest software.

    Args:
        calibration: The shipped fit.
        workload: The set-up.
        concurrency: Requests of one replica; None for as many as fit.

    Raises:
        NotFoundError: No measurement of this engine exists.
    """
    engine = [item for item in calibration.families if item.engine == workload.engine]
    vendors = (workload.accelerator.vendor, _FALLBACK_VENDOR)
    candidates = next(
        (same for vendor in vendors if (same := [f for f in engine if f.vendor == vendor])), engine
    )
    if not candidates:
        raise NotFoundError(f"no throughput of {workload.engine} was measured")
    requests = concurrency or workload.most_requests()
    saturated = requests >= _SATURATED * workload.max_concurrency()
    load = (workload.input_tokens, workload.output_tokens, requests)
    precision = nominal_precision(workload.precision)

    def preference(family: Family) -> tuple[float, ...]:
        full = family.regime == MAX_LOAD
        here = _extent(family.name, workload.accelerator.name)
        if here is None:
            return (*(False,) * 6, not full, family.year)
        same_precision = precision in here.precisions
        return (
            full and concurrency is None,
            (workload.model.name, precision) in here.models and not full,
            full and saturated and same_precision,
            same_precision and here.reaches(load, _REACH),
            same_precision,
            True,
            not full,
            family.year,
        )

    return max(candidates, key=preference)


def situation(
    calibration: Calibration, family: Family, workload: Workload, concurrency: int
) -> tuple[Literal["modelled", "unvalidated"], float, str]:
    """Return the basis, the factor of the band, and a reason for people."""
    name, why = _situation(family, workload, concurrency)
    bands = calibration.bands[name]
    factor = bands.get(family.name, bands["all"])
    if name in ("unvalidated", "other_vendor"):
        return "unvalidated", factor, why
    return "modelled", factor, why


def _situation(family: Family, workload: Workload, concurrency: int) -> tuple[str, str]:
    accelerator, model = workload.accelerator, workload.model.name
    if family.vendor != accelerator.vendor:
        return "other_vendor", f"nothing was measured on {accelerator.vendor} accelerators"
    load = (workload.input_tokens, workload.output_tokens, concurrency)
    foreign = _foreign(_extent(family.name), workload, load)
    if foreign:
        return "unvalidated", foreign
    here = _extent(family.name, accelerator.name)
    if here is None or nominal_precision(workload.precision) not in here.precisions:
        return _unseen(accelerator, workload.precision)
    if all(model != measured for measured, _ in here.models):
        return "new_model", f"{model} was not measured on {accelerator.name}"
    same = [p for p in residuals.points(family.name) if p.nominal() == workload.nominal()]
    if same and _Extent.of(same).reaches(load, _BETWEEN):
        return "interpolated", "between measured loads of this set-up"
    return "seen_model", f"{model} was measured on {accelerator.name}, not in this set-up"


def _foreign(everywhere: _Extent | None, workload: Workload, load: Load) -> str:
    """Return what sets a workload apart from everything a family measured; empty for nothing."""
    if everywhere is None or nominal_precision(workload.precision) not in everywhere.precisions:
        return f"{workload.precision} was not measured with this engine"
    if _kind(workload.model) not in everywhere.kinds:
        return f"no model built like {workload.model.name} was measured with this engine"
    if workload.pipeline_parallel > 1 and everywhere.stages == 1:
        return "pipeline parallel was not measured with this engine"
    if not everywhere.reaches(load, _REACH):
        return "the load is far from what was measured"
    return ""


def _kind(model: Model) -> tuple[bool, bool]:
    """Return what a model's speed depends on in kind: a mixture of experts, a latent cache."""
    return model.moe_experts is not None, model.kv_lora_rank is not None


def _unseen(accelerator: Accelerator, precision: str) -> tuple[str, str]:
    if _comparable(accelerator):
        why = f"{precision} was not measured on {accelerator.name}, but on its like"
        return "new_accelerator", why
    return "unvalidated", f"nothing like {accelerator.name} was measured"


def _comparable(accelerator: Accelerator) -> bool:
    """Tell whether an accelerator without measurements is like those with.

    Data-centre cards of the measured generations with a known link: leaving one of them out of
    the fit tells how wrong the fit is on the next. Nothing tells for older, slower or consumer
    cards.
    """
    return (
        (accelerator.compute_capability or 0.0) >= _OLDEST_CAPABILITY
        and (accelerator.bandwidth_gbs or 0.0) >= _SLOWEST_GBS
        and accelerator.interconnect_gbs is not None
    )


@dataclass(frozen=True, slots=True)
class _Extent:
    """What some points cover; loads are input tokens, output tokens and concurrency."""

    precisions: frozenset[str]
    models: frozenset[tuple[str, str]]  # with the precision
    kinds: frozenset[tuple[bool, bool]]
    stages: int
    lowest: Load
    highest: Load

    @classmethod
    def of(cls, points: Sequence[Point]) -> _Extent:
        inputs = [point.input_tokens for point in points]
        outputs = [point.output_tokens for point in points]
        requests = [point.concurrency for point in points]
        return cls(
            precisions=frozenset(point.precision for point in points),
            models=frozenset((point.model, point.precision) for point in points),
            kinds=frozenset(_kind(models.get(name)) for name in {p.model for p in points}),
            stages=max(point.pipeline_parallel for point in points),
            lowest=(min(inputs), min(outputs), min(requests)),
            highest=(max(inputs), max(outputs), max(requests)),
        )

    def reaches(self, load: Load, times: float) -> bool:
        """Tell whether each number of a load is at most so many times outside the range."""
        ranges = zip(self.lowest, load, self.highest, strict=True)
        return all(low / times <= value <= high * times for low, value, high in ranges)


@cache
def _extent(family: str, accelerator: str | None = None) -> _Extent | None:
    """Return what a family covers, or its points on one accelerator; None without any."""
    points = [p for p in residuals.points(family) if accelerator in (None, p.accelerator)]
    return _Extent.of(points) if points else None
