"""What one copy of a model serves: the most requests in flight within the targets.

As many as the low end of its cache holds, as the engine allows, and as answer in time.
"""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from planner.errors import NotFoundError
from planner.serving import engines, memory
from planner.serving.memory import Footprint
from planner.serving.speed.predict import predict

if TYPE_CHECKING:
    from collections.abc import Callable

    from planner.serving.accelerators import Accelerator
    from planner.serving.load import Question, Targets
    from planner.serving.memory import Split
    from planner.serving.models import Model
    from planner.serving.speed.predict import Throughput

Bound = Literal["memory", "engine", "ttft", "tpot", "not known"]

# The search for the most requests in flight stops where the next step would be smaller, or the
# time as near to its target; each guess leaves at least a tenth of the gap on either side.
_CLOSE, _NEAR, _FAR = 1.05, 0.95, 0.9
_FEWER = 1.5
# A cache whose range is narrower than this runs no more requests worth asking about.
_ROOMIER = 1.15


@dataclass(frozen=True, slots=True)
class Replica:
    """One copy of the model, whatever machine it stands in, at its capacity.

    Attributes:
        low, high: Tokens of its cache.
        allowed: Requests that the engine has in flight at most.
        requests: In flight at its capacity; 0 where even one misses the targets.
        answer: At that many requests, or at one; None where nothing is known.
        bound: What keeps it from serving more.
        best: Tokens a second at the high end of the band, with the high end of the cache.
    """

    split: Split
    low: int
    high: int
    allowed: int
    requests: int
    answer: Throughput | None
    bound: Bound
    best: float


class Asked(NamedTuple):
    """One copy, and what is asked of it.

    Attributes:
        card: One of its GPUs.
        part: Of that card; 1 for a whole one.
        split: How the copy is spread.
    """

    model: Model
    card: Accelerator
    part: float
    split: Split
    question: Question


class Store(Protocol):
    """Keeps answers of earlier runs."""

    def find(self, asked: Asked) -> tuple[Replica | None] | None:
        """Return the answer in a tuple of its own; None where it is not kept."""

    def keep(self, asked: Asked, answer: Replica | None) -> None:
        """Keep an answer."""


_store: list[Store] = []


def keep_in(store: Store | None) -> None:
    """Have answers looked for and kept there; None for nowhere."""
    _store[:] = [] if store is None else [store]


def kept_in() -> Store | None:
    """Return where answers are kept."""
    return _store[0] if _store else None


@cache
def of_replica(
    model: Model, card: Accelerator, part: float, split: Split, question: Question
) -> Replica | None:
    """Return one copy at its capacity; None where its cache does not surely hold a request.

    Args:
        model: The model.
        card: One of its GPUs.
        part: Of that card; 1 for a whole one.
        split: How the copy is spread.
        question: What is asked of it.
    """
    asked = Asked(model, card, part, split, question)
    store = kept_in()
    found = None if store is None else store.find(asked)
    if found is not None:
        return found[0]
    answer = _of_replica(asked)
    if store is not None:
        store.keep(asked, answer)
    return answer


def _of_replica(asked: Asked) -> Replica | None:
    model, card, part, split, question = asked
    shape, settings = question.shape, question.settings
    footprint = Footprint.of(model, question.precision, settings.kv_precision)
    low, high = memory.cache_tokens(
        footprint, card, count=part, split=split, settings=settings, context=question.tokens
    )
    if low < question.tokens:
        return None
    allowed = settings.most_requests or engines.most_requests(settings.engine, card)
    held = max(1, int(low / shape.in_flight))

    def ask(requests: int, tokens: int = low) -> Throughput | None:
        if part < 1:  # nobody measured partitions of a card
            return None
        with suppress(NotFoundError):
            return predict(
                model,
                card,
                precision=question.precision,
                engine=settings.engine,
                engine_generation=question.engine_generation,
                input_tokens=shape.fresh_input,
                output_tokens=shape.output_tokens,
                concurrency=requests,
                tensor_parallel=split.shards,
                pipeline_parallel=split.stages,
                kv_tokens=tokens,
            )
        return None

    full: Bound = "memory" if held < allowed else "engine"
    requests, answer, bound = _most_within(ask, min(held, allowed), question.targets, full)
    best = 0.0 if answer is None else answer.tokens_per_second_high
    if answer is not None and bound == "memory" and high > low * _ROOMIER:
        # The cache may hold more than its low end: then as many more requests run.
        more = ask(min(int(high / shape.in_flight), allowed), high)
        if more is not None and _over(more, question.targets)[0] <= 1:
            best = max(best, more.tokens_per_second_high)
    return Replica(split, low, high, allowed, requests, answer, bound, best)


def _most_within(
    ask: Callable[[int], Throughput | None], most: int, targets: Targets, full: Bound
) -> tuple[int, Throughput | None, Bound]:
    """Return the most requests in flight within the targets, their answer, and what binds.

    0 requests where even one alone is not within, with the answer of that one.

    Args:
        ask: Gives the answer at a number of requests.
        most: That memory and engine allow.
        targets: What must be met.
        full: What binds where all of them are within.
    """
    answer = ask(most)
    if answer is None:
        return 0, None, "not known"
    over, missed = _over(answer, targets)
    if over <= 1:
        return most, answer, full
    above = most
    # As many fewer as the time is over its target is often few enough; else one alone tells.
    for fewer in (max(1, int(most / max(over, _FEWER))), 1):
        tried = ask(fewer)
        if tried is None:
            return 0, None, "not known"
        times, what = _over(tried, targets)
        if times <= 1:
            return _between((fewer, times, tried), (above, over, missed), ask, targets)
        above, over, missed, answer = fewer, times, what, tried
    return 0, answer, missed


def _between(
    within: tuple[int, float, Throughput],
    beyond: tuple[int, float, Bound],
    ask: Callable[[int], Throughput | None],
    targets: Targets,
) -> tuple[int, Throughput, Bound]:
    """Return the most requests within the targets, between some that are and some that are not.

    Times grow with a power of the requests in flight, more or less: the next guess lies where
    that power meets the target, but never so near to an end that nothing is gained.
    """
    requests, under, answer = within
    above, over, missed = beyond
    while above > requests + 1 and above > requests * _CLOSE:
        part = math.log(1 / under) / math.log(over / under)
        guess = requests * (above / requests) ** min(_FAR, max(1 - _FAR, part))
        middle = max(requests + 1, min(above - 1, round(guess)))
        tried = ask(middle)
        if tried is None:
            return requests, answer, missed
        times, what = _over(tried, targets)
        if times > 1:
            above, over, missed = middle, times, what
        else:
            requests, under, answer = middle, times, tried
            if times > _NEAR:
                break
    return requests, answer, missed


def _over(answer: Throughput, targets: Targets) -> tuple[float, Literal["ttft", "tpot"]]:
    """Return how many times the worse of its times is the target, and which one it is."""
    first = answer.time_to_first_token_p95_s / (targets.ttft_p95_s or math.inf)
    each = answer.time_per_output_token_p95_s / (targets.tpot_p95_s or math.inf)
    return (first, "ttft") if first >= each else (each, "tpot")
