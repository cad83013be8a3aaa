"""Feed-forward of one layer: dense, or a mixture of experts in all its spellings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.serving.models import keys
from planner.serving.models.modules import Module, linears, plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.serving.models.families import Family
    from planner.serving.models.keys import Words
    from planner.serving.models.schedule import Layer


@dataclass(frozen=True, slots=True)
class Experts:
    """A mixture: how many experts, how many a token passes, and the widths.

    ``shared_width`` is that of all shared experts together; ``inner`` is what goes in and out of
    an expert, less than the hidden size where it is compressed first.
    """

    count: int
    active: int
    width: int
    shared: int
    shared_width: int
    inner: int


def experts(words: Words, family: Family) -> Experts | None:
    """Return the mixture of experts of a model or layer; None for a dense one.

    Raises:
        KeyProblemError: A key is missing.
    """
    count = words.integer(*keys.EXPERTS) or 0
    if count <= 1:
        return None
    hidden = words.need(*keys.HIDDEN)
    width = _expert_width(words)
    shared = words.integer(*keys.SHARED_EXPERTS) or 0
    named = words.integer(*keys.SHARED_WIDTH)
    shared_width = named if named is not None else shared * width
    if family.is_one_of("llama4", "llama4_text"):
        shared, shared_width = 1, words.need(*keys.WIDTH)
    active = words.integer(*keys.ACTIVE_EXPERTS)
    inner = words.integer("moe_latent_size", "routed_expert_hidden_size") or hidden
    return Experts(
        count,
        min(active or 1, count),
        width,
        max(shared, 1) if shared_width else 0,
        shared_width,
        inner,
    )


def _expert_width(words: Words) -> int:
    twins = words.raw(*keys.EXPERT_WIDTH)
    if isinstance(twins, list) and words.layer is not None and len(twins) <= words.layer:
        return words.at(0).need(*keys.EXPERT_WIDTH)
    return words.integer(*keys.EXPERT_WIDTH) or words.need(*keys.WIDTH)


def dense_width(words: Words, family: Family) -> int:
    """Return the width of a dense layer.

    Raises:
        KeyProblemError: It cannot be read.
    """
    width = words.integer(*keys.DENSE_WIDTH, *keys.WIDTH)
    if not width:
        return 4 * words.need(*keys.HIDDEN)
    if family.gate_and_up_together:
        return width // 2
    if words.flag("block_auto_adjust_ff_dim"):
        multiple = words.integer("block_multiple_of") or 256
        scaled = int((words.number("block_ffn_dim_multiplier") or 1.0) * int(2 * width / 3))
        return -(-scaled // multiple) * multiple
    return width


def modules(words: Words, family: Family, layer: Layer, where: str) -> Iterator[Module]:
    """Yield the weights of a layer's feed-forward.

    Raises:
        KeyProblemError: A key is missing.
    """
    hidden = words.need(*keys.HIDDEN)
    if layer.feed_forward == "linear":
        yield from linears(where, "feed_forward", linear_mlp=hidden * hidden)
    beside = words.flag("enable_moe_block")
    if layer.feed_forward == "dense" or (layer.feed_forward == "moe" and beside):
        yield from _dense(words, family, layer, where)
    if layer.feed_forward == "moe":
        mixture = experts(words, family)
        if mixture:
            yield from _mixture(words, family, mixture, where)


def _dense(words: Words, family: Family, layer: Layer, where: str) -> Iterator[Module]:
    hidden = words.need(*keys.HIDDEN)
    width = layer.width or dense_width(words, family)
    sharing = words.integer("num_kv_shared_layers") or 0
    shares_cache = sharing and layer.index >= keys.layer_count(words) - sharing
    if shares_cache and words.flag("use_double_wide_mlp"):
        width *= 2
    yield from _matrices(family, where, "feed_forward", hidden * width)
    bias = (width + hidden) * family.ffn_bias
    yield from plain(f"{where}.bias", "feed_forward", bias)


def _mixture(words: Words, family: Family, mixture: Experts, where: str) -> Iterator[Module]:
    hidden = words.need(*keys.HIDDEN)
    idle_share = mixture.count - mixture.active
    one = mixture.inner * mixture.width
    copies = 2 if _has_twins(words) else 1
    for module in _matrices(family, f"{where}.experts.0", "experts", one):
        total = module.parameters * mixture.count
        idle = module.parameters * (copies * mixture.count - mixture.active)
        yield Module(module.path, copies * total, "experts", idle=idle)
    if family.is_one_of("gpt_oss"):
        biases = 2 * mixture.width + hidden
        path = f"{where}.experts.bias"
        idle = idle_share * biases
        yield Module(path, mixture.count * biases, "experts", linear=False, idle=idle)
    if mixture.inner != hidden:
        yield from linears(where, "experts", fc1_latent_proj=2 * hidden * mixture.inner)
    yield from plain(f"{where}.gate", "router", hidden * mixture.count)
    if mixture.shared_width:
        shared = hidden * mixture.shared_width
        yield from _matrices(family, f"{where}.shared_experts", "shared_experts", shared)
    if family.gated_shared_expert:
        yield from plain(f"{where}.shared_expert_gate", "router", hidden)


def _has_twins(words: Words) -> bool:
    """Tell whether each layer has two sets of experts, one for text and one for images."""
    widths = words.raw(*keys.EXPERT_WIDTH)
    two = isinstance(widths, list) and len(widths) == 2  # noqa: PLR2004 - text and images
    return two and keys.layer_count(words) > 2  # noqa: PLR2004 - as above


def _matrices(family: Family, where: str, part: str, size: int) -> Iterator[Module]:
    gate = size if family.matrices == 3 else 0  # noqa: PLR2004 - gate, up and down
    yield from linears(where, part, gate_proj=gate, up_proj=size, down_proj=size)
