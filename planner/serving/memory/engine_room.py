"""How much room an engine leaves for the KV cache: a range, by engine.

An engine takes a share of the memory that the driver reports, puts the weights there, and keeps
room for what it computes with: the CUDA context and the communication buffers, activations, the
logits that are sampled from, captured graphs. What is left is the cache. How much an engine keeps
depends on its release and on settings that planner does not see, so the room has a low end, which
verdicts rest on, and a high end.

The constants are read off start-up logs ("Available KV cache memory", "GPU KV cache size") of
vLLM 0.10 to 0.29, SGLang and TGI; ``pricing_data/memory_logs.csv`` has the lines, and a test
holds that nine of ten lie inside the range. Sizes are bytes unless a name says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from planner.bundled import pricing_data
from planner.serving import engines, table
from planner.serving import precision as precisions
from planner.serving.memory.weights_and_cache import GIB, Footprint

if TYPE_CHECKING:
    from planner.serving.accelerators import Accelerator
    from planner.serving.memory.weights_and_cache import Split
    from planner.serving.models import Model

# vLLM's sampler sorts the logits of all requests at once: about ten copies of them in 32 bits.
# Logged on vLLM 0.11 (H100, 1,024 requests): 4.76 GiB of activations at a vocabulary of 128,256,
# 5.64 at 151,936, 7.38 at 201,088, whatever the model's size and the tensor parallel size.
_LOGIT_COPIES = 10
_LOGIT_BYTES = 4
# What vLLM keeps at least, beside the weights: 0.5 GiB on A100 (0.10), 0.7 (0.19, no graphs).
_LEAST_ONE, _LEAST_MANY = 0.48, 0.75
# CUDA context, captured graphs (vLLM subtracts them since 0.20), and NCCL's buffers where
# several GPUs share a layer: 0.14 and 0.54 GiB logged on H100 with vLLM 0.11, 2.1 beside 1.9 of
# activations on A100 in llm-d-planner 0.3 (for 0.19). GPUs without access to each other's memory
# keep the buffers of both directions in host memory: 2.3 GiB at most were seen on L4.
_CONTEXT_ONE, _CONTEXT_MANY, _CONTEXT_NO_PEERS = 0.45, 2.75, 2.3
_PEERS_OVER_PCIE = frozenset({"A100-80GB-PCIe", "H100-PCIe"})

# Cards that the table of device memory lacks: the driver reports this share at least of what the
# cloud's API says (44.40 of 44.7 GiB on L40S), or of the label (79.15 of 80 on A100).
_LEAST_OF_API, _LEAST_OF_LABEL = 0.99, 0.985


@dataclass(frozen=True, slots=True)
class Span:
    """A range of bytes or tokens."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """What an engine is told about memory.

    Attributes:
        utilization: Share of the card's memory that it takes; None for its default.
        most_requests: Requests in flight at most; None for its default.
    """

    engine: str = "vllm"
    kv_precision: str = "fp16"
    utilization: float | None = None
    most_requests: int | None = None


DEFAULTS = EngineSettings()
"""An engine that is told nothing."""


@dataclass(frozen=True, slots=True)
class _Habit:
    """How one engine shares out a card.

    Attributes:
        share: Of the memory reported, that it takes by default.
        kept_one, kept_many: GiB that it keeps of that on one GPU, and on each of several.
        of_the_rest: The share is of what weights and buffers leave, not of the whole card.
    """

    share: Span
    kept_one: Span
    kept_many: Span
    of_the_rest: bool = False


_HABITS = {
    # --mem-fraction-static: by size of the card and of the captured graphs, 0.83 to 0.90
    # (sglang server_args.py); activations live outside of it.
    "sglang": _Habit(Span(0.83, 0.90), Span(0.0, 1.2), Span(0.2, 2.6)),
    # TGI's TGI_WIGGLE_ROOM was 0.95, then 0.93 and 0.90; it warms up with a real batch.
    "tgi": _Habit(Span(0.90, 0.95), Span(0.8, 2.5), Span(1.2, 3.6)),
    # free_gpu_memory_fraction 0.9 of what is free once the engine stands; benchmarks use 0.95.
    "tensorrt-llm": _Habit(Span(0.90, 0.95), Span(0.8, 3.5), Span(1.2, 4.5), of_the_rest=True),
}
# Neuron and DeepSpeed log nothing comparable: planner's allowance before the logs were read.
_ALLOWANCE = _Habit(Span(0.90, 0.90), Span(1.0, 1.9), Span(1.0, 1.9))


def cache_bytes(
    footprint: Footprint,
    card: Accelerator,
    *,
    count: float,
    split: Split,
    settings: EngineSettings,
) -> Span:
    """Return what the fullest GPU has for the KV cache; below zero where weights do not fit.

    Args:
        footprint: Of the model at its precision.
        card: One of the GPUs.
        count: GPUs in the machine; below 1 for a partition of one.
        split: How one replica is spread.
        settings: What the engine is told.
    """
    memory = device_bytes(card, count)
    habit = _habit(footprint.model, card, split, settings)
    share = habit.share
    if settings.utilization is not None:
        share = Span(settings.utilization, settings.utilization)
    kept = habit.kept_one if split.gpus == 1 else habit.kept_many
    weights = footprint.device_weights(split)
    heaviest = weights * (1 + _weight_spread(footprint))
    if habit.of_the_rest:
        least = memory.low - heaviest - kept.high * GIB
        most = memory.high - weights - kept.low * GIB
        return Span(min(least, share.low * least), min(most, share.high * most))
    return Span(
        share.low * memory.low - heaviest - kept.high * GIB,
        share.high * memory.high - weights - kept.low * GIB,
    )


def cache_tokens(
    footprint: Footprint,
    card: Accelerator,
    *,
    count: float,
    split: Split,
    settings: EngineSettings,
    context: int,
) -> tuple[int, int]:
    """Return the tokens, in sequences of ``context``, that one replica's cache holds.

    The low end counts every layer as if it kept the whole context, as vLLM's own log line does;
    the high end lets windowed layers keep their window only.
    """
    room = cache_bytes(footprint, card, count=count, split=split, settings=settings)
    low = int(room.low * context / footprint.device_kv(split, context, windowed=False))
    high = int(room.high * context / footprint.device_kv(split, context))
    return max(0, low), max(0, high)


def device_bytes(card: Accelerator, count: float = 1) -> Span:
    """Return the memory that the driver reports of a card, or of a partition of it."""
    part = min(count, 1) * GIB
    logged = _device_gib().get(card.name)
    if logged is not None:
        return Span(logged * part, logged * part)
    if card.usable_gib is not None and card.usable_gib < card.memory_gib:
        return Span(card.usable_gib * _LEAST_OF_API * part, card.usable_gib * part)
    return Span(card.memory_gib * _LEAST_OF_LABEL * part, card.memory_gib * part)


def _habit(model: Model, card: Accelerator, split: Split, settings: EngineSettings) -> _Habit:
    if settings.engine in _HABITS:
        return _HABITS[settings.engine]
    if settings.engine == "vllm" and not engines.needs_neuron(card):
        return _vllm(model, card, split, settings)
    return _ALLOWANCE


def _vllm(model: Model, card: Accelerator, split: Split, settings: EngineSettings) -> _Habit:
    requests = settings.most_requests or engines.most_requests("vllm", card)
    logits = _LOGIT_COPIES * requests * model.vocab * _LOGIT_BYTES / GIB
    tokens = engines.batched_tokens(card)
    # Inputs and outputs of one layer, and of its feed-forward part, for a full step.
    widest = max(model.intermediate, (model.moe_active or 0) * (model.moe_intermediate or 0))
    step = tokens * (4 * model.hidden + 3 * widest / split.shards) * 2 / GIB
    peak = max(logits, step)
    share = Span(engines.VLLM_UTILIZATION, engines.VLLM_UTILIZATION)
    peers = card.interconnect != "PCIe" or card.name in _PEERS_OVER_PCIE
    many = _CONTEXT_MANY if peers else _CONTEXT_NO_PEERS
    return _Habit(
        share,
        Span(_LEAST_ONE, max(_LEAST_ONE, _CONTEXT_ONE + peak)),
        Span(_LEAST_MANY, max(_LEAST_MANY, many + peak)),
    )


def _weight_spread(footprint: Footprint) -> float:
    """Return by how much checkpoints of one precision differ: what each leaves at 16 bits.

    Logged weights lie within 2 % of what is counted (qwen3-30b in fp8: 7.40 GiB a GPU at tensor
    parallel 4 where 7.25 are counted).
    """
    return 0.02 if precisions.get(footprint.precision).quantized else 0.0


@cache
def _device_gib() -> dict[str, float]:
    rows = table.read(pricing_data() / "device_memory.csv")
    return {row["name"]: float(row["device_gib"]) for row in rows}
