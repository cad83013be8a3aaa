"""What a comparison is asked, and whether the question makes sense."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from math import isnan
from typing import TYPE_CHECKING

from planner.errors import UnknownNameError, UsageError
from planner.pricing.cost import HOURS_PER_MONTH
from planner.serving import engines
from planner.serving.load import INTERACTIVE, LoadShape, Question, Targets
from planner.serving.memory import EngineSettings

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date
    from decimal import Decimal

    from planner.serving.models import Model

CLOUDS = ("aws", "azure", "gcp")
SERVICES = ("ec2", "sagemaker", "azure-vm", "gce")
ANY_PRECISION = "any"
ANY_PAYMENT = "any"
# A context that is not given is the request's own tokens, rounded up to whole steps of this.
_CONTEXT_STEP = 4096
_HIGHEST_SHARE = 0.98
# So many names fit in an error; more are listed by a command.
_FEW = 8
_HOURS_IN_LONGEST_MONTH = 744


@dataclass(frozen=True, slots=True)
class LocalCards:
    """The cards a user owns and what they cost; an empty field is not known.

    Attributes:
        cards: ``RTX-4090`` or ``2xRTX-4090``.
        purchase_usd: Price of one card.
    """

    cards: tuple[str, ...] = ()
    purchase_usd: Decimal | None = None
    usd_per_kwh: Decimal | None = None
    amortization_months: int = 36


@dataclass(frozen=True, slots=True)
class Request:
    """What to compare; the defaults are what the command line uses.

    Attributes:
        precision: None for the model's own; ``any`` for a row per precision that fits.
        context: Tokens of one request, prompt and answer, that the KV cache must hold; None
            for both together, rounded up to a multiple of 4096 (the model's longest at most).
        concurrency: Requests of that length that must fit at once.
        input_tokens: Prompt length at which speed is given; output_tokens likewise.
        cached_share: Share of the prompt that the engine finds in its prefix cache.
        ttft_s: Seconds to the first token that 19 of 20 requests must stay under; None: any.
        tpot_s: Seconds between two tokens, likewise.
        engine: What serves the model: ``vllm``, ``tensorrt-llm``, ``tgi``, ``sglang``.
        engine_generation: The release that speeds are stated for; None for what planner deploys.
        kv_precision: Of the KV cache: ``fp16`` or ``fp8``; None for what the engine keeps.
        gpu_memory_utilization: Share of the card that the engine takes; None for its default.
        max_num_seqs: Requests of one copy in flight at most; None for the engine's default.
        most_replicas: Copies on one machine at most; None for as many as its GPUs allow.
        utilization: Share of the capacity that is really used, for cost per token.
        geo: ``us``, ``eu``, ``ap`` or ``all``; not used where regions are named.
        payment_options: Of the commitment: ``no_upfront`` and so on, ``any`` for the cheapest
            of all; empty for no upfront where it is sold, and the cheapest elsewhere.
        pricing_model: How the machines are bought: ``on_demand`` (beside a one-year
            commitment), ``spot``, ``capacity_block`` or ``flex_start``.
        max_instances: None for one, and up to four where no single machine is enough.
        tensor_parallel: GPUs that share each layer; None for the layout that serves most.
        top: Keep only the first so many plans.
        every_region: One row per region instead of the cheapest region only.
    """

    model: str
    precision: str | None = None
    context: int | None = None
    concurrency: int = 4
    input_tokens: int = 1024
    output_tokens: int = 1024
    cached_share: float = 0.0
    ttft_s: float | None = INTERACTIVE.ttft_p95_s
    tpot_s: float | None = INTERACTIVE.tpot_p95_s
    engine: str = "vllm"
    engine_generation: str | None = None
    kv_precision: str | None = None
    gpu_memory_utilization: float | None = None
    max_num_seqs: int | None = None
    most_replicas: int | None = None
    utilization: float = 1.0
    hours_per_month: Decimal = HOURS_PER_MONTH
    as_of: date | None = None
    geo: str = "us"
    clouds: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    accelerators: tuple[str, ...] = ()
    instance_types: tuple[str, ...] = ()
    payment_options: tuple[str, ...] = ()
    pricing_model: str = "on_demand"
    max_monthly: Decimal | None = None
    max_instances: int | None = None
    tensor_parallel: int | None = None
    include_neuron: bool = False
    estimates: bool = True
    every_region: bool = False
    sort: str = "on-demand"
    top: int | None = None
    local: LocalCards = LocalCards()


def context_of(request: Request, model: Model) -> int:
    """Return the context that the request means for this model."""
    if request.context is not None:
        return request.context
    tokens = request.input_tokens + request.output_tokens
    steps = -(-tokens // _CONTEXT_STEP) * _CONTEXT_STEP
    return steps if steps <= model.max_context else max(tokens, model.max_context)


def question_of(request: Request, model: Model, precision: str) -> Question:
    """Return what is asked of each machine, at one precision."""
    return Question(
        precision=precision,
        shape=LoadShape(
            request.input_tokens, request.output_tokens, cached_share=request.cached_share
        ),
        targets=Targets(request.ttft_s, request.tpot_s),
        settings=settings_of(request, precision),
        engine_generation=request.engine_generation,
        context=context_of(request, model),
        concurrency=request.concurrency,
        most_replicas=request.most_replicas,
    )


def settings_of(request: Request, precision: str) -> EngineSettings:
    """Return what the engine is told about memory, at a precision of the weights."""
    return EngineSettings(
        engine=request.engine,
        kv_precision=request.kv_precision or engines.usual_kv_precision(request.engine, precision),
        utilization=request.gpu_memory_utilization,
        most_requests=request.max_num_seqs,
    )


def check_numbers(request: Request, model: Model) -> None:
    """Raise UsageError where a number of the request makes no sense."""
    positive = {
        "--context": request.context,
        "--concurrency": request.concurrency,
        "--input-tokens": request.input_tokens,
        "--output-tokens": request.output_tokens,
        "--ttft": request.ttft_s,
        "--tpot": request.tpot_s,
        "--max-num-seqs": request.max_num_seqs,
        "--hours-per-month": request.hours_per_month,
        "--max-monthly": request.max_monthly,
        "--max-instances": request.max_instances,
    }
    for name, value in positive.items():
        if value is not None and (isnan(value) or value <= 0):
            raise UsageError(
                f"{name} must be positive", why=f"it is {value}", advice="a number above 0"
            )
    if not 0 < request.utilization <= 1:
        raise UsageError(
            "--utilization must be above 0 and at most 1",
            why=f"it is {request.utilization}",
            advice="--utilization 0.5",
        )
    if request.hours_per_month > _HOURS_IN_LONGEST_MONTH:
        raise UsageError(
            f"a month has at most {_HOURS_IN_LONGEST_MONTH} hours",
            why=f"--hours-per-month is {request.hours_per_month}",
        )
    _check_shares(request)
    _check_lengths(request, model)


def _check_shares(request: Request) -> None:
    if not 0 <= request.cached_share < 1:
        raise UsageError(
            "--cached must be 0 or more and below 1",
            why=f"it is {request.cached_share}",
            advice="--cached 0.5",
        )
    share = request.gpu_memory_utilization
    if share is not None and not 0 < share <= _HIGHEST_SHARE:
        raise UsageError(
            f"--gpu-memory-utilization must be above 0 and at most {_HIGHEST_SHARE}",
            why=f"it is {share}",
            advice="--gpu-memory-utilization 0.95",
        )


def _check_lengths(request: Request, model: Model) -> None:
    tokens = request.input_tokens + request.output_tokens
    lengths = f"--input-tokens {request.input_tokens} and --output-tokens {request.output_tokens}"
    if request.context is not None and request.context < tokens:
        raise UsageError(
            f"a context of {request.context} tokens does not hold a request",
            why=f"{lengths} are {tokens} together",
            advice=f"--context {tokens}, or fewer --input-tokens and --output-tokens",
        )
    if context_of(request, model) > model.max_context:
        raise UsageError(
            f"{model.name} handles at most {model.max_context} tokens of context",
            why=f"--context is {request.context}"
            if request.context is not None
            else f"{lengths} are {tokens} together",
            advice=f"--context {model.max_context}",
        )


def check_as_of(as_of: date | None) -> None:
    """Raise UsageError for a day whose prices nobody can know yet."""
    today = datetime.now(UTC).date()
    if as_of is not None and as_of > today:
        raise UsageError(
            f"{as_of} lies in the future",
            why=f"today is {today}, and no price list is newer",
            advice=f"--as-of {today}",
        )


def check_names(kind: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Raise UnknownNameError for a name that is not known."""
    known = tuple(known)
    for name in given:
        if name not in known:
            raise UnknownNameError(
                kind,
                name,
                known,
                advice=f"one of: {', '.join(known)}"
                if len(known) <= _FEW
                else "planner prices --geo all, which shows them",
            )
