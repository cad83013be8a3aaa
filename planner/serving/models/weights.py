"""What the weights of a model take on GPUs, at the checkpoint's own precision or another one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from planner.serving import precision as precisions

if TYPE_CHECKING:
    from planner.serving.models.model import Model, Part

TABLES = ("embeddings", "head")
_SIXTEEN_BITS = {"bf16", "fp16"}


def loaded_bytes(model: Model, precision: str) -> float:
    """Return what an engine loads of all weights at a precision, in bytes.

    At the checkpoint's own precision that is what the checkpoint holds, module by module. At
    another one, the linear layers take that precision's width with its scales; tables, norms and
    routers keep 16 bits, as published checkpoints keep them.

    Raises:
        UnknownNameError: No such precision.
    """
    wanted = precisions.get(precision)
    if model.loaded_bytes is not None and is_native(model, wanted.name):
        return model.loaded_bytes
    return sum(part.stored_bytes for part in at_precision(model, precision))


def table_bytes(model: Model, precision: str) -> float:
    """Return what the input table and the output head take, in bytes, at a precision.

    Raises:
        UnknownNameError: No such precision.
    """
    native = is_native(model, precisions.get(precision).name)
    tables = (part for part in model.parts if part.name in TABLES)
    return sum(part.stored_bytes if native else part.parameters * 2.0 for part in tables)


def at_precision(model: Model, precision: str) -> tuple[Part, ...]:
    """Return the parts as a checkpoint of another precision stores them.

    Raises:
        UnknownNameError: No such precision.
    """
    wanted = precisions.get(precision)
    experts = wanted.experts_only and any(part.name == "experts" for part in model.parts)
    return tuple(
        replace(part, stored_bytes=_part_bytes(part, wanted.bits, experts_only=experts))
        for part in model.parts
    )


def is_native(model: Model, precision: str) -> bool:
    """Tell whether a precision is what the checkpoint holds: both 16-bit types are one width."""
    own = model.native_precision
    return precision == own or {precision, own} <= _SIXTEEN_BITS


def _part_bytes(part: Part, bits: float, *, experts_only: bool) -> float:
    takes_it = part.linear and (part.name == "experts" or not experts_only)
    return part.parameters * (bits if takes_it else 16) / 8
