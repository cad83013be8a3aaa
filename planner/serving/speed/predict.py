"""How many tokens a second a model gives on some accelerators, and how sure that is.

A published measurement of exactly the set-up wins (``measured``). Else the fitted model of the
engine answers (``modelled``), with a band that covered nine of ten measurements held out in the
same situation. Where nothing comparable was measured the model still answers, marked
``unvalidated``, with a band of at least x/÷ 2. ``docs/throughput.md`` has the error tables.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.errors import NotFoundError, UnknownNameError, UsageError
from planner.serving import memory
from planner.serving.engines import support
from planner.serving.speed import evidence, generations, latency, roofline, shipped
from planner.serving.speed.curve import newest, runs
from planner.serving.speed.replica import in_order, loaded
from planner.serving.speed.replicas import together
from planner.serving.speed.workload import Workload

if TYPE_CHECKING:
    from planner.serving.accelerators import Accelerator
    from planner.serving.models import Model
    from planner.serving.speed.evidence import Basis
    from planner.serving.speed.generations import Generation
    from planner.serving.speed.latency import Times
    from planner.serving.speed.measurements import Measurement
    from planner.serving.speed.replica import Loaded

ENGINES = ("vllm", "tensorrt-llm", "tgi", "sglang", "deepspeed-mii", "atom")


# A measured speed that the order of cards moves by more is not called measured any more.
_UNMOVED = 0.002


@dataclass(frozen=True, slots=True)
class Throughput:
    """What a set-up gives.

    Args:
        model, accelerator, accelerator_count, precision, engine: The set-up.
        tensor_parallel, pipeline_parallel: How the model is split; the accelerators that are
            left make further replicas.
        input_tokens, output_tokens: Of each request.
        concurrency: Requests at once that the figures are for, all replicas together.
        max_concurrency: Requests of full length that the KV caches hold at once.
        tokens_per_second: Output tokens, all requests together.
        tokens_per_second_low, tokens_per_second_high: Where nine of ten set-ups would lie.
        throughput_basis: ``measured``, ``modelled`` or ``unvalidated``.
        time_to_first_token_s: Prompt and queueing, the mean; an estimate unless measured.
        time_to_first_token_p95_s: Of the slowest request in twenty.
        time_per_output_token_s: Between two tokens of one request, the mean.
        time_per_output_token_p95_s: Of the slowest request in twenty.
        source: What the figures rest on.
        software: The software that the figures are for, as people write it.
        engine_generation: The engine release they are stated for, as ``--engine-generation``
            takes it.
    """

    model: str
    accelerator: str
    accelerator_count: int
    precision: str
    engine: str
    tensor_parallel: int
    pipeline_parallel: int
    input_tokens: int
    output_tokens: int
    concurrency: int
    max_concurrency: int
    tokens_per_second: float
    tokens_per_second_low: float
    tokens_per_second_high: float
    throughput_basis: Basis
    time_to_first_token_s: float
    time_to_first_token_p95_s: float
    time_per_output_token_s: float
    time_per_output_token_p95_s: float
    source: str
    software: str
    engine_generation: str


def predict(
    model: Model,
    accelerator: Accelerator,
    *,
    count: int | None = None,
    precision: str,
    engine: str = "vllm",
    engine_generation: str | None = None,
    input_tokens: int,
    output_tokens: int,
    concurrency: int | None,
    tensor_parallel: int | None = None,
    pipeline_parallel: int = 1,
    kv_tokens: int | None = None,
) -> Throughput:
    """Return the throughput of a set-up.

    One replica: give ``tensor_parallel`` and ``pipeline_parallel`` and leave ``count`` out.

    Args:
        model: The model.
        accelerator: One of the accelerators.
        count: Accelerators in all; by default those of one replica.
        precision: Of the weights.
        engine: One of ``ENGINES``.
        engine_generation: The release that the figures are for; by default the one that
            planner deploys.
        input_tokens: Prompt tokens of each request.
        output_tokens: Tokens generated for each request.
        concurrency: Requests at once, all replicas together; None for as many as fit.
        tensor_parallel: Accelerators that share each layer; by default as many as there are
            and the model's attention heads allow.
        pipeline_parallel: Stages that the layers are split into.
        kv_tokens: Tokens that the KV cache of one replica surely holds (the low end of the
            memory range); by default planner's plain budget of the memory.

    Raises:
        UsageError: A number makes no sense.
        UnknownNameError: No such engine or precision.
        NotFoundError: The model does not fit, the precision does not run there, or nothing is
            known of the accelerator's speed.
    """
    if engine not in ENGINES:
        raise UnknownNameError("engine", engine, ENGINES, advice=f"--engine {'|'.join(ENGINES)}")
    generation = generations.named(engine, engine_generation)
    count = count or (tensor_parallel or 1) * pipeline_parallel
    _check_positive(
        count=count,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        concurrency=1 if concurrency is None else concurrency,
        tensor_parallel=1 if tensor_parallel is None else tensor_parallel,
        pipeline_parallel=pipeline_parallel,
    )
    runs = support(model, accelerator, precision)
    if runs.precision is None:
        raise NotFoundError(runs.reason, advice="planner gpus")
    stage = max(1, count // pipeline_parallel)
    width = tensor_parallel or memory.shard_widths(model, accelerator, stage)[0]
    if width * pipeline_parallel > count or not memory.can_shard(model, accelerator, width):
        raise UsageError(
            f"{model.name} cannot run with tensor parallel {width} "
            f"x pipeline parallel {pipeline_parallel} on {count} x {accelerator.name}",
            why=f"it has {model.heads} attention heads and {model.kv_heads} KV heads",
            advice="leave --tensor-parallel out",
        )
    workload = Workload(
        model,
        accelerator,
        runs.precision,
        engine,
        width,
        pipeline_parallel,
        input_tokens,
        output_tokens,
        kv_tokens,
    )
    return _machine(workload, generation, concurrency, count)


def usd_per_million_tokens(
    hourly_usd: float, tokens_per_second: float, utilization: float
) -> float:
    """Return the price of a million output tokens.

    Args:
        hourly_usd: Effective price of the instance an hour.
        tokens_per_second: Output tokens a second when busy.
        utilization: Share of the hours paid for that the instance is busy, above 0 to 1.
    """
    return hourly_usd * 1e6 / (3600 * tokens_per_second * utilization)


def _check_positive(**numbers: int) -> None:
    for name, number in numbers.items():
        if number < 1:
            raise UsageError(f"{name.replace('_', ' ')} must be at least 1, not {number}")


def _machine(
    workload: Workload, generation: Generation, concurrency: int | None, count: int
) -> Throughput:
    """Return what the replicas on the accelerators give together."""
    replicas = count // workload.accelerators
    room = workload.max_concurrency()
    requests = concurrency or replicas * workload.most_requests()
    busy = min(replicas, requests)
    asked = None if concurrency is None else math.ceil(requests / busy)
    one = loaded(workload, generation.name, asked)
    alone = math.exp(one.log_speed())
    speed = math.exp(in_order(one))
    rows = _measured(one)
    basis, band, why = evidence.situation(one.setting, workload, one.batch)
    low, high = alone / band, speed * band
    if rows and replicas == 1 and _moved(one, alone) < _UNMOVED:
        basis = "measured"
        scatter = shipped.bands()["measured"]["all"]
        measured = [row.tokens_per_second for row in rows]
        low, high = min(*measured, alone / scatter), max(*measured, speed * scatter)
    times = _times(one, rows, alone)
    return Throughput(
        model=workload.model.name,
        accelerator=workload.accelerator.name,
        accelerator_count=count,
        precision=workload.precision,
        engine=workload.engine,
        tensor_parallel=workload.tensor_parallel,
        pipeline_parallel=workload.pipeline_parallel,
        input_tokens=workload.input_tokens,
        output_tokens=workload.output_tokens,
        concurrency=requests,
        max_concurrency=replicas * room,
        tokens_per_second=together(busy) * speed,
        tokens_per_second_low=together(busy) * low,
        tokens_per_second_high=together(busy) * high,
        throughput_basis=basis,
        time_to_first_token_s=times.first,
        time_to_first_token_p95_s=times.first_p95,
        time_per_output_token_s=times.each,
        time_per_output_token_p95_s=times.each_p95,
        source=(_source(rows) if basis == "measured" else "")
        or f"roofline fitted to measurements of {generation.releases}; {why}",
        software=rows[0].software if basis == "measured" else generation.releases,
        engine_generation=generation.name,
    )


def _measured(one: Loaded) -> list[Measurement]:
    """Return the newest runs of exactly this set-up and load; empty where there are none."""
    if one.requests not in one.curve.on(one.workload.accelerator).measured:
        return []
    return newest(runs(one.workload, one.setting.generation), one.requests)


def _moved(one: Loaded, speed: float) -> float:
    """Return by what share the order of cards moved what was measured."""
    measured = one.curve.on(one.workload.accelerator).measured[one.requests]
    return abs(speed / math.exp(measured) - 1)


def _times(one: Loaded, rows: list[Measurement], speed: float) -> Times:
    """Return the times of a request: measured where a run of this load states them."""
    here = one.curve.on(one.workload.accelerator)
    plain = roofline.tokens_per_second(here.work, here.rates, one.batch)
    prompt, step = latency.parts(here.work, here.rates, one.batch)
    return latency.times(
        (prompt * plain / speed, step * plain / speed),
        waiting=shipped.waiting(one.setting.engine),
        regime=one.setting.regime,
        output_tokens=one.workload.output_tokens,
        batch=one.batch,
        requests=one.load,
        speed=speed,
        correction=math.exp(one.curve.first(one.workload.accelerator, one.batch)),
        measured=_measured_times(rows),
    )


def _measured_times(rows: list[Measurement]) -> tuple[float, float] | None:
    """Return the first token's time and the time between tokens, where the runs state both."""
    firsts = [row.ttft_ms for row in rows if row.ttft_ms is not None]
    eaches = [row.tpot_ms for row in rows if row.tpot_ms is not None]
    if not firsts or not eaches:
        return None
    return statistics.median(firsts) / 1e3, statistics.median(eaches) / 1e3


def _source(rows: list[Measurement]) -> str:
    if not rows:
        return ""
    return f"{rows[0].software}, {rows[0].as_of or 'date not stated'}: {rows[0].source}"
