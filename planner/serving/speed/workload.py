"""One replica of a model, how it is run, and what it is asked: what a prediction is about."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

from planner.errors import NotFoundError
from planner.serving import engines, memory
from planner.serving.speed import roofline
from planner.serving.speed.measurements import nominal_precision

if TYPE_CHECKING:
    from planner.serving.accelerators import Accelerator
    from planner.serving.models import Model

# TensorRT-LLM's published fp8 and fp4 runs keep an fp8 KV cache; the other engines keep 16 bits.
_FP8_CACHE_ENGINE = "tensorrt-llm"
_FP8_CACHE_PRECISIONS = ("fp8", "fp4")


@dataclass(frozen=True, slots=True)
class Workload:
    """One replica and the shape of its requests.

    ``tensor_parallel`` x ``pipeline_parallel`` accelerators make the replica. ``kv_tokens`` is
    what its KV cache holds; None for planner's plain budget of the memory.
    """

    model: Model
    accelerator: Accelerator
    precision: str
    engine: str
    tensor_parallel: int
    pipeline_parallel: int
    input_tokens: int
    output_tokens: int
    kv_tokens: int | None = None

    def on(self, accelerator: Accelerator) -> Workload:
        """Return the same on another accelerator."""
        return replace(self, accelerator=accelerator)

    @property
    def accelerators(self) -> int:
        """Accelerators of the replica."""
        return self.tensor_parallel * self.pipeline_parallel

    @property
    def kv_precision(self) -> str:
        """The precision of the KV cache."""
        fp8 = self.engine == _FP8_CACHE_ENGINE and self.precision in _FP8_CACHE_PRECISIONS
        return "fp8" if fp8 else "fp16"

    def max_concurrency(self) -> int:
        """Return how many requests of full length the KV cache holds.

        Raises:
            NotFoundError: Not even one.
        """
        tokens = self.cache_tokens()
        wanted = self.input_tokens + self.output_tokens
        if tokens < wanted:
            raise NotFoundError(
                f"{self.model.name} at {self.precision} does not fit "
                f"{self.accelerators} x {self.accelerator.name}",
                why=f"its KV cache holds {tokens} tokens beside the weights; "
                f"one request needs {wanted}",
                advice=f"planner fit {self.model.name}",
            )
        return tokens // wanted

    def most_requests(self) -> int:
        """Return the concurrency of maximum load: what the cache holds and the engine takes."""
        return min(self.max_concurrency(), engines.most_requests(self.engine, self.accelerator))

    def batch(self, concurrency: int) -> int:
        """Return how many of the requests are decoded together; the others wait.

        Requests in flight are on average half way through their output.
        """
        limit = engines.most_requests(self.engine, self.accelerator)
        return max(1, min(concurrency, self.room(), limit))

    def holds_one(self) -> bool:
        """Tell whether the cache holds a request of full length."""
        return self.cache_tokens() >= self.input_tokens + self.output_tokens

    def room(self) -> int:
        """Return how many requests in flight the KV cache holds, each half way through."""
        return int(self.cache_tokens() / (self.input_tokens + self.output_tokens / 2))

    def work(self) -> roofline.Work:
        """Return what a request asks of the replica."""
        return _work(replace(self, kv_tokens=None))

    def fastest(self, concurrency: int | None) -> float:
        """Return the tokens a second that nothing exceeds: peak rates, overlapping, no overhead.

        Maximum load may decode more requests than planner's own budget of the cache allows, and
        the tokens of a batch may all route to the same experts.
        """
        requests = concurrency or 2 * self.most_requests()
        one = self.work()
        arithmetic = requests * (one.prefill_compute + self.output_tokens * one.compute)
        weights = one.weights * roofline.touched_share(one, 1)
        return requests * self.output_tokens / max(arithmetic, self.output_tokens * weights)

    def nominal(self) -> tuple[str, str, str, int, int]:
        """Return what names the set-up: model, accelerator, precision, and both parallel sizes."""
        return (
            self.model.name,
            self.accelerator.name,
            nominal_precision(self.precision),
            self.tensor_parallel,
            self.pipeline_parallel,
        )

    def cache_tokens(self) -> int:
        """Return what the cache holds: as told, or the middle of the range of the memory."""
        if self.kv_tokens is not None:
            return self.kv_tokens
        return _middle(self, self.input_tokens + self.output_tokens)


@cache
def _work(workload: Workload) -> roofline.Work:
    return roofline.work(
        workload.model,
        workload.accelerator,
        precision=workload.precision,
        kv_precision=workload.kv_precision,
        tensor_parallel=workload.tensor_parallel,
        pipeline_parallel=workload.pipeline_parallel,
        input_tokens=workload.input_tokens,
        output_tokens=workload.output_tokens,
    )


@cache
def _middle(workload: Workload, context: int) -> int:
    settings = memory.EngineSettings(workload.engine, workload.kv_precision)
    low, high = memory.cache_tokens(
        memory.Footprint.of(workload.model, workload.precision, workload.kv_precision),
        workload.accelerator,
        count=workload.accelerators,
        split=memory.Split(workload.tensor_parallel, workload.pipeline_parallel),
        settings=settings,
        context=context,
    )
    # Where the model fits by the high end only, one request runs: the range says it is tight.
    return max((low + high) // 2, min(high, context))
