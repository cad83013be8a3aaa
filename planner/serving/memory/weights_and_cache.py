"""How much accelerator memory a model takes: its weights and its KV cache.

Sizes are bytes unless a name says otherwise. What an engine keeps beside them is in
``engine_room``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from planner.errors import UnknownNameError
from planner.serving import checkpoint_support, models
from planner.serving.engines import needs_neuron

if TYPE_CHECKING:
    from planner.serving.accelerators import Accelerator
    from planner.serving.models import Cache, Model

GIB = 1024**3
USABLE_SHARE = 0.90
RUNTIME_BYTES = 2e9

KV_VALUE_BYTES = {"fp16": 2, "bf16": 2, "fp8": 1, "int8": 1}


def weight_bytes(model: Model, precision: str) -> float:
    """Return the size of all weights at a precision, in bytes.

    Raises:
        UnknownNameError: No such precision.
    """
    return models.loaded_bytes(model, precision)


def embedding_bytes(model: Model, precision: str = "bf16") -> float:
    """Return the size of the embedding table and output head (one table where tied), in bytes."""
    return models.table_bytes(model, precision)


def layer_bytes(model: Model, precision: str) -> float:
    """Return the size of all layers at a precision, in bytes: the weights less the embeddings.

    Raises:
        UnknownNameError: No such precision.
    """
    return weight_bytes(model, precision) - embedding_bytes(model, precision)


def kv_bytes_per_token(model: Model, kv_precision: str = "fp16") -> float:
    """Return the KV cache of one token over all layers, in bytes.

    MHA and GQA keep a key and a value per KV head; MLA keeps one latent and one rotary key.
    A sliding window makes long contexts cheaper than this per token, never dearer.

    Raises:
        UnknownNameError: No such precision of a KV cache.
    """
    return model.kv_bytes_per_token(_value_bytes(kv_precision))


def usable_bytes(accelerator: Accelerator, count: float) -> float:
    """Return the share of one accelerator's (or partition's) memory that an engine takes."""
    return accelerator.memory_gib * GIB * min(count, 1) * USABLE_SHARE


def device_budget(accelerator: Accelerator, count: float) -> float:
    """Return what one accelerator (or partition) has for weights and KV cache, in bytes."""
    return usable_bytes(accelerator, count) - RUNTIME_BYTES


def shard_widths(model: Model, accelerator: Accelerator, count: int) -> list[int]:
    """Return the tensor parallel sizes that ``count`` accelerators allow, widest first."""
    return [width for width in range(count, 0, -1) if can_shard(model, accelerator, width)]


def can_shard(model: Model, accelerator: Accelerator, width: int) -> bool:
    """Tell whether ``width`` accelerators can share each layer.

    Attention heads must divide evenly; KV heads must divide, or be copied a whole number of
    times. Neuron pads the heads instead (Llama 2 70B runs on the 24 cores of inf2.48xlarge).
    The scales of a quantized checkpoint must divide as well.
    """
    if not checkpoint_support.splits(model, width).runs:
        return False
    if needs_neuron(accelerator):
        return True
    heads = model.kv_heads
    kv_ok = model.kv_lora_rank is not None or heads % width == 0 or width % heads == 0
    return model.heads % width == 0 and kv_ok


@dataclass(frozen=True, slots=True)
class Split:
    """How one copy of a model is spread: each of ``stages`` runs of layers over ``shards`` GPUs."""

    shards: int
    stages: int = 1

    @property
    def gpus(self) -> int:
        """GPUs that the split uses."""
        return self.shards * self.stages


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a model occupies, ready to be spread over GPUs; sizes in bytes.

    Attributes:
        whole: Of the weights, what every GPU of a stage keeps instead of a share.
    """

    model: Model
    precision: str
    value_bytes: float
    layers: float
    embeddings: float
    whole: float

    @classmethod
    @cache
    def of(cls, model: Model, precision: str, kv_precision: str = "fp16") -> Footprint:
        """Return the footprint of a model at a precision."""
        return cls(
            model,
            precision,
            _value_bytes(kv_precision),
            layer_bytes(model, precision),
            embedding_bytes(model, precision),
            models.whole_bytes(model, precision),
        )

    def device_weights(self, split: Split) -> float:
        """Return the weights on the fullest GPU.

        A stage holds whole layers, and the first or last one an embedding table besides. Some
        weights are not shared out among the GPUs of a stage (norms, routers, what leads to the
        latent of MLA), and experts may be padded to the width that kernels want.
        """
        share = _ceil(self.model.layers, split.stages) / self.model.layers
        whole = self.whole * share
        padding = models.padding_bytes(self.model, self.precision, split.shards) * share
        stage = self.layers * share + padding
        split_ends = split.stages > 1 and not self.model.tied_embeddings
        ends = self.embeddings / 2 if split_ends else self.embeddings
        return (stage + ends - whole) / split.shards + whole

    def device_kv(self, split: Split, context: int, *, windowed: bool = True) -> float:
        """Return the KV cache of one sequence on the fullest GPU.

        Args:
            split: How the model is spread.
            context: Tokens of the sequence.
            windowed: Whether layers with a sliding window keep no more than that.
        """
        return sum(
            _ceil(cache.layers, split.stages)
            * (
                cache.bytes_per_token(self.value_bytes)
                / cache.layers
                * (min(context, cache.window) if windowed and cache.window else context)
                * _share(cache, split)
                # State-space layers split their heads over the GPUs of a stage.
                + cache.state_bytes / split.shards
            )
            for cache in self.model.caches
            if cache.layers
        )

    def kv_share(self, split: Split) -> float:
        """Return the share of the cache that one GPU of a stage holds, over all kinds of layer."""
        whole = sum(cache.bytes_per_token() for cache in self.model.caches)
        held = sum(cache.bytes_per_token() * _share(cache, split) for cache in self.model.caches)
        return held / whole if whole else 1.0

    def kv_tokens(self, budget: float, split: Split, context: int) -> int:
        """Return how many tokens, in sequences of ``context``, fit beside the weights."""
        free = budget - self.device_weights(split)
        return max(0, math.floor(free * context / self.device_kv(split, context)))


def _share(cache: Cache, split: Split) -> float:
    """Return the share of a layer's cache that one GPU holds: a whole number of KV heads.

    The latent of MLA has no heads to share out: every GPU holds all of it.
    """
    if cache.heads is None:
        return 1.0
    return _ceil(cache.heads, split.shards) / cache.heads


def _value_bytes(kv_precision: str) -> float:
    if kv_precision not in KV_VALUE_BYTES:
        raise UnknownNameError("KV cache precision", kv_precision, KV_VALUE_BYTES)
    return KV_VALUE_BYTES[kv_precision]


def _ceil(amount: int, parts: int) -> int:
    """Return the largest part when ``amount`` is dealt out to ``parts`` as evenly as can be."""
    return -(-amount // parts)
