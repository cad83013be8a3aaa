"""Attention of one layer: its weights and what it keeps of each token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.serving.models import keys, schedule
from planner.serving.models.model import Cache
from planner.serving.models.modules import linears, plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.serving.models.families import Family
    from planner.serving.models.keys import Words
    from planner.serving.models.modules import Module
    from planner.serving.models.schedule import Layer

_SCALE_BYTES = 4  # one fp32 scale for each block of an indexer's fp8 keys
_INDEX_BLOCK = 128
_FINE, _COARSE = 4, 128  # DeepSeek V4 keeps one entry for so many tokens


@dataclass(frozen=True, slots=True)
class Heads:
    """Query heads, KV heads, and the widths of a key and of a value head."""

    queries: int
    keys: int
    key_width: int
    value_width: int


def heads(words: Words, family: Family, kind: str = schedule.FULL) -> Heads:
    """Return the shape of attention in layers of a kind.

    Raises:
        KeyProblemError: The number of heads is missing.
    """
    queries = words.need(*keys.HEADS)
    key_heads = _kv_heads(words, family, queries)
    width = words.integer(*keys.HEAD_DIM) or words.need(*keys.HIDDEN) // queries
    values = words.integer("v_head_dim") or width
    if kind == schedule.WINDOW:
        queries = words.integer("swa_num_attention_heads") or queries
        key_heads = words.integer("swa_num_key_value_heads") or key_heads
        width = words.integer("swa_head_dim") or width
        values = words.integer("swa_v_head_dim", "swa_head_dim") or values
        other = words.inner("attention_other_setting")
        queries = other.integer(*keys.HEADS) or queries
        key_heads = other.integer(*keys.KV_HEADS) or key_heads
    elif words.integer("global_head_dim") and kind == schedule.FULL:
        width = values = words.need("global_head_dim")
        key_heads = words.integer("num_global_key_value_heads") or key_heads
    return Heads(queries, key_heads, width, values)


def _kv_heads(words: Words, family: Family, queries: int) -> int:
    if family.is_one_of("falcon", "refinedweb", "refinedwebmodel"):
        if words.flag("new_decoder_architecture") or words.has("n_head_kv"):
            return words.integer(*keys.KV_HEADS) or queries
        return 1 if words.flag("multi_query", default=True) else queries
    if family.is_one_of("gpt_bigcode") and words.flag("multi_query", default=True):
        return 1
    if words.raw("multi_query_attention") is False:
        return queries
    found = words.integer(*keys.KV_HEADS)
    return queries if found is None else found


def is_latent(words: Words) -> bool:
    """Tell whether attention keeps one compressed latent (MLA)."""
    return bool(words.integer("kv_lora_rank")) and words.raw("use_mla") is not False


def modules(words: Words, family: Family, layer: Layer, where: str) -> Iterator[Module]:
    """Yield the weights of a layer's attention.

    Raises:
        KeyProblemError: A key is missing.
    """
    kind = next(mixer for mixer in layer.mixers if mixer in schedule.ATTENTION)
    if is_latent(words):
        yield from _latent(words, where)
    else:
        yield from _grouped(words, family, layer, kind, where)
    yield from _indexer(words, layer, where)


def _grouped(words: Words, family: Family, layer: Layer, kind: str, where: str) -> Iterator[Module]:
    hidden = words.need(*keys.HIDDEN)
    shape = heads(words, family, kind)
    key_heads = layer.kv_heads or shape.keys
    queries = shape.queries * shape.key_width
    key, value = key_heads * shape.key_width, key_heads * shape.value_width
    shares_cache = _shares_cache(words, layer)
    shares_values = words.flag("attention_k_eq_v") and kind == schedule.FULL
    yield from linears(
        where,
        "attention",
        q_proj=hidden * queries,
        k_proj=0 if shares_cache else hidden * key,
        v_proj=0 if shares_cache or shares_values else hidden * value,
        o_proj=shape.queries * shape.value_width * hidden,
        gate_proj=queries * hidden if family.output_gate else 0,
    )
    bias = (queries + key + value) * family.qkv_bias + hidden * family.all_biases
    yield from plain(f"{where}.bias", "attention", bias)


def _latent(words: Words, where: str) -> Iterator[Module]:
    hidden, count = words.need(*keys.HIDDEN), words.need(*keys.HEADS)
    rank, rope = words.need("kv_lora_rank"), words.integer("qk_rope_head_dim") or 0
    no_rope = words.integer("qk_nope_head_dim") or 0
    values = words.integer("v_head_dim") or no_rope
    query_rank = words.integer("q_lora_rank") or 0
    query = count * (no_rope + rope)
    # What leads to the latent has no heads to share out: every GPU keeps it whole.
    yield from linears(
        where,
        "latent",
        q_a_proj=hidden * query_rank,
        kv_a_proj_with_mqa=hidden * (rank + rope),
    )
    yield from linears(
        where,
        "attention",
        q_proj=0 if query_rank else hidden * query,
        q_b_proj=query_rank * query,
        kv_b_proj=rank * count * (no_rope + values),
        o_proj=count * values * hidden,
        g_proj=hidden * count * values if words.flag("mla_use_output_gate") else 0,
    )


def _indexer(words: Words, layer: Layer, where: str) -> Iterator[Module]:
    """Yield what chooses the tokens that sparse attention looks at."""
    hidden = words.need(*keys.HIDDEN)
    sparse = words.inner("sparse_attention_config")
    if _has_sparse_index(words, layer):
        width = sparse.need("sparse_index_dim")
        count = (sparse.integer("sparse_num_index_heads") or 0) + 1
        yield from linears(where, "attention", index_proj=hidden * width * count)
    if not _has_indexer(words, layer):
        return
    width, count = words.need("index_head_dim"), words.integer("index_n_heads") or 1
    rank = words.integer("q_lora_rank") or hidden
    yield from linears(
        f"{where}.indexer",
        "attention",
        wq_b=rank * count * width,
        wk=hidden * width,
        weights_proj=hidden * count,
    )
    yield from plain(f"{where}.indexer.k_norm", "norms", 2 * width)


def _has_indexer(words: Words, layer: Layer) -> bool:
    if not words.integer("index_head_dim") or not is_latent(words):
        return False
    own = words.items("indexer_types")
    if own and layer.index < len(own):
        return bool(own[layer.index] == "full")
    return layer.mixers != (schedule.WINDOW,)


def _has_sparse_index(words: Words, layer: Layer) -> bool:
    sparse = words.inner("sparse_attention_config")
    frequency = sparse.items("sparse_attention_freq")
    if not frequency or not sparse.has("sparse_index_dim"):
        return False
    return layer.index < len(frequency) and bool(frequency[layer.index])


def _shares_cache(words: Words, layer: Layer) -> bool:
    """Tell whether the layer reads the cache of an earlier one."""
    sharing = words.integer("num_kv_shared_layers") or 0
    return sharing > 0 and layer.index >= keys.layer_count(words) - sharing


def caches(words: Words, family: Family, layer: Layer) -> Iterator[Cache]:
    """Yield what a layer's attention keeps of a token.

    Raises:
        KeyProblemError: A key is missing.
    """
    kind = next(mixer for mixer in layer.mixers if mixer in schedule.ATTENTION)
    if kind == "cross" or _shares_cache(words, layer):
        return
    kept = _kept(words, kind)
    if is_latent(words):
        values = words.need("kv_lora_rank") + (words.integer("qk_rope_head_dim") or 0)
        fixed = index_bytes(words.need("index_head_dim")) if _has_indexer(words, layer) else 0
        yield Cache("latent" if kept is None else kind, 1, values, fixed, window=kept)
        return
    shape = heads(words, family, kind)
    key_heads = layer.kv_heads or shape.keys
    values = key_heads * (shape.key_width + shape.value_width)
    if _has_sparse_index(words, layer):
        index = words.inner("sparse_attention_config").need("sparse_index_dim")
        yield Cache("index", 1, index)
    yield Cache(kind, 1, values, heads=key_heads, window=kept)


def _kept(words: Words, kind: str) -> int | None:
    if kind == schedule.WINDOW:
        return schedule.window(words)
    return words.integer("attention_chunk_size") if kind == schedule.CHUNK else None


def index_bytes(width: int) -> float:
    """Return what an indexer keeps of a token: an fp8 key and its scales."""
    return width + _SCALE_BYTES * width / _INDEX_BLOCK


def compressed_modules(words: Words, layer: Layer, where: str) -> Iterator[Module]:
    """Yield the weights of DeepSeek V4's attention, which keeps one entry for several tokens."""
    hidden, count = words.need(*keys.HIDDEN), words.need(*keys.HEADS)
    width = words.need(*keys.HEAD_DIM)
    query_rank, output_rank = words.need("q_lora_rank"), words.need("o_lora_rank")
    ratio = _ratio(words, layer)
    two = 2 if ratio == _FINE else 1
    yield from linears(where, "latent", wq_a=hidden * query_rank, wkv=hidden * width)
    yield from linears(
        where,
        "attention",
        wq_b=query_rank * count * width,
        wo_a=output_rank * count * width,
        wo_b=(words.integer("o_groups") or 1) * output_rank * hidden,
    )
    if ratio:
        yield from plain(f"{where}.compressor", "attention", (2 * hidden + ratio) * width * two)
    if ratio == _FINE:
        index, index_heads = words.need("index_head_dim"), words.need("index_n_heads")
        yield from linears(f"{where}.indexer", "attention", wq_b=query_rank * index * index_heads)
        rest = hidden * index_heads + (2 * hidden + ratio) * index * two
        yield from plain(f"{where}.indexer.compressor", "attention", rest)
    mult = words.integer("hc_mult") or 0
    if mult:
        mixed = mult * mult + 2 * mult
        yield from plain(f"{where}.hyper", "norms", 2 * (mixed * mult * hidden + 3 + mixed))


def compressed_caches(words: Words, layer: Layer) -> Iterator[Cache]:
    """Yield what DeepSeek V4's attention keeps: the last tokens, and one entry for several."""
    width = words.need(*keys.HEAD_DIM)
    yield Cache("window", 1, width, window=words.integer("sliding_window") or _COARSE)
    ratio = _ratio(words, layer)
    if ratio:
        index = index_bytes(words.need("index_head_dim")) / ratio if ratio == _FINE else 0
        yield Cache("compressed", 1, width / ratio, index)


def _ratio(words: Words, layer: Layer) -> int:
    return words.at(layer.index).integer("compress_ratios") or 0
