"""What some GPUs give when they are run in a stated way: ``planner throughput``.

The layout is asked for, or the one that gives most at the load asked for. The figure is for the
middle of the memory range; its band reaches from the low end of the cache to the high end, so it
widens where the cache is tight.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from planner.errors import NotFoundError
from planner.serving import engines, layouts, memory
from planner.serving.memory import Footprint, Split
from planner.serving.speed.predict import predict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from planner.serving.accelerators import Accelerator
    from planner.serving.load import Question
    from planner.serving.models import Model
    from planner.serving.speed.predict import Throughput


@dataclass(frozen=True, slots=True)
class Setup:
    """What a set-up gives, and the layout that gives it.

    Attributes:
        replicas: Copies of the model on the GPUs.
        kv_cache_tokens_low, kv_cache_tokens_high: Of one copy, in requests of full length.
        tight: Whether a single request is only sure to fit at the high end.
    """

    throughput: Throughput
    replicas: int
    kv_cache_tokens_low: int
    kv_cache_tokens_high: int
    tight: bool


def at(
    model: Model,
    card: Accelerator,
    *,
    count: int,
    question: Question,
    requests: int | None,
    split: Split | None = None,
) -> Setup:
    """Return what the GPUs give.

    Args:
        model: The model.
        card: One of the GPUs.
        count: GPUs in all.
        question: The engine, the precision and the shape of the requests.
        requests: In flight, all copies together; None for as many as fit.
        split: Of one copy; the one that gives most by default.

    Raises:
        NotFoundError: The model does not fit, or nothing is known of the speed.
        UsageError: The split cannot be.
    """
    ask = partial(_of, model, card, count=count, question=question, requests=requests)
    if split is not None:
        return ask(split)
    found = []
    for candidate in _candidates(model, card, count, question):
        with suppress(NotFoundError):
            found.append(ask(candidate))
    sure = [setup for setup in found if not setup.tight]
    if sure or found:
        return max(sure or found, key=lambda setup: setup.throughput.tokens_per_second)
    widest = memory.shard_widths(model, card, count)[0]
    return ask(Split(widest))  # it raises, and says why


def _candidates(model: Model, card: Accelerator, count: int, question: Question) -> Iterator[Split]:
    """Yield the splits that are worth a try: those that surely fit, else all without stages."""
    sure = layouts.all_layouts(model, card, count, replace(question, concurrency=1))
    if sure:
        yield from (Split(layout.tensor_parallel, layout.pipeline_parallel) for layout in sure)
    else:
        yield from (Split(width) for width in memory.shard_widths(model, card, count))


def _of(
    model: Model,
    card: Accelerator,
    split: Split,
    *,
    count: int,
    question: Question,
    requests: int | None,
) -> Setup:
    """Return what one split gives."""
    shape, settings = question.shape, question.settings
    low, high = _cache(model, card, split, count, question)
    ask = partial(
        predict,
        model,
        card,
        count=count,
        precision=question.precision,
        engine=settings.engine,
        engine_generation=question.engine_generation,
        input_tokens=shape.fresh_input,
        output_tokens=shape.output_tokens,
        concurrency=requests,
        tensor_parallel=split.shards,
        pipeline_parallel=split.stages,
    )
    needed = shape.input_tokens + shape.output_tokens
    middle = (low + high) // 2
    found = ask(kv_tokens=middle if middle >= needed else high)
    replicas = count // split.gpus
    held = low // needed * replicas
    return Setup(
        _in_band(found, ask, max(low, needed), max(high, needed), held),
        replicas,
        low,
        high,
        tight=low < needed,
    )


def _cache(
    model: Model, card: Accelerator, split: Split, count: int, question: Question
) -> tuple[int, int]:
    """Return the tokens of one copy's cache; none where the precision does not run."""
    runs = engines.support(model, card, question.precision).precision
    if runs is None:
        return 0, 0
    return memory.cache_tokens(
        Footprint.of(model, runs, question.settings.kv_precision),
        card,
        count=count,
        split=split,
        settings=question.settings,
        context=question.shape.input_tokens + question.shape.output_tokens,
    )


def _in_band(
    found: Throughput, ask: Callable[..., Throughput], low: int, high: int, held: int
) -> Throughput:
    """Return the figure with a band from the low end of the cache to the high end."""
    if found.throughput_basis == "measured":
        return replace(found, max_concurrency=held)
    least, most = ask(kv_tokens=low), ask(kv_tokens=high)
    return replace(
        found,
        tokens_per_second_low=min(found.tokens_per_second_low, least.tokens_per_second_low),
        tokens_per_second_high=max(found.tokens_per_second_high, most.tokens_per_second_high),
        max_concurrency=held,
    )
