"""How long a request waits for its first token, and between the others.

Where requests come and go, a first token takes the prompt's own time, a few decode steps of the
others (the prompt is computed in chunks between them), a share of the prompts of all others in
flight (they come together at the start of a load, and by chance later), and more of that as
prompts take more of the engine's time. The shares are fitted to measured first tokens by engine.
A static batch computes every prompt before the first token. Requests beyond the room of the cache,
or beyond the engine's limit, wait for whole requests before them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from planner.serving.speed import roofline, shipped

if TYPE_CHECKING:
    from planner.serving.speed.roofline import Rates, Work
    from planner.serving.speed.shipped import Waiting

STATIC = "static"
# No first token takes more than this share of a request that runs.
_MOST_OF_A_REQUEST = 0.9


class Times(NamedTuple):
    """Seconds of one request."""

    first: float
    first_p95: float
    each: float
    each_p95: float


def times(
    parts: tuple[float, float],
    *,
    waiting: Waiting,
    regime: str,
    output_tokens: int,
    batch: float,
    requests: float,
    speed: float,
    correction: float,
    measured: tuple[float, float] | None = None,
) -> Times:
    """Return the times of a request.

    Args:
        parts: Seconds of its prompt alone, and of one decode step.
        waiting: Where the engine's first tokens go.
        regime: How requests come.
        output_tokens: Of a request.
        batch: Requests decoded together.
        requests: Those and the ones that wait.
        speed: Output tokens a second of the batch.
        correction: What to multiply the first token's time with.
        measured: The first token's time and the time between tokens, where a run states them.
    """
    running = batch * output_tokens / speed
    if regime == STATIC:
        first = batch * parts[0]
    else:
        first = alone(parts, waiting, batch, output_tokens) * correction
    first = min(first, _MOST_OF_A_REQUEST * running)
    each = max(0.0, running - first) / max(1, output_tokens - 1)
    queue = max(0.0, requests / batch - 1) * running
    if measured is not None:
        first, each = measured
        queue = 0.0
    spread = shipped.spread()
    slowest = first * min(spread.most, requests**spread.power)
    # Who comes last waits for all before it.
    return Times(first + queue, slowest + 2 * queue, each, each * spread.each)


def alone(
    parts: tuple[float, float], waiting: Waiting, batch: float, output_tokens: float
) -> float:
    """Return the time to the first token where nobody waits for room; numbers or arrays."""
    prompt, step = parts
    others = batch * prompt
    busy = others / (others + output_tokens * step)
    return (
        waiting.prompt * prompt
        + waiting.steps * step
        + waiting.others * others
        + waiting.busy * others * busy
        + waiting.fixed
    )


def parts(work: Work, rates: Rates, batch: float) -> tuple[float, float]:
    """Return the seconds of one prompt and of one decode step; numbers or arrays."""
    prompt = roofline.prefill_seconds(work, rates)
    return prompt, roofline.step_seconds(work, rates, batch)
