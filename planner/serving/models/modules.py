"""Weights by module: the names that checkpoints use, so that a quantization can be held to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Module:
    """Weights that stand under one name.

    Attributes:
        path: Such as ``layers.3.self_attn.q_proj``; of experts, the first one stands for all.
        parameters: How many weights.
        part: The sort of weights, as in ``Part.name``.
        linear: Whether a quantization method takes it, unless it is told not to.
        idle: Weights that one token does not pass: those of experts it is not routed to.
    """

    path: str
    parameters: int
    part: str
    linear: bool = True
    idle: int = 0


def linears(where: str, part: str, **sizes: int) -> Iterator[Module]:
    """Yield a linear module for each name and size that is not zero."""
    for name, size in sizes.items():
        if size:
            yield Module(f"{where}.{name}", size, part)


def plain(where: str, part: str, size: int) -> Iterator[Module]:
    """Yield a module that no method quantizes (norms, biases, convolutions), where not empty."""
    if size:
        yield Module(where, size, part, linear=False)
