"""Vision and audio towers beside a language model: about their size, within a tenth.

A tower is one percent of most models. Its keys differ too much to be exact by rule; the headers
of the weight files make it exact where they are at hand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.serving.models import keys
from planner.serving.models.modules import Module

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from planner.serving.models.keys import Words

_DEPTH = (
    *("depth", "num_hidden_layers", "vt_num_hidden_layers", "layers", "n_layers"),
    *("encoder_layers", "num_layers", "n_layer"),
)
_WIDTH = ("embed_dim", "vt_hidden_size", "hidden_size", "width", "d_model", "dim", "hidden_dim")
_INNER = (
    *("vt_intermediate_size", "intermediate_size", "encoder_ffn_dim", "ffn_dim"),
    *("mlp_hidden_size", "hidden_dim"),
)
_MERGE = ("spatial_merge_size", "merge_size")
_GATED = {"silu", "swiglu", "swish"}
_DEFAULTS = {"siglip_vision_model": {"intermediate_size": 4304, "patch_size": 14}}
# Their intermediate_size is the merger's; blocks are as wide as what they put out.
_GATED_MERGERS = {"glm4v_vision", "glm4v_moe_vision"}
_CHANNELS = 3


def modules(towers: Mapping[str, Words], hidden: int) -> Iterator[Module]:
    """Yield one module for each tower that has a depth and a width, with its projector.

    Args:
        towers: Their words by the key they stand under.
        hidden: Hidden size of the language model that they feed.
    """
    for name, found in towers.items():
        words = _completed(found)
        size = _size(words, hidden)
        if size:
            yield Module(name, size, "tower", linear=False, idle=size)


def _completed(words: Words) -> Words:
    inner = next((v for v in words.values.values() if _is_tower(v)), None)
    values = dict(inner if inner is not None and not words.has(*_DEPTH) else words.values)
    return keys.Words({**_DEFAULTS.get(str(values.get("model_type")), {}), **values})


def _is_tower(value: object) -> bool:
    return isinstance(value, dict) and any(value.get(k) for k in _DEPTH)


def _size(words: Words, hidden: int) -> int:
    try:
        depth, width = words.integer(*_DEPTH) or 0, words.integer(*_WIDTH) or 0
        if not depth or not width:
            return 0
        inner = _inner(words, width)
        block = 4 * width * width + _matrices(words) * width * inner
        return depth * block + _projector(words, width, hidden) + _patches(words, width)
    except keys.KeyProblemError:
        return 0


def _inner(words: Words, width: int) -> int:
    if words.text("model_type") in _GATED_MERGERS:
        return words.integer("out_hidden_size") or 4 * width
    ratio = words.number("mlp_ratio")
    return words.integer(*_INNER) or round((ratio or 4.0) * width)


def _matrices(words: Words) -> int:
    return 3 if words.text("hidden_act", "hidden_activation", "activation") in _GATED else 2


def _projector(words: Words, width: int, hidden: int) -> int:
    out = words.integer("out_hidden_size") or hidden
    merge = words.integer(*_MERGE) or 0
    kernel = words.items("merge_kernel_size")
    if kernel and isinstance(kernel[0], int):
        merge = kernel[0]
    if not merge:
        return width * hidden + (hidden * hidden if words.has("num_mel_bins") else 0)
    if words.text("model_type") in _GATED_MERGERS:
        inner = words.integer("intermediate_size") or 4 * out
        return out * out + 3 * out * inner + merge * merge * width * out
    merged = width * merge * merge
    levels = 1 + len(words.items("deepstack_visual_indexes") or ())
    return levels * (merged * merged + merged * out)


def _patches(words: Words, width: int) -> int:
    """Return the patch embedding and the table of positions."""
    patch, image = words.integer("patch_size") or 0, words.integer("image_size") or 0
    pixels = _CHANNELS * patch * patch * (words.integer("temporal_patch_size") or 1)
    positions = (image // patch) ** 2 if patch and image else 0
    return width * (pixels + positions)
