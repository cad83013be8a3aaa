"""Layouts against MLPerf: what whole machines gave, beside what planner says they give.

Every closed Offline result on two and more GPUs of one machine that is in
``pricing_data/measurements.csv``. The rows name neither engine, precision nor layout, so nothing is
picked by hand: TensorRT-LLM for NVIDIA's cards and vLLM for AMD's, as their submitters use; the
8-bit or 4-bit precision that the card calculates in and that planner says serves most; the layout
that planner chooses at full load.
"""

from __future__ import annotations

import math
import re
import statistics
import sys
from collections import defaultdict
from dataclasses import dataclass, replace

from planner.errors import UnknownNameError
from planner.serving import accelerators, engines, layouts, models
from planner.serving.layouts import LoadShape, Question
from planner.serving.memory import EngineSettings
from planner.serving.speed import measurements

# Mean lengths of the benchmarks' data sets, in and out (MLPerf Inference's reference answers; the
# accuracy log of Llama 2 70B counts 294 tokens out, and the product's fit takes 300 in).
LENGTHS = {
    "llama-2-70b": (300, 294),
    "llama-3.1-8b": (871, 82),
    "llama-3.1-405b": (9429, 685),
    "mixtral-8x7b": (427, 145),
    "deepseek-r1": (804, 4043),
}
_ENGINES = {"NVIDIA": "tensorrt-llm", "AMD": "vllm"}
_PRECISIONS = ("fp8", "fp4", "mxfp4")
_MOST_GPUS = 8  # beyond that a result is of several machines
_GOALS = {"median": 0.18, "bias": 0.10, "coverage": 0.85, "MI300X": 0.30}


@dataclass(frozen=True, slots=True)
class Point:
    """One result and what planner says of it."""

    model: str
    card: str
    count: int
    measured: float
    said: float
    low: float
    high: float
    layout: str

    @property
    def error(self) -> float:
        """Return by how much planner is off, as a share of what was measured."""
        return self.said / self.measured - 1

    @property
    def covered(self) -> bool:
        """Whether the result lies in the band."""
        return self.low <= self.measured <= self.high


def points() -> tuple[list[Point], int]:
    """Return the results that planner can speak about, and how many it cannot."""
    found, unknown = [], 0
    for row in measurements.all_measurements():
        count = int(row.accelerator_count)
        offline = row.scenario == "mlperf" and re.search(
            r"closed offline", row.notes, re.IGNORECASE
        )
        if not offline or not 1 < count <= _MOST_GPUS:
            continue
        layout = chosen(row.model, row.accelerator, count)
        if layout is None or not layout.tokens_per_second:
            unknown += 1
            continue
        split = f"{layout.precision} {layout.replicas} x TP {layout.tensor_parallel}"
        found.append(
            Point(
                row.model,
                row.accelerator,
                count,
                row.tokens_per_second,
                layout.tokens_per_second,
                layout.tokens_per_second_low or 0.0,
                layout.tokens_per_second_high or math.inf,
                split,
            )
        )
    return found, unknown


def chosen(model_name: str, card_name: str, count: int) -> layouts.Layout | None:
    """Return the layout that serves most at full load, of all native precisions."""
    try:
        model, card = models.get(model_name), accelerators.get(card_name)
    except UnknownNameError:
        return None
    if model.name not in LENGTHS or card.vendor not in _ENGINES:
        return None
    native = set(engines.runnable(card)) - set(engines.weight_only(card))
    engine = _ENGINES[card.vendor]
    asked = Question("", LoadShape(*LENGTHS[model.name]))
    tried = [
        layouts.best(
            model,
            card,
            count,
            replace(
                asked,
                precision=precision,
                settings=EngineSettings(engine, engines.usual_kv_precision(engine, precision)),
            ),
        )
        for precision in _PRECISIONS
        if precision in native
    ]
    return max(
        (layout for layout in tried if layout is not None),
        key=lambda layout: layout.tokens_per_second or 0.0,
        default=None,
    )


def main() -> int:
    """Print the errors by model and card, and all together beside the goals."""
    found, unknown = points()
    groups: defaultdict[tuple[str, str, int], list[Point]] = defaultdict(list)
    for point in found:
        groups[point.model, point.card, point.count].append(point)
    print(f"{'model, card':36} {'layout':18} {'n':>4} {'median':>8} {'bias':>8} {'in band':>8}")
    for (model, card, count), rows in sorted(groups.items()):
        line(f"{model}, {count} x {card}", rows[0].layout, rows)
    line("all", "", found)
    line("MI300X", "", [point for point in found if point.card == "MI300X"])
    print(
        f"goals: median {_GOALS['median']:.0%}, bias {_GOALS['bias']:.0%}, "
        f"in band {_GOALS['coverage']:.0%}, MI300X median {_GOALS['MI300X']:.0%}; "
        f"{unknown} results are of models or cards without a known speed"
    )
    return 0


def line(name: str, layout: str, rows: list[Point]) -> None:
    """Print one line: median error, bias, share inside the band."""
    if not rows:
        return
    errors = [point.error for point in rows]
    median = statistics.median(abs(error) for error in errors)
    covered = sum(point.covered for point in rows) / len(rows)
    print(
        f"{name:36} {layout:18} {len(rows):4} {median:8.1%} "
        f"{statistics.median(errors):+8.1%} {covered:8.0%}"
    )


if __name__ == "__main__":
    sys.exit(main())
