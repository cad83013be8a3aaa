"""What a model needs of a card's memory: weights, KV cache, what is left."""

from planner.serving.memory.weights_and_cache import (
    GIB,
    KV_VALUE_BYTES,
    RUNTIME_BYTES,
    USABLE_SHARE,
    Footprint,
    Layout,
    can_shard,
    device_budget,
    embedding_bytes,
    kv_bytes_per_token,
    kv_cache_tokens,
    layer_bytes,
    shard_widths,
    usable_bytes,
    weight_bytes,
)

__all__ = [
    "GIB",
    "KV_VALUE_BYTES",
    "RUNTIME_BYTES",
    "USABLE_SHARE",
    "Footprint",
    "Layout",
    "can_shard",
    "device_budget",
    "embedding_bytes",
    "kv_bytes_per_token",
    "kv_cache_tokens",
    "layer_bytes",
    "shard_widths",
    "usable_bytes",
    "weight_bytes",
]
