"""How much accelerator memory a model takes: its weights and its KV cache.

Sizes are bytes unless a name says otherwise. The budget of one accelerator is 0.90 of its
memory (the default ``gpu_memory_utilization`` of vLLM) less 2 GB for the runtime: CUDA context,
activations, captured graphs. Both figures are set, not fitted; every measured set-up in
``pricing_data/measurements.csv`` fits under them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from planner.serving import precision as precisions

if TYPE_CHECKING:
    from planner.serving.accelerators import Accelerator
    from planner.serving.models import Model

GIB = 1024**3
USABLE_SHARE = 0.90
RUNTIME_BYTES = 2e9

_KV_VALUE_BYTES = {"fp16": 2, "bf16": 2, "fp8": 1, "int8": 1}


def weight_bytes(model: Model, precision: str) -> float:
    """Return the size of all weights at a precision, in bytes.

    Embeddings and the output head stay at 16 bits; quantized weights carry their scales.

    Raises:
        UnknownNameError: No such precision.
    """
    return _layer_bytes(model, precision) + embedding_bytes(model)


def embedding_bytes(model: Model) -> float:
    """Return the size of the embedding table and output head (one table where tied), in bytes."""
    tables = 1 if model.tied_embeddings else 2
    return 2.0 * tables * model.vocab * model.hidden


def kv_bytes_per_token(model: Model, kv_precision: str = "fp16") -> float:
    """Return the KV cache of one token over all layers, in bytes.

    MHA and GQA keep a key and a value per KV head; MLA keeps one latent and one rotary key.
    A sliding window makes long contexts cheaper than this per token, never dearer.
    """
    if model.kv_lora_rank is not None:
        values = model.kv_lora_rank + (model.qk_rope_head_dim or 0)
    else:
        head_dim = model.head_dim or model.hidden // model.heads
        values = 2 * model.kv_heads * head_dim
    return float(values * model.layers * _KV_VALUE_BYTES[kv_precision])


def kv_cache_tokens(
    model: Model,
    accelerator: Accelerator,
    *,
    count: float,
    precision: str,
    tensor_parallel: int | None = None,
    pipeline_parallel: int = 1,
) -> int:
    """Return how many tokens of KV cache are left beside the weights; 0 where these do not fit.

    Args:
        model: The model.
        accelerator: One of the accelerators that share it.
        count: Accelerators; below 1 for a partition of one.
        precision: Of the weights; the cache is 16-bit.
        tensor_parallel: Accelerators that share each layer; the most that divide the attention
            heads by default.
        pipeline_parallel: Stages that the layers are split into.
    """
    shards = tensor_parallel or widest_tensor_parallel(model, count / pipeline_parallel)
    free = _free_bytes(model, accelerator, min(count, 1), precision, shards, pipeline_parallel)
    return max(0, math.floor(free / _rank_kv_bytes(model, shards, pipeline_parallel)))


def widest_tensor_parallel(model: Model, count: float) -> int:
    """Return the largest tensor parallel size that the model's heads allow on ``count`` GPUs."""
    widths = range(int(max(1, count)), 0, -1)
    return next(width for width in widths if can_shard(model, width))


def can_shard(model: Model, width: int) -> bool:
    """Tell whether ``width`` GPUs can share each layer.

    Attention heads must divide evenly; KV heads must divide, or be copied a whole number of times.
    """
    heads = model.kv_heads
    kv_ok = model.kv_lora_rank is not None or heads % width == 0 or width % heads == 0
    return model.heads % width == 0 and kv_ok


def _layer_bytes(model: Model, precision: str) -> float:
    """Return the size of all layers at a precision."""
    scheme = precisions.get(precision)
    parameters = model.params_b * 1e9 - embedding_bytes(model) / 2
    quantized = parameters
    if scheme.experts_only and model.moe_experts and model.moe_intermediate:
        expert_layers = model.layers - (model.dense_layers or 0)
        expert = 3.0 * model.hidden * model.moe_intermediate
        quantized = min(parameters, expert_layers * model.moe_experts * expert)
    return quantized * scheme.bits / 8 + (parameters - quantized) * 2


def _rank_kv_bytes(model: Model, shards: int, stages: int) -> float:
    """Return the KV cache of one token on the fullest GPU."""
    copies = shards if model.kv_lora_rank is not None else max(1, shards // model.kv_heads)
    stage_share = math.ceil(model.layers / stages) / model.layers
    return kv_bytes_per_token(model) * stage_share * copies / shards


def _free_bytes(
    model: Model,
    accelerator: Accelerator,
    partition: float,
    precision: str,
    shards: int,
    stages: int,
) -> float:
    """Return what the weights leave free on the fullest GPU; negative where they do not fit."""
    stage_layers = math.ceil(model.layers / stages) / model.layers
    ends = embedding_bytes(model) / (1 if stages == 1 or model.tied_embeddings else 2)
    weights = (_layer_bytes(model, precision) * stage_layers + ends) / shards
    return accelerator.memory_gib * GIB * partition * USABLE_SHARE - RUNTIME_BYTES - weights
