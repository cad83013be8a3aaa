"""MLPerf's submissions as cases: whole machines, whose split is not in the logs. For maintainers.

A submission is a machine tuned by its maker, with as many requests in flight as it takes. Its log
states neither precision nor parallel sizes nor lengths: the precision is taken as the smallest
that the card calculates in, the lengths are the means of the data set, and the split is the one
that the fit expects most of, without the submission.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from typing import TYPE_CHECKING

from planner.errors import PlannerError
from planner.serving import accelerators, memory, models
from planner.serving.speed.cases import Case
from planner.serving.speed.effects import Setting, kind
from planner.serving.speed.replicas import together
from planner.serving.speed.roofline import arithmetic_tflops
from planner.serving.speed.workload import Workload

if TYPE_CHECKING:
    from collections.abc import Iterable

    from planner.serving.accelerators import Accelerator
    from planner.serving.speed.measurements import Measurement

# Mean prompt and answer of the data sets; Llama 2 70B's answer is what its accuracy log counts.
LENGTHS = {
    "llama-2-70b": (222, 294),
    "llama-3.1-8b": (871, 82),
    "llama-3.1-405b": (9429, 685),
    "mixtral-8x7b": (427, 145),
    "deepseek-r1": (804, 4043),
}
_WIDTHS = (1, 2, 4, 8)
_ROUND = re.compile(r"MLPerf Inference v(\d+)\.\d closed offline", re.IGNORECASE)
_SUBMISSION = re.compile(r"MLPerf Inference v(\d+\.\d) closed (\w+)", re.IGNORECASE)
_MOST_ON_A_HOST = 10
_OLD_ROUND = 4


def offline(rows: Iterable[Measurement]) -> list[Measurement]:
    """Return the closed submissions to the offline scenario of models with known lengths."""
    return [
        row
        for row in rows
        if row.scenario == "mlperf" and row.model in LENGTHS and _ROUND.search(row.notes)
    ]


def engine(row: Measurement, card: Accelerator) -> str:
    """Return what a submission runs; on NVIDIA cards TensorRT-LLM where it says no more."""
    if card.vendor == "AMD" or "vLLM" in row.software:
        return "vllm"
    return "tensorrt-llm"


def precision(card: Accelerator) -> str:
    """Return the smallest format that a card calculates in."""
    for name in ("fp4", "fp8"):
        if arithmetic_tflops(card, name) > (card.fp16_tflops or 0):
            return name
    return "fp16"


def candidates(row: Measurement) -> list[Case]:
    """Return a submission under every split that the machine allows; empty for unknown cards."""
    try:
        model, card = models.get(row.model), accelerators.get(row.accelerator)
    except PlannerError:
        return []
    found = []
    for width in _WIDTHS:
        replicas = row.accelerator_count // width
        if not replicas or not memory.can_shard(model, card, width):
            continue
        workload = Workload(
            model, card, precision(card), engine(row, card), width, 1, *LENGTHS[row.model]
        )
        try:
            batch, work = workload.batch(workload.most_requests()), workload.work()
        except PlannerError:
            continue
        setting = Setting(
            workload.engine, _generation(row), "serving", workload.nominal()[2], kind(model)
        )
        speed = math.log(row.tokens_per_second / together(replicas))
        found.append(Case(row, workload, setting, work, batch, batch, speed))
    return found


def loss_per_doubling(rows: Iterable[Measurement]) -> float:
    """Return the share of speed per card that a doubling of the cards on one host costs.

    The slope within groups of closed submissions that share card, model, round, scenario and
    software, over hosts of one to ten cards.
    """
    groups: defaultdict[tuple[str, ...], list[tuple[float, float]]] = defaultdict(list)
    for row in rows:
        found = _SUBMISSION.search(row.notes)
        if row.scenario == "mlperf" and found and row.accelerator_count <= _MOST_ON_A_HOST:
            key = (row.accelerator, row.model, *found.groups(), row.software.partition(",")[0])
            speed = math.log(row.tokens_per_second / row.accelerator_count)
            groups[key].append((math.log2(row.accelerator_count), speed))
    slopes = weight = 0.0
    for group in groups.values():
        middle = sum(doublings for doublings, _ in group) / len(group)
        mean = sum(speed for _, speed in group) / len(group)
        slopes += sum((doublings - middle) * (speed - mean) for doublings, speed in group)
        weight += sum((doublings - middle) ** 2 for doublings, _ in group)
    return -slopes / weight


def _generation(row: Measurement) -> str:
    """Return the generation: makers' branches run ahead of the releases.

    The same machines gave the same in later rounds: H200 with TensorRT in 4.1 and 5.1, MI300X in
    5.0 (vLLM 0.6.5), 5.1 (0.9) and 6.0. Only the vLLM of round 4 was slower.
    """
    found = _ROUND.search(row.notes)
    old = found is not None and int(found[1]) <= _OLD_ROUND and "vLLM" in row.software
    return "2024" if old else "2026"
