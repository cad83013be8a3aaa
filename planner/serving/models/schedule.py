"""What each layer is: its mixer (attention, state space, ...) and its feed-forward."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from planner.serving.models import keys
from planner.serving.models.keys import KeyProblemError

if TYPE_CHECKING:
    from collections.abc import Callable

    from planner.serving.models.families import Family
    from planner.serving.models.keys import Words

Mixers: TypeAlias = "Callable[[int], tuple[str, ...]]"
"""What gives the mixers of a layer by its index."""

FULL, WINDOW, CHUNK = "full", "window", "chunk"
ATTENTION = {FULL, WINDOW, CHUNK, "cross"}
_ONE_IN_FOUR = 4
_ALL_ALIKE: dict[str, tuple[str, ...]] = {
    "mamba": ("mamba1",),
    "falcon_mamba": ("mamba1",),
    "mamba2": ("mamba2",),
    "falcon_h1": (FULL, "mamba2"),
}
_LETTERS = {
    "M": ("mamba2", "none"),
    "*": (FULL, "none"),
    "-": ("none", "dense"),
    "E": ("none", "moe"),
}


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer.

    Attributes:
        index: From 0.
        mixers: ``full``, ``window``, ``chunk``, ``cross``, ``compressed``, ``mamba1``, ``mamba2``,
            ``delta``, ``kda``, ``lightning``, ``conv``, ``linear``; two in a hybrid layer.
        feed_forward: ``dense``, ``moe``, ``linear`` (one matrix) or ``none``.
        kv_heads: Where the layer's own differ from the model's.
        width: Of its feed-forward, where it differs.
    """

    index: int
    mixers: tuple[str, ...]
    feed_forward: str
    kv_heads: int | None = None
    width: int | None = None


def layers(words: Words, family: Family) -> list[Layer]:
    """Return the layers in their order.

    Raises:
        KeyProblemError: A key of the schedule cannot be read.
    """
    count = keys.layer_count(words)
    given = words.items("planner_layers")  # a GGUF header gives heads and widths one by one
    if given:
        is_moe = _experts_in(words, count)
        return [
            Layer(i, (mixer,) if mixer else (), _unless_dense(feed_forward, moe=is_moe(i)))
            for i, (mixer, feed_forward) in enumerate(given)
        ]
    pattern = words.text("hybrid_override_pattern").replace("|", "")
    if pattern:
        return [_of_letter(i, letter) for i, letter in enumerate(pattern[:count])]
    blocks = words.items("layers_block_type")
    one_a_layer = blocks and (
        family.is_one_of("nemotron_h") or {"moe", "mlp"} & {*map(str, blocks)}
    )
    if blocks and one_a_layer:
        return [_of_sub_layer(i, str(block)) for i, block in enumerate(blocks[:count])]
    configs = words.items("block_configs")
    if configs:
        return [_of_block(i, block, words) for i, block in enumerate(configs[:count])]
    mixer_of = _mixers(words, family)
    is_moe = _experts_in(words, count)
    alone = family.is_one_of("mamba", "mamba2", "falcon_mamba")
    return [
        Layer(i, mixer_of(i), "none" if alone else "moe" if is_moe(i) else "dense")
        for i in range(count)
    ]


def _unless_dense(feed_forward: str, *, moe: bool) -> str:
    return "dense" if feed_forward == "moe" and not moe else feed_forward


def _of_letter(index: int, letter: str) -> Layer:
    if letter not in _LETTERS:
        raise KeyProblemError(f"hybrid_override_pattern has the unknown letter {letter!r}")
    mixer, feed_forward = _LETTERS[letter]
    return Layer(index, () if mixer == "none" else (mixer,), feed_forward)


def _of_sub_layer(index: int, block: str) -> Layer:
    kinds = {"mamba": "M", "attention": "*", "moe": "E", "mlp": "-"}
    if block not in kinds:
        raise KeyProblemError(f"layers_block_type has the unknown type {block!r}")
    return _of_letter(index, kinds[block])


