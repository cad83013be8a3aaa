"""What the fields of a quantization say, before it is held to a model's modules."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from planner.serving.models.model import Quantization

PLAIN = 16.0
MXFP4_BITS = 4 + 8 / 32
MXFP8_BITS = 8 + 8 / 32
NVFP4_BITS = 4 + 8 / 16
SCALE_BITS = 16
EVERY_PART = ("attention", "latent", "feed_forward", "experts", "shared_experts", "mixer")


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a method's fields say.

    Attributes:
        quantization: For people and for the choice of an engine.
        excluded: Names of modules that stay as they are.
        layers: Names of modules with the bits that they have.
        only: Names of the only modules that are quantized.
        part_bits: Bits of whole parts.
        table_bits: Of the input table.
        head_bits: Of the output head.
        tower_bits: Of towers.
    """

    quantization: Quantization
    excluded: tuple[str, ...] = ()
    layers: tuple[tuple[str, float], ...] = ()
    only: tuple[str, ...] = ()
    part_bits: Mapping[str, float] = field(default_factory=dict)
    table_bits: float = PLAIN
    head_bits: float = PLAIN
    tower_bits: float = PLAIN

    def with_experts(self, bits: float, form: str) -> Parsed:
        """Return the same with experts of another width."""
        quantization = replace(self.quantization, form=form)
        return replace(self, quantization=quantization, part_bits={"experts": bits})
