"""How long a model takes on an accelerator: a roofline with overheads, in one formula.

A request batch is prefilled, then decoded one token per step. Each term is the time the work
would take at the accelerator's peak, divided by a fitted efficiency; overheads per layer, per
request and per synchronisation are added. The functions use plain arithmetic only, so that the
fit (``calibration``) evaluates the same formula on arrays of measurements.

All times are seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.errors import NotFoundError
from planner.serving import memory

if TYPE_CHECKING:
    from planner.serving.accelerators import Accelerator
    from planner.serving.models import Model

# Where a link's rate is not in the table: PCIe 4.0 x16, per direction.
ASSUMED_LINK_GBS = 32.0
_ACTIVATION_BYTES = 2


@dataclass(frozen=True, slots=True)
class Work:
    """What requests ask of one replica, as seconds at peak rates; numbers or arrays of them.

    Args:
        output_tokens: Tokens generated for each request.
        prefill_compute: Arithmetic of one request's prompt.
        prefill_link: Tensor-parallel traffic of one request's prompt.
        weights: Reading all the weights.
        experts: Share of the weights that is routed experts; 0 in a dense model.
        unrouted: Share of the experts that one token does not use.
        compute: Arithmetic of one token.
        cache: Reading the KV cache of one request.
        link: Tensor-parallel traffic of one token.
        layers: Layers passed in one decode step.
        syncs: All-reduces of one decode step.
    """

    output_tokens: float
    prefill_compute: float
    prefill_link: float
    weights: float
    experts: float
    unrouted: float
    compute: float
    cache: float
    link: float
    layers: float
    syncs: float


@dataclass(frozen=True, slots=True)
class Rates:
    """Fitted, effective rates: not hardware facts, since several trade off against each other.

    The first five are shares of the peak: arithmetic of prompts and of decoding, reading weights
    and cache, and the link. The others are seconds.
    """

    prefill: float
    compute: float
    bandwidth: float
    cache: float
    link: float
    layer: float
    request: float
    sync: float


def work(
    model: Model,
    accelerator: Accelerator,
    *,
    precision: str,
    kv_precision: str,
    tensor_parallel: int,
    pipeline_parallel: int,
    input_tokens: int,
    output_tokens: int,
) -> Work:
    """Return what requests of this shape ask of one replica.

    Raises:
        NotFoundError: The accelerator's bandwidth or compute is not known.
    """
    if accelerator.bandwidth_gbs is None or accelerator.fp16_tflops is None:
        raise NotFoundError(
            f"no throughput can be estimated on {accelerator.name}",
            why="its memory bandwidth or 16-bit compute is not known",
            advice="planner gpus",
        )
    bandwidth = accelerator.bandwidth_gbs * 1e9
    flops16 = accelerator.fp16_tflops * 1e12
    flops = arithmetic_tflops(accelerator, precision) * 1e12
    link = (accelerator.interconnect_gbs or ASSUMED_LINK_GBS) * 1e9
    width, gpus = tensor_parallel, tensor_parallel * pipeline_parallel
    active = model.active_params_b * 1e9
    head_dim = model.head_dim or model.hidden // model.heads
    attention_flops = 2 * model.layers * model.heads * head_dim * input_tokens**2
    # Two all-reduces a layer, each moving 2(n-1)/n of the activations.
    link_bytes = 2 * model.layers * model.hidden * _ACTIVATION_BYTES * 2 * (width - 1) / width
    footprint = memory.Footprint.of(model, precision, kv_precision)
    layout = memory.Split(tensor_parallel, pipeline_parallel)
    # A request in flight is on average half way through its output.
    cache_bytes = footprint.device_kv(layout, input_tokens + output_tokens // 2)
    experts, unrouted = _routing(model)
    return Work(
        output_tokens=output_tokens,
        prefill_compute=(2 * active * input_tokens / flops + attention_flops / flops16) / gpus,
        prefill_link=link_bytes * input_tokens / link / pipeline_parallel,
        # Each stage reads its share of the weights in turn: stages do not divide this time.
        weights=memory.weight_bytes(model, precision) / (width * bandwidth),
        experts=experts,
        unrouted=unrouted,
        compute=2 * active / flops / gpus,
        cache=cache_bytes / bandwidth,
        link=link_bytes / link / pipeline_parallel,
        layers=model.layers,
        syncs=2 * model.layers * (width > 1),
    )


def arithmetic_tflops(accelerator: Accelerator, precision: str) -> float:
    """Return the arithmetic rate at a precision; 0 where it is not known.

    Formats the accelerator cannot calculate in are unpacked and calculated at 16 bits.
    """
    known = {
        "fp8": accelerator.fp8_tflops,
        "int8": accelerator.int8_tops,
        "fp4": accelerator.fp4_tflops,
        "mxfp4": accelerator.fp4_tflops,
    }
    return max(accelerator.fp16_tflops or 0.0, known.get(precision) or 0.0)


def touched_share(work: Work, batch: float) -> float:
    """Return the share of the weights that a decode step of ``batch`` tokens reads.

    All for a dense model; in a mixture of experts, what the tokens route to if they route
    independently and evenly.
    """
    share: float = 1 - work.experts * work.unrouted**batch
    return share


def prefill_seconds(work: Work, rates: Rates) -> float:
    """Return the time of one request's prompt."""
    return work.prefill_compute / rates.prefill + work.prefill_link / rates.link


def step_seconds(work: Work, rates: Rates, batch: float) -> float:
    """Return the time of one decode step: one token for each request of the batch."""
    read = work.weights * touched_share(work, batch) / rates.bandwidth
    calculate = work.compute * batch / rates.compute
    # A smooth maximum: near the corner of the roofline both limits are felt.
    weights: float = (read**3 + calculate**3) ** (1 / 3)
    each = work.cache / rates.cache + work.link / rates.link + rates.request
    return weights + batch * each + work.layers * rates.layer + work.syncs * rates.sync


def tokens_per_second(work: Work, rates: Rates, batch: float) -> float:
    """Return the output tokens a second of the whole batch, prefill included."""
    prefill = batch * prefill_seconds(work, rates)
    decode = work.output_tokens * step_seconds(work, rates, batch)
    return batch * work.output_tokens / (prefill + decode)


def _routing(model: Model) -> tuple[float, float]:
    """Return the experts' share of the weights, and the share of them a token does not use."""
    if not model.moe_experts or not model.moe_active:
        return 0.0, 0.0
    unrouted = 1 - model.moe_active / model.moe_experts
    return (1 - model.active_params_b / model.params_b) / unrouted, unrouted
