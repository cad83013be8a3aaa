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
from functools import cache
from typing import TYPE_CHECKING, Literal

from planner.errors import NotFoundError, UnknownNameError, UsageError
from planner.serving import memory
from planner.serving.engines import support
from planner.serving.speed import generations, measurements, residuals, roofline
from planner.serving.speed.families import STATIC, choose, situation
from planner.serving.speed.replicas import together
from planner.serving.speed.workload import Workload

if TYPE_CHECKING:
    from planner.serving.accelerators import Accelerator
    from planner.serving.models import Model
    from planner.serving.speed.measurements import Measurement

# The slowest request in twenty over the middle one.
_FIRST_P95 = 2.0
_EACH_P95 = 1.15

ENGINES = ("vllm", "tensorrt-llm", "tgi", "sglang", "deepspeed-mii")

Basis = Literal["measured", "modelled", "unvalidated"]


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
        time_to_first_token_s: Prompt and queueing, the middle request; an estimate unless measured.
        time_to_first_token_p95_s: Of the slowest request in twenty.
        time_per_output_token_s: Between two tokens of one request, the middle one.
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
    replicas = count // workload.accelerators
    if replicas == 1:
        rows = _measured(workload, concurrency)
        if rows:
            return _from_measurement(workload, generation, concurrency, rows)
    return _from_model(workload, generation, concurrency, replicas, count)


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


def _measured(workload: Workload, concurrency: int | None) -> tuple[Measurement, ...]:
    """Return the newest runs of exactly this set-up and load; empty where there are none."""
    model, accelerator, precision, width, stages = workload.nominal()
    matching = [
        row
        for row in measurements.of(model, accelerator)
        if measurements.nominal_precision(row.precision) == precision
        and row.engine == workload.engine
        and (row.tensor_parallel, row.pipeline_parallel) == (width, stages)
        and (row.input_tokens, row.output_tokens) == (workload.input_tokens, workload.output_tokens)
        and row.concurrency == concurrency
        and not row.unusable
    ]
    newest = max((row.as_of for row in matching), default="")
    return tuple(row for row in matching if row.as_of == newest)


def _from_measurement(
    workload: Workload,
    generation: str,
    concurrency: int | None,
    rows: tuple[Measurement, ...],
) -> Throughput:
    """Return what was measured: the median of the newest runs of this very set-up."""
    speed = statistics.median(row.tokens_per_second for row in rows)
    speeds = [row.tokens_per_second for row in rows]
    scatter = residuals.calibration().bands["measured"]["all"]
    requests = concurrency or workload.most_requests()
    first, each = _measured_times(rows)
    if first is None or each is None:
        model = _from_model(workload, generation, concurrency, 1, workload.accelerators)
        first = model.time_to_first_token_s
        each = _time_per_token(workload, workload.batch(requests), speed, first)
    newest = rows[0]
    return _throughput(
        workload,
        count=workload.accelerators,
        concurrency=requests,
        max_concurrency=workload.max_concurrency(),
        speed=speed,
        low=min(*speeds, speed / scatter),
        high=max(*speeds, speed * scatter),
        basis="measured",
        first=first,
        each=each,
        source=f"{newest.software}, {newest.as_of or 'date not stated'}: {newest.source}",
        software=newest.software,
        generation=generation,
    )


@cache
def _from_model(
    workload: Workload, generation: str, concurrency: int | None, replicas: int, count: int
) -> Throughput:
    """Return what the fitted model expects of the replicas together."""
    calibration = residuals.calibration()
    requests = concurrency or replicas * workload.most_requests()
    busy = min(replicas, requests)
    load = math.ceil(requests / busy)
    family = choose(calibration, workload, None if concurrency is None else load)
    rates = family.rates.get(workload.accelerator.name, family.pooled)
    work = workload.work(load)
    plain = roofline.tokens_per_second(work, rates)
    factor = math.exp(residuals.correction(family, calibration.kernel, workload, load))
    basis, band, why = situation(calibration, family, workload, load)
    speed = together(busy) * plain * factor
    batch = workload.batch(load)
    # A static batch prefills every prompt before it decodes. In a closed loop a prompt shares
    # the machine with some others: a power of the batch, fitted to measured first tokens.
    exponent = 1.0 if family.regime == STATIC else calibration.first_token_exponent
    first = roofline.prefill_seconds(work, rates) * batch**exponent / factor
    # Requests beyond the batch wait for whole requests before them.
    running = batch * workload.output_tokens / (plain * factor)
    waiting = (load / batch - 1) * running
    first = min(first, 0.9 * running)
    return _throughput(
        workload,
        count=count,
        concurrency=requests,
        max_concurrency=replicas * workload.max_concurrency(),
        speed=speed,
        low=speed / band,
        high=speed * band,
        basis=basis,
        first=first + waiting,
        each=_time_per_token(workload, batch, plain * factor, first),
        source=f"roofline fitted to {family.source} ({family.software}); {why}",
        software=family.software,
        generation=generation,
    )


def _throughput(
    workload: Workload,
    *,
    count: int,
    concurrency: int,
    max_concurrency: int,
    speed: float,
    low: float,
    high: float,
    basis: Basis,
    first: float,
    each: float,
    source: str,
    software: str,
    generation: str,
) -> Throughput:
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
        concurrency=concurrency,
        max_concurrency=max_concurrency,
        tokens_per_second=speed,
        tokens_per_second_low=low,
        tokens_per_second_high=high,
        throughput_basis=basis,
        time_to_first_token_s=first,
        time_to_first_token_p95_s=first * _FIRST_P95,
        time_per_output_token_s=each,
        time_per_output_token_p95_s=each * _EACH_P95,
        source=source,
        software=software,
        engine_generation=generation,
    )


def _time_per_token(workload: Workload, batch: int, speed: float, first: float) -> float:
    """Return the time between two tokens of one request, after its first."""
    running = batch * workload.output_tokens / speed
    return max(0.0, running - first) / max(1, workload.output_tokens - 1)


def _measured_times(rows: tuple[Measurement, ...]) -> tuple[float | None, float | None]:
    firsts = [row.ttft_ms for row in rows if row.ttft_ms is not None]
    eaches = [row.tpot_ms for row in rows if row.tpot_ms is not None]
    if not firsts or not eaches:
        return None, None
    return statistics.median(firsts) / 1e3, statistics.median(eaches) / 1e3