def _of_block(index: int, block: Any, words: Words) -> Layer:  # noqa: ANN401 - what the file holds
    """Return a layer of a model found by architecture search: each has its own shape."""
    attention = block.get("attention") if isinstance(block, dict) else None
    ffn = block.get("ffn") if isinstance(block, dict) else None
    if not isinstance(attention, dict) or not isinstance(ffn, dict):
        raise KeyProblemError(f"block_configs[{index}] has no attention and ffn")
    mixers: tuple[str, ...] = (FULL,)
    kv_heads = width = None
    if attention.get("no_op"):
        mixers = ()
    elif attention.get("replace_with_linear"):
        mixers = ("linear",)
    elif attention.get("n_heads_in_group"):
        kv_heads = words.need(*keys.HEADS) // int(attention["n_heads_in_group"])
    feed_forward = "dense"
    if ffn.get("no_op"):
        feed_forward = "none"
    elif ffn.get("replace_with_linear"):
        feed_forward = "linear"
    elif ffn.get("intermediate_size"):
        width = int(ffn["intermediate_size"])
    elif ffn.get("ffn_mult"):
        wanted = int(2 * float(ffn["ffn_mult"]) * words.need(*keys.HIDDEN) / 3)
        width = -(-wanted // 256) * 256
    return Layer(index, mixers, feed_forward, kv_heads, width)


def _mixers(words: Words, family: Family) -> Mixers:
    """Return what gives the mixers of a layer: the first schedule that is present decides."""
    for rule in _RULES:
        found = rule(words, family)
        if found:
            return found
    return lambda _index: (FULL,)


def _all_alike(_words: Words, family: Family) -> Mixers | None:
    found = next((kind for name, kind in _ALL_ALIKE.items() if family.is_one_of(name)), None)
    return (lambda _index: found) if found else None


def _attention_period(words: Words, family: Family) -> Mixers | None:
    if not words.has("attn_layer_period") or not family.is_one_of("jamba"):
        return None
    period = words.need("attn_layer_period")
    offset = words.integer("attn_layer_offset") or 0
    return lambda index: (FULL,) if index % period == offset else ("mamba1",)


def _block_types(words: Words, _family: Family) -> Mixers | None:
    blocks = words.items("layers_block_type") or []
    kinds = {"attention": (FULL,), "mamba": (_mamba(words),), "hybrid": (FULL, _mamba(words))}
    named = [kinds.get(str(block)) for block in blocks]
    if not named or None in named:
        return None
    return lambda index: named[index % len(named)] or ()


def _attention_indices(words: Words, family: Family) -> Mixers | None:
    indices = words.items("attn_layer_indices")
    if indices is None or not family.is_one_of("bamba"):
        return None
    return lambda index: (FULL,) if index in indices else ("mamba2",)


def _kda_layers(words: Words, _family: Family) -> Mixers | None:
    linear = words.inner("linear_attn_config").items("kda_layers")  # numbered from 1
    return (lambda i: ("kda",) if i + 1 in linear else (FULL,)) if linear else None


def _attention_types(words: Words, _family: Family) -> Mixers | None:
    kinds = words.items("attn_type_list")
    return (lambda i: (FULL,) if kinds[i % len(kinds)] else ("lightning",)) if kinds else None


def _compressed(words: Words, _family: Family) -> Mixers | None:
    return (lambda _index: ("compressed",)) if words.items("compress_ratios") else None


def _hybrid_pattern(words: Words, _family: Family) -> Mixers | None:
    pattern = words.items("hybrid_layer_pattern")
    return (lambda i: (WINDOW,) if pattern[i % len(pattern)] else (FULL,)) if pattern else None


def _layer_types(words: Words, family: Family) -> Mixers | None:
    table = [_of_type(str(name), words, family) for name in words.items("layer_types") or ()]
    return (lambda index: (table[index % len(table)],)) if table else None


def _of_type(name: str, words: Words, family: Family) -> str:
    state = _state_of_type(name, words, family)
    if state:
        return state
    if "sliding" in name or name == "local_attention":
        return WINDOW if window(words) else FULL
    return CHUNK if "chunked" in name and words.has("attention_chunk_size") else FULL


def _state_of_type(name: str, words: Words, family: Family) -> str:
    """Return the kind of a layer that keeps a state; empty for attention."""
    if "linear" in name or "recurrent" in name:
        if family.is_one_of("minimax", "minimax_m1"):
            return "lightning"
        return "kda" if words.has("linear_num_heads", "linear_attn_config") else "delta"
    if "mamba" in name:
        return _mamba(words)
    return "conv" if "conv" in name else ""


def _cross_layers(words: Words, _family: Family) -> Mixers | None:
    cross = words.items("cross_attention_layers")
    return (lambda index: ("cross",) if index in cross else (FULL,)) if cross else None


def _full_indices(words: Words, _family: Family) -> Mixers | None:
    full = words.items("full_attn_idxs")
    return (lambda index: (FULL,) if index in full else ("conv",)) if full else None


def _full_interval(words: Words, _family: Family) -> Mixers | None:
    period = words.integer("full_attention_interval")
    return (lambda i: (FULL,) if (i + 1) % period == 0 else ("delta",)) if period else None


def _chunks(words: Words, family: Family) -> Mixers | None:
    if not words.has("attention_chunk_size") or not family.is_one_of("llama4", "llama4_text"):
        return None
    chunked = words.items("no_rope_layers")
    if chunked:
        return lambda index: (CHUNK,) if chunked[index % len(chunked)] else (FULL,)
    return lambda index: (FULL,) if (index + 1) % _ONE_IN_FOUR == 0 else (CHUNK,)


def _linear_groups(words: Words, _family: Family) -> Mixers | None:
    group = words.integer("layer_group_size")
    if not group or not words.has("linear_num_heads", "linear_attn_config"):
        return None
    return lambda index: (FULL,) if (index + 1) % group == 0 else ("kda",)


def _windows(words: Words, family: Family) -> Mixers | None:
    if not window(words):
        return None
    pattern = words.raw("sliding_window_pattern", "_sliding_window_pattern")
    if isinstance(pattern, str) and pattern:
        return lambda index: (WINDOW,) if pattern[index % len(pattern)] in "Ll" else (FULL,)
    period = words.integer("sliding_window_pattern", "_sliding_window_pattern")
    if period:
        return lambda index: (FULL,) if (index + 1) % period == 0 else (WINDOW,)
    if family.is_one_of("gemma2"):
        return lambda index: (FULL,) if index % 2 else (WINDOW,)
    first = words.integer("max_window_layers") or 0
    return lambda index: (WINDOW,) if index >= first else (FULL,)


_RULES: tuple[Callable[[Words, Family], Mixers | None], ...] = (
    _all_alike,
    _attention_period,
    _block_types,
    _attention_indices,
    _kda_layers,
    _attention_types,
    _compressed,
    _hybrid_pattern,
    _layer_types,
    _cross_layers,
    _full_indices,
    _full_interval,
    _chunks,
    _linear_groups,
    _windows,
)


def window(words: Words) -> int | None:
    """Return how many tokens windowed layers look back; None where no layer is windowed."""
    off_by_default = words.has("max_window_layers")
    if not words.flag("use_sliding_window", default=not off_by_default):
        return None
    size = words.integer("sliding_window", "sliding_window_size")
    positions = words.integer(*keys.POSITIONS)
    return size if size and (positions is None or size < positions) else None


def _mamba(words: Words) -> str:
    second = words.has("mamba_n_heads", "mamba_num_heads", "mamba_d_head", "mamba_head_dim")
    return "mamba2" if second else "mamba1"


def _experts_in(words: Words, count: int) -> Callable[[int], bool]:
    """Return what tells whether a layer has experts."""
    if (words.integer(*keys.EXPERTS) or 0) <= 1:
        return lambda _index: False
    named = words.items("mlp_layer_types")
    if named:
        return lambda index: "sparse" in str(named[index % len(named)]) or named[index] == "moe"
    frequency = words.raw("moe_layer_freq")
    if isinstance(frequency, list) and frequency:
        return lambda index: bool(frequency[index % len(frequency)])
    listed = words.raw("moe_layers_enum", "moe_layers")
    if listed:
        chosen = {int(n) for n in re.findall(r"\d+", str(listed))}
        return lambda index: index in chosen
    return _by_steps(words, count)


def _by_steps(words: Words, count: int) -> Callable[[int], bool]:
    period = words.integer("expert_layer_period")
    if period:
        offset = words.integer("expert_layer_offset") or 0
        return lambda index: index % period == offset
    step = words.integer("interleave_moe_layer_step")
    if step:
        return lambda index: (index + 1) % step == 0
    first = words.integer(
        *("first_k_dense_replace", "num_dense_layers", "moe_layer_num_skipped"),
        *("moe_layer_start_index", "n_dense_layers", "moe_num_dense_layers"),
    )
    last = words.integer("moe_layer_end_index") if _has_end(words) else count - 1
    interval = words.integer("moe_layer_interval", "decoder_sparse_step", "moe_every_n_layers") or 1
    every = words.integer("moe_layer_freq") or 1
    never = {int(n) for n in words.items("mlp_only_layers") or () if isinstance(n, int)}
    return lambda index: (
        (first or 0) <= index <= (last or 0)
        and (index + 1) % interval == 0
        and index % every == 0
        and index not in never
    )


def _has_end(words: Words) -> bool:
    end = words.raw("moe_layer_end_index")
    return isinstance(end, int) and end >= 0
