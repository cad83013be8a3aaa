"""From what was read to a ``Model``: its fields, and what to warn of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.serving.models import attention, context, feed_forward, keys, ladder, schedule
from planner.serving.models.model import Model

if TYPE_CHECKING:
    from planner.serving.models.counting import Shape
    from planner.serving.models.families import Family
    from planner.serving.models.keys import Words
    from planner.serving.models.ladder import Sized

NOT_KNOWN = "not known"


@dataclass(frozen=True, slots=True)
class Facts:
    """All that was read of a model.

    Attributes:
        words: Of the language model.
        family: Its family.
        shape: The counted model.
        sized: What its weights take.
        towers: Names of vision and audio towers in the configuration.
        told: Whether the user gave the number of weights.
    """

    words: Words
    family: Family
    shape: Shape
    sized: Sized
    towers: tuple[str, ...] = ()
    told: bool = False


def model(facts: Facts, *, name: str, hf_id: str, source: str) -> Model:
    """Return a model from what was read of it.

    Raises:
        KeyProblemError: A key is missing.
    """
    words, family, shape, sized = facts.words, facts.family, facts.shape, facts.sized
    layers = keys.layer_count(words)
    heads = _heads(facts)
    mixture = feed_forward.experts(words, family)
    latent = attention.is_latent(words)
    windowed = [cache for cache in shape.caches if cache.window is not None]
    full = sum(schedule.FULL in layer.mixers for layer in shape.layers)
    dense = sum(layer.feed_forward != "moe" for layer in shape.layers)
    return Model(
        name=name,
        aliases=(),
        hf_id=hf_id,
        params_b=shape.parameters / 1e9,
        active_params_b=shape.passed / 1e9,
        layers=layers,
        hidden=words.need(*keys.HIDDEN),
        intermediate=feed_forward.dense_width(words, family),
        heads=heads.queries,
        kv_heads=heads.keys,
        head_dim=None if latent else heads.key_width,
        vocab=words.integer(*keys.VOCABULARY) or 0,
        max_context=context.longest(words, family) or context.NOT_NAMED,
        attention=_kind(facts, heads),
        kv_lora_rank=words.integer("kv_lora_rank") if latent else None,
        qk_rope_head_dim=words.integer("qk_rope_head_dim") if latent else None,
        moe_experts=mixture.count if mixture else None,
        moe_active=mixture.active if mixture else None,
        moe_intermediate=mixture.width if mixture else None,
        shared_experts=(mixture.shared or None) if mixture else None,
        dense_layers=dense if mixture else None,
        sliding_window=windowed[0].window if windowed else None,
        full_attention_every=len(shape.layers) // full if windowed and full else None,
        tied_embeddings=family.tied,
        native_precision=sized.precision,
        fp16_safe=family.fp16_safe,
        license=NOT_KNOWN,
        gated=NOT_KNOWN,
        source=source,
        parts=sized.parts,
        caches=shape.caches,
        loaded_bytes=sized.loaded,
        files_bytes=sized.files,
        quantization=sized.quantization,
        family=family.name,
        evidence=sized.evidence,
        warnings=tuple(_warnings(facts)),
    )


def _heads(facts: Facts) -> attention.Heads:
    """Return the heads; those of the state where a model has no attention at all."""
    words = facts.words
    if words.has(*keys.HEADS):
        return attention.heads(words, facts.family)
    split = words.integer("num_heads", "mamba_num_heads") or 2 * words.need(*keys.HIDDEN)
    return attention.Heads(split, split, 1, 1)


def _kind(facts: Facts, heads: attention.Heads) -> str:
    mixers = {mixer for layer in facts.shape.layers for mixer in layer.mixers}
    if not mixers & {*schedule.ATTENTION, "compressed"}:
        return "none"
    if attention.is_latent(facts.words):
        return "MLA"
    return "MHA" if heads.keys == heads.queries else "GQA"


def _warnings(facts: Facts) -> list[str]:
    words, family, shape = facts.words, facts.family, facts.shape
    found = list(facts.sized.warnings)
    if facts.told:
        found.append("the number of weights is the one given; every layer is taken as a full one")
    if not family.known:
        name = f"the family {family.unknown!r}" if family.unknown else "the model's family"
        found.append(f"{name} is not one that planner knows: counted by the usual names of keys")
    if context.longest(words, family) is None and _kind(facts, _heads(facts)) != "none":
        found.append("no key says the longest context: 2,048 tokens, as vLLM plans it")
    sized = {module.path for module in shape.modules if module.part == "tower"}
    measured = sized == {ladder.MEASURED_TOWERS}
    if sized and not measured:
        found.append(f"towers are sized by rule, within a tenth: {', '.join(sorted(sized))}")
    if not words.has(*keys.DENSE_WIDTH, *keys.WIDTH) and _is_wide(shape):
        found.append("no key says the width of the feed-forward layers: four times the hidden size")
    if words.inner("quantization_config").has("quantized_layers") and _is_fp8(facts):
        found.append("modules that quantized_layers does not name are taken as fp8, their base")
    if words.has("per_layer_config"):
        found.append("layers differ by per_layer_config: each is read by its own keys")
    unseen = () if measured else facts.towers
    left_out = [name for name in unseen if name not in sized and _is_large(name)]
    if left_out:
        found.append(f"a tower without depth and width is not counted: {', '.join(left_out)}")
    if any(cache.kind == schedule.CHUNK for cache in shape.caches):
        found.append(
            "vLLM keeps a full-length cache of chunked layers unless its hybrid manager is on"
        )
    return found


def _is_fp8(facts: Facts) -> bool:
    quantization = facts.sized.quantization
    return quantization is not None and quantization.method == "fp8"


def _is_wide(shape: Shape) -> bool:
    return any(module.part == "feed_forward" for module in shape.modules)


def _is_large(name: str) -> bool:
    return not any(word in name for word in ("token", "processor", "projector", "generation"))
