"""How wide the weights of a quantized checkpoint are, module by module, from its own fields.

A method that nobody knows is never taken for 16 bits: its width is not known, and the caller
measures the files or asks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from planner.serving.models import methods
from planner.serving.models.keys import Words
from planner.serving.models.parsed import MXFP4_BITS, PLAIN
from planner.serving.models.patterns import Patterns, spelled

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from planner.serving.models.model import Quantization
    from planner.serving.models.modules import Module


@dataclass(frozen=True, slots=True)
class Rules:
    """Bits of every module of a checkpoint.

    Attributes:
        bits: Of a quantized weight with its scales; None where the method is not known.
        excluded: Modules that stay as they are.
        groups: Modules that have a width of their own; the first match counts.
        only: Where given, no other module is quantized.
        part_bits: Width of some parts (``experts``), whatever the method says of the rest.
        table_bits: Of the input table, where the method quantizes it.
        head_bits: Of the output head, where the method quantizes it.
        tower_bits: Of towers.
    """

    bits: float | None
    excluded: Patterns = field(default_factory=lambda: Patterns(()))
    groups: tuple[tuple[Patterns, float], ...] = ()
    only: Patterns | None = None
    part_bits: Mapping[str, float] = field(default_factory=dict)
    table_bits: float = PLAIN
    head_bits: float = PLAIN
    tower_bits: float = PLAIN

    def of(self, module: Module) -> float | None:
        """Return the bits of a weight of a module; None where they are not known."""
        path = spelled(module.path)
        named = next((bits for listed, bits in self.groups if listed.match(path)), None)
        if not module.linear:
            whole = {"embeddings": self.table_bits, "head": self.head_bits}
            plain = self.tower_bits if module.part == "tower" else PLAIN
            is_head = module.part == "head"
            return named if is_head and named else whole.get(module.part, plain)
        if named is not None:
            return named
        if self.only is not None and not self.only.match(path):
            return PLAIN
        if self.excluded.match(path):
            return PLAIN
        return self.part_bits.get(module.part, self.bits)


def read(
    config: Mapping[str, Any], beside: Mapping[str, Mapping[str, Any]]
) -> tuple[Quantization, Rules] | None:
    """Return how a checkpoint is quantized; None for plain 16-bit or 32-bit weights.

    Args:
        config: The whole configuration.
        beside: Contents of ``hf_quant_config.json`` and ``quantize_config.json``, by file name.
    """
    found = _written(config, beside)
    if found is None:
        return None
    method = methods.name_of(found)
    parsed = methods.parse(method, found)
    if config.get("expert_dtype") == "fp4" and method == "fp8" and not parsed.layers:
        parsed = parsed.with_experts(MXFP4_BITS, "mxfp4")
    return parsed.quantization, Rules(
        bits=parsed.quantization.bits,
        excluded=Patterns(parsed.excluded),
        groups=tuple((Patterns(names), bits) for names, bits in _grouped(parsed.layers)),
        only=Patterns(parsed.only) if parsed.only else None,
        part_bits=parsed.part_bits,
        table_bits=parsed.table_bits,
        head_bits=parsed.head_bits,
        tower_bits=parsed.tower_bits,
    )


def _grouped(layers: Iterable[tuple[str, float]]) -> list[tuple[list[str], float]]:
    groups: dict[float, list[str]] = {}
    for name, bits in layers:
        groups.setdefault(bits, []).append(name)
    return [(names, bits) for bits, names in groups.items()]


def _written(config: Mapping[str, Any], beside: Mapping[str, Mapping[str, Any]]) -> Words | None:
    """Return the quantization where it is written first, completed by the file beside it."""
    text = next(
        (v for k in ("text_config", "llm_config") if isinstance(v := config.get(k), dict)), {}
    )
    places = (config.get("quantization_config"), text.get("quantization_config"))
    old_places = (config.get("compression_config"), config.get("quantization"))
    own = next((p for p in (*places, *old_places) if isinstance(p, dict) and p), None)
    modelopt = beside.get("hf_quant_config.json") or {}
    inner = modelopt.get("quantization")
    flat = {k: v for k, v in modelopt.items() if k != "quantization"}
    modelopt = {**flat, **inner} if isinstance(inner, dict) else flat
    if own is not None:
        return Words({**modelopt, **own} if modelopt else own)
    if modelopt:
        return Words({"quant_method": "modelopt", **modelopt})
    old = beside.get("quantize_config.json") or {}
    if old:
        method = "awq" if "zero_point" in old or "w_bit" in old else "gptq"
        return Words({"quant_method": method, **old})
    aqlm = config.get("aqlm")
    return Words({"quant_method": "aqlm", **aqlm}) if isinstance(aqlm, dict) and aqlm else None
