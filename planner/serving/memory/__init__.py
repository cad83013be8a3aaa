"""What a model needs of a card's memory: weights, KV cache, what is left."""

from planner.serving.memory.engine_room import (
    DEFAULTS,
    EngineSettings,
    Span,
    cache_bytes,
    cache_tokens,
    device_bytes,
)
from planner.serving.memory.weights_and_cache import (
    GIB,
    KV_VALUE_BYTES,
    RUNTIME_BYTES,
    USABLE_SHARE,
    Footprint,
    Split,
    can_shard,
    device_budget,
    embedding_bytes,
    kv_bytes_per_token,
    layer_bytes,
    shard_widths,
    usable_bytes,
    weight_bytes,
)

__all__ = [
    "DEFAULTS",
    "GIB",
    "KV_VALUE_BYTES",
    "RUNTIME_BYTES",
    "USABLE_SHARE",
    "EngineSettings",
    "Footprint",
    "Span",
    "Split",
    "cache_bytes",
    "cache_tokens",
    "can_shard",
    "device_budget",
    "device_bytes",
    "embedding_bytes",
    "kv_bytes_per_token",
    "layer_bytes",
    "shard_widths",
    "usable_bytes",
    "weight_bytes",
]
