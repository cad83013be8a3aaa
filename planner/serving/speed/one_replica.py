"""What one copy of a model answers at so many requests in flight, as the layouts ask it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.errors import NotFoundError
from planner.serving.speed import predict

if TYPE_CHECKING:
    from planner.serving.accelerators import Accelerator
    from planner.serving.memory import Split
    from planner.serving.models import Model

# Of the times that planner predicts, 19 of 20 measured ones lie below this many times: first
# tokens wait in queues, the time between tokens hardly varies (docs/throughput.md).
_FIRST_TOKEN_P95, _NEXT_TOKEN_P95 = 1.4, 1.1


@dataclass(frozen=True, slots=True)
class Answer:
    """What one copy gives at a number of requests in flight; times are seconds."""

    tokens_per_second: float
    tokens_per_second_low: float
    tokens_per_second_high: float
    ttft_s: float
    tpot_s: float
    ttft_p95_s: float
    tpot_p95_s: float
    basis: str
    generation: str
    source: str


def answer(
    model: Model,
    card: Accelerator,
    *,
    split: Split,
    precision: str,
    engine: str,
    generation: str,
    input_tokens: int,
    output_tokens: int,
    cached_share: float,
    requests: int,
) -> Answer | None:
    """Return what one copy gives; None where nothing was measured that tells.

    Args:
        model: The model.
        card: One of its GPUs.
        split: How it is spread.
        precision: Of the weights.
        engine: What serves it.
        generation: The engine's release; empty for today's.
        input_tokens: Of each prompt.
        output_tokens: Of each answer.
        cached_share: Of each prompt, that is in the prefix cache.
        requests: In flight.
    """
    fresh = max(1, round(input_tokens * (1 - cached_share)))
    with suppress(NotFoundError):
        found = predict.predict(
            model,
            card,
            count=split.gpus,
            precision=precision,
            engine=engine,
            input_tokens=fresh,
            output_tokens=output_tokens,
            concurrency=requests,
            tensor_parallel=split.shards,
            pipeline_parallel=split.stages,
        )
        return Answer(
            tokens_per_second=found.tokens_per_second,
            tokens_per_second_low=found.tokens_per_second_low,
            tokens_per_second_high=found.tokens_per_second_high,
            ttft_s=found.time_to_first_token_s,
            tpot_s=found.time_per_output_token_s,
            ttft_p95_s=found.time_to_first_token_s * _FIRST_TOKEN_P95,
            tpot_p95_s=found.time_per_output_token_s * _NEXT_TOKEN_P95,
            basis=found.throughput_basis,
            generation=generation or found.software,
            source=found.source,
        )
    return None


def together(replicas: int) -> float:
    """Return what so many copies on one host give, in times what one gives alone."""
    return float(replicas)
