"""How one machine runs a model best: the split of its GPUs that serves most within the targets.

Every split of a machine's GPUs into ``replicas`` copies of ``tensor_parallel`` x
``pipeline_parallel`` GPUs is tried. A copy takes as many requests in flight as the low end of its
cache holds, as the engine allows, and as answer within the targets; the machine takes that from
each of its copies. Compare, throughput, reports, deploys and fleets all ask here; none of them
chooses a layout itself. The rules are written out in ``docs/layouts.md``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

from planner.serving import capacity, engines, memory
from planner.serving.load import INTERACTIVE, LoadShape, Question, Targets
from planner.serving.memory import Split
from planner.serving.speed import replicas as hosts

if TYPE_CHECKING:
    from planner.serving.accelerators import Accelerator
    from planner.serving.capacity import Bound, Replica
    from planner.serving.models import Model

__all__ = [
    "INTERACTIVE",
    "Layout",
    "LoadShape",
    "Question",
    "Targets",
    "all_layouts",
    "best",
]

# Of two layouts whose capacity differs by less, the one with the quicker first token is taken.
_SAME = 0.01


@dataclass(frozen=True, slots=True)
class Layout:
    """How one machine runs a model, and what it serves then.

    Tokens of the cache are of one copy; everything else is of the whole machine. Figures are
    None where nothing was measured that supports them.

    Attributes:
        replicas: Copies of the model on the machine.
        precision: What really runs.
        most_requests: That the engine has in flight at most, of one copy.
        kv_cache_tokens_low, kv_cache_tokens_high: In sequences of the length asked for.
        within_targets: Whether even one request in flight meets the targets; None: not known.
        capacity_requests_per_second: The most within the targets; 0.0 where none is.
        capacity_low, capacity_high: Where nine of ten machines like this would lie.
        concurrent_requests: In flight at that capacity.
        tokens_per_second: Output tokens at that capacity.
        ttft_s, tpot_s: The median at that capacity, or of one request where none is within.
        ttft_p95_s, tpot_p95_s: What 19 of 20 requests stay under.
        bound: What keeps the machine from serving more.
        basis: ``measured``, ``modelled`` or ``unvalidated``.
    """

    replicas: int
    tensor_parallel: int
    pipeline_parallel: int
    engine: str
    engine_generation: str
    precision: str
    kv_precision: str
    most_requests: int
    kv_cache_tokens_low: int
    kv_cache_tokens_high: int
    within_targets: bool | None
    capacity_requests_per_second: float | None
    capacity_low: float | None
    capacity_high: float | None
    concurrent_requests: int | None
    tokens_per_second: float | None
    tokens_per_second_low: float | None
    tokens_per_second_high: float | None
    ttft_s: float | None
    tpot_s: float | None
    ttft_p95_s: float | None
    tpot_p95_s: float | None
    bound: Bound
    basis: str
    source: str

    @property
    def gpus_per_replica(self) -> int:
        """Return the GPUs of one copy."""
        return self.tensor_parallel * self.pipeline_parallel


@cache
def best(
    model: Model, card: Accelerator, count: float, question: Question, *, shards: int | None = None
) -> Layout | None:
    """Return the layout that serves most within the targets; None where the model does not fit.

    At a tie the one with the quicker first token. Where nothing meets the targets, the one that
    comes nearest; where no speed is known, the one whose caches hold most.

    Args:
        model: The model.
        card: One of the machine's GPUs.
        count: GPUs in the machine; below 1 for a partition of one.
        question: What is asked of it.
        shards: Only layouts of this tensor parallel size.
    """
    found = all_layouts(model, card, count, question, shards=shards)
    if not found:
        return None
    known = [layout for layout in found if layout.capacity_requests_per_second is not None]
    if not known:
        return max(found, key=_held)
    most = max(layout.capacity_requests_per_second or 0.0 for layout in known)
    if most == 0.0:
        return min(known, key=lambda layout: _excess(layout, question.targets))
    near = [
        layout
        for layout in known
        if (layout.capacity_requests_per_second or 0.0) >= most * (1 - _SAME)
    ]
    return min(near, key=lambda layout: layout.ttft_p95_s or math.inf)


def all_layouts(
    model: Model, card: Accelerator, count: float, question: Question, *, shards: int | None = None
) -> tuple[Layout, ...]:
    """Return every layout of a machine whose caches surely hold what is asked.

    A pipeline inside the machine is among them only where no layout without one holds a request:
    nobody publishes what it costs with today's engines, and it is never needed otherwise.

    Args:
        model: The model.
        card: One of the machine's GPUs.
        count: GPUs in the machine; below 1 for a partition of one.
        question: What is asked of it.
        shards: Only layouts of this tensor parallel size.
    """
    runs = engines.support(model, card, question.precision).precision
    if runs is None or engines.cache_refusal(card, question.settings.kv_precision):
        return ()
    asked = replace(question, precision=runs)
    gpus = int(max(1, count))
    for splits in _splits(model, card, count, shards):
        found = tuple(
            _on_machine(replica, replicas, asked)
            for split in splits
            if (replica := capacity.of_replica(model, card, min(count, 1), split, _of_one(asked)))
            and (replicas := min(gpus // split.gpus, asked.most_replicas or gpus))
            and _holds(replica, replicas, asked)
        )
        if found:
            return found
    return ()


def _splits(
    model: Model, card: Accelerator, count: float, shards: int | None
) -> tuple[list[Split], list[Split]]:
    """Return the splits of one copy without a pipeline, and those with one.

    A tensor parallel size that is asked for is meant alone, without stages.
    """
    gpus = int(max(1, count))
    widths = [width for width in memory.shard_widths(model, card, gpus) if shards in (None, width)]
    staged = [
        Split(width, stages)
        for width in widths
        for stages in range(2, min(model.layers, gpus // width) + 1)
        if shards is None
    ]
    return [Split(width) for width in widths], staged


def _of_one(question: Question) -> Question:
    """Return the question as one copy sees it, whatever the machine must hold in all."""
    return replace(question, concurrency=1, most_replicas=None)


def _holds(replica: Replica, replicas: int, question: Question) -> bool:
    return replica.low // question.tokens * replicas >= question.concurrency


def _on_machine(replica: Replica, replicas: int, question: Question) -> Layout:
    """Return the layout of a machine with so many copies."""
    answer, split = replica.answer, replica.split
    within = None if answer is None else replica.requests > 0
    share = 0.0 if answer is None else hosts.together(replicas)
    rate = share / question.shape.output_tokens

    def machine(speed: float, times: float) -> float | None:
        return None if answer is None else speed * times * (1.0 if within else 0.0)

    speed = answer.tokens_per_second if answer else 0.0
    low = answer.tokens_per_second_low if answer else 0.0
    high = replica.best
    return Layout(
        replicas=replicas,
        tensor_parallel=split.shards,
        pipeline_parallel=split.stages,
        engine=question.settings.engine,
        engine_generation=answer.engine_generation if answer else "",
        precision=question.precision,
        kv_precision=question.settings.kv_precision,
        most_requests=replica.allowed,
        kv_cache_tokens_low=replica.low,
        kv_cache_tokens_high=replica.high,
        within_targets=within,
        capacity_requests_per_second=machine(speed, rate),
        capacity_low=machine(low, rate),
        capacity_high=machine(high, rate),
        concurrent_requests=None if answer is None else replica.requests * replicas,
        tokens_per_second=machine(speed, share),
        tokens_per_second_low=machine(low, share),
        tokens_per_second_high=machine(high, share),
        ttft_s=answer.time_to_first_token_s if answer else None,
        tpot_s=answer.time_per_output_token_s if answer else None,
        ttft_p95_s=answer.time_to_first_token_p95_s if answer else None,
        tpot_p95_s=answer.time_per_output_token_p95_s if answer else None,
        bound=replica.bound,
        basis=answer.throughput_basis if answer else "unvalidated",
        source=answer.source if answer else "",
    )


def _held(layout: Layout) -> tuple[int, int]:
    """Order layouts of no known speed: what the caches hold, then fewer copies."""
    return layout.kv_cache_tokens_low * layout.replicas, -layout.replicas


def _excess(layout: Layout, targets: Targets) -> float:
    """Return how many times the worst of its times is over its target."""
    pairs = (
        (layout.ttft_p95_s, targets.ttft_p95_s),
        (layout.tpot_p95_s, targets.tpot_p95_s),
    )
    return max((time / target for time, target in pairs if time and target), default=math.inf)
