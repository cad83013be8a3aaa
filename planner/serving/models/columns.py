"""A model's parts and caches from the columns of the table, where no configuration is at hand."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from planner.serving import precision as precisions
from planner.serving.models.model import Cache, Part

if TYPE_CHECKING:
    from planner.serving.models.model import Model


def completed(model: Model) -> Model:
    """Return the model with the parts and caches that its totals and widths imply."""
    parts = tuple(_parts(model))
    caches = tuple(_caches(model))
    loaded = sum(part.stored_bytes for part in parts)
    return replace(model, parts=parts, caches=caches, loaded_bytes=loaded)


def _parts(model: Model) -> list[Part]:
    scheme = precisions.get(model.native_precision)
    total = round(model.params_b * 1e9)
    table = model.vocab * model.hidden
    experts = 0
    if model.moe_experts and model.moe_intermediate:
        expert = 3 * model.hidden * model.moe_intermediate
        experts = (model.layers - (model.dense_layers or 0)) * model.moe_experts * expert
    head = 0 if model.tied_embeddings else table
    experts = min(experts, total - table - head)
    rest = total - table - head - experts
    rest_bits = 16 if scheme.experts_only and experts else scheme.bits
    return [
        Part("embeddings", table, table * 2.0, linear=False),
        Part("head", head, head * 2.0, linear=False),
        Part("feed_forward", rest, rest * rest_bits / 8, linear=True),
        *([Part("experts", experts, experts * scheme.bits / 8, linear=True)] if experts else []),
    ]


def _caches(model: Model) -> list[Cache]:
    if model.kv_lora_rank is not None:
        values = model.kv_lora_rank + (model.qk_rope_head_dim or 0)
        return [Cache("latent", model.layers, values)]
    width = model.head_dim or model.hidden // model.heads
    values, heads = 2 * model.kv_heads * width, model.kv_heads
    if model.sliding_window is None:
        return [Cache("full", model.layers, values, heads=heads)]
    every = model.full_attention_every
    full = model.layers // every if every else 0
    window = Cache("window", model.layers - full, values, heads=heads, window=model.sliding_window)
    return [Cache("full", full, values, heads=heads), window] if full else [window]
