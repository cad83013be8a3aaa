"""From a configuration to modules and caches: every layer by its kind, nothing by the average."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from planner.serving.models import attention, feed_forward, keys, schedule, state_space, towers
from planner.serving.models.modules import Module, plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from planner.serving.models.families import Family
    from planner.serving.models.keys import Words
    from planner.serving.models.model import Cache
    from planner.serving.models.schedule import Layer


# Lists of whole numbers that say of which kind a layer is, and nothing of its shape.
_SCHEDULES = {
    *("moe_layer_freq", "hybrid_layer_pattern", "attn_type_list", "mlp_only_layers", "moe_layers"),
    *("no_rope_layers", "attn_layer_indices", "full_attn_idxs", "cross_attention_layers"),
    *("eos_token_id", "deepstack_visual_indexes"),
}
_ONE_BY_ONE = (
    *("per_layer_config", "num_kv_shared_layers", "indexer_types", "sparse_attention_config"),
    *("compress_ratios", "block_configs", "planner_layers"),
)


@dataclass(frozen=True, slots=True)
class Shape:
    """A counted model.

    Attributes:
        layers: In their order.
        modules: All weights.
        caches: What the layers keep of a sequence, by kind.
    """

    layers: tuple[Layer, ...]
    modules: tuple[Module, ...]
    caches: tuple[Cache, ...]

    @property
    def parameters(self) -> int:
        """All weights that an engine loads."""
        return sum(module.parameters for module in self.modules)

    @property
    def passed(self) -> int:
        """Weights less those of experts that a token is not routed to."""
        return self.parameters - sum(module.idle for module in self.modules)


def count(words: Words, family: Family, beside: Mapping[str, Words]) -> Shape:
    """Return the shape of a model.

    Args:
        words: Of the language model, completed by its family.
        family: Its family.
        beside: The words of its vision and audio towers.

    Raises:
        KeyProblemError: A key is missing, or cannot be read.
    """
    layers = tuple(schedule.layers(words, family))
    kept: list[Cache] = []
    modules = [*_tables(words, family), *towers.modules(beside, words.need(*keys.HIDDEN))]
    alike = not _differ(words)
    seen: dict[Layer, tuple[list[Module], list[Cache]]] = {}
    for layer in layers:
        kind = replace(layer, index=0) if alike else layer
        if kind not in seen:
            own = _of_layer(words, layer.index)
            seen[kind] = (
                list(_layer(own, family, layer)),
                list(_kept(own, family, layer)),
            )
        own_modules, own_caches = seen[kind]
        modules += [_moved(module, layer.index) for module in own_modules]
        kept += own_caches
    return Shape(layers, tuple(modules), tuple(_summed(kept)))


def _differ(words: Words) -> bool:
    """Tell whether layers of one kind may have different shapes, so that each must be read."""
    listed = any(
        isinstance(value, list) and value and isinstance(value[0], int)
        for name, value in words.values.items()
        if name not in _SCHEDULES
    )
    return listed or words.has(*_ONE_BY_ONE)


def _moved(module: Module, index: int) -> Module:
    """Return a module of one layer as that of another one."""
    rest = module.path.split(".", 2)[2]
    path = f"layers.{index}.{rest}"
    if path == module.path:
        return module
    return Module(path, module.parameters, module.part, linear=module.linear, idle=module.idle)


def told(words: Words, family: Family, parameters: int) -> Shape:
    """Return the shape of a model whose weights the user counts: every layer with attention.

    The cache is an upper bound then, where some layers keep less.

    Raises:
        KeyProblemError: Layers, heads or widths are missing.
    """
    layers = tuple(
        schedule.Layer(index, (schedule.FULL,), "dense") for index in range(keys.layer_count(words))
    )
    kept = [cache for layer in layers for cache in attention.caches(words, family, layer)]
    table = (words.integer(*keys.VOCABULARY) or 0) * words.need(*keys.HIDDEN)
    head = 0 if family.tied else table
    rest = max(parameters - table - head, 0)
    modules = (
        *plain("embed_tokens", "embeddings", table),
        *plain("lm_head", "head", head),
        Module("layers", rest, "feed_forward"),
    )
    return Shape(layers, modules, tuple(_summed(kept)))


def _of_layer(words: Words, index: int) -> Words:
    """Return the words of one layer: lists give its item, ``per_layer_config`` its own keys."""
    own = words.at(index)
    table = words.raw("per_layer_config")
    entry = None
    if isinstance(table, dict):
        entry = next((table[k] for k in (f"{index:02d}", str(index)) if k in table), None)
    by_layer = {
        name.removesuffix("_per_layer"): values[index]
        for name, values in words.values.items()
        if name.endswith("_per_layer") and isinstance(values, list) and len(values) > index
    }
    if not by_layer and not isinstance(entry, dict):
        return own
    return replace(own, values={**words.values, **by_layer, **(entry or {})})


def _tables(words: Words, family: Family) -> Iterator[Module]:
    hidden, vocabulary = words.need(*keys.HIDDEN), words.need(*keys.VOCABULARY)
    narrow = words.integer("word_embed_proj_dim") or hidden
    table = vocabulary * narrow
    yield from plain("embed_tokens", "embeddings", table)
    yield from plain("lm_head", "head", 0 if family.tied else table)
    if narrow != hidden:
        yield from plain("project_in", "embeddings", 2 * hidden * narrow)
    if family.learned_positions:
        yield from plain("embed_positions", "embeddings", (_positions(words)) * hidden)
    each = words.integer("hidden_size_per_layer_input") or 0
    if each:
        layers = keys.layer_count(words)
        rows = words.integer("vocab_size_per_layer_input") or vocabulary
        size = rows * each * layers + hidden * each * layers + 2 * hidden * each * layers
        yield from plain("embed_tokens_per_layer", "embeddings", size)
    yield from plain("norm", "norms", hidden)


def _positions(words: Words) -> int:
    return words.integer(*keys.POSITIONS) or 0


def _layer(words: Words, family: Family, layer: Layer) -> Iterator[Module]:
    where = f"layers.{layer.index}"
    together = "mixer" if family.is_one_of("nemotron_h") else ""
    for mixer in layer.mixers:
        if mixer in schedule.ATTENTION:
            yield from attention.modules(words, family, layer, f"{where}.{together or 'self_attn'}")
        elif mixer == "compressed":
            yield from attention.compressed_modules(words, layer, f"{where}.self_attn")
        else:
            name = together or ("linear_attn" if mixer == "delta" else "self_attn")
            name = "mamba" if mixer.startswith("mamba") and not together else name
            yield from state_space.modules(words, mixer, f"{where}.{name}")
    if layer.feed_forward != "none":
        yield from feed_forward.modules(words, family, layer, f"{where}.{together or 'mlp'}")
    yield from plain(f"{where}.layernorm", "norms", 2 * words.need(*keys.HIDDEN))


def _kept(words: Words, family: Family, layer: Layer) -> Iterator[Cache]:
    for mixer in layer.mixers:
        if mixer in schedule.ATTENTION:
            yield from attention.caches(words, family, layer)
        elif mixer == "compressed":
            yield from attention.compressed_caches(words, layer)
        else:
            kept = state_space.cache(words, mixer)
            if kept.state_bytes:
                yield kept


def _summed(caches: Iterable[Cache]) -> list[Cache]:
    """Return one cache for all layers that keep the same."""
    return [replace(cache, layers=layers) for cache, layers in Counter(caches).items()]
