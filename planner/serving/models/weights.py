"""What the weights of a model take on GPUs, at the checkpoint's own precision or another one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from planner.serving import precision as precisions

if TYPE_CHECKING:
    from planner.serving.models.model import Model, Part

TABLES = ("embeddings", "head")
_SIXTEEN_BITS = {"bf16", "fp16"}
# NVFP4 checkpoints of models with MLA leave attention in 16 bits (DeepSeek R1: 94.1 GiB on each
# of four GPUs, logged).
_LEFT_ALONE = ("attention", "latent")
_WHOLE = ("latent", "router", "norms", "adapter")


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


def whole_bytes(model: Model, precision: str) -> float:
    """Return the bytes of weights that every GPU of a layer keeps whole, at a precision.

    Raises:
        UnknownNameError: No such precision.
    """
    native = is_native(model, precisions.get(precision).name)
    parts = model.parts if native else at_precision(model, precision)
    return sum(part.stored_bytes for part in parts if part.name in _WHOLE)


def padding_bytes(model: Model, precision: str, width: int) -> float:
    """Return what an engine adds to experts in MXFP4 so that their shares fit its kernels.

    vLLM rounds the hidden size up to a multiple of 256 and each GPU's share of an expert to one
    of 64: gpt-oss-120b takes 17.2 GiB on each of four GPUs, not 15.2.
    """
    experts = model.part_parameters("experts")
    inner = model.moe_intermediate
    if precisions.get(precision).name != "mxfp4" or not experts or not inner:
        return 0.0
    hidden = _rounded(model.hidden, 256) / model.hidden
    share = _rounded(-(-inner // width), 64) * width / inner
    return experts * precisions.get(precision).bits / 8 * (hidden * share - 1)


def _rounded(size: int, unit: int) -> int:
    return -(-size // unit) * unit


def at_precision(model: Model, precision: str) -> tuple[Part, ...]:
    """Return the parts as a checkpoint of another precision stores them.

    Raises:
        UnknownNameError: No such precision.
    """
    wanted = precisions.get(precision)
    experts = wanted.experts_only and any(part.name == "experts" for part in model.parts)
    left = _LEFT_ALONE if wanted.name == "fp4" and model.kv_lora_rank else ()
    return tuple(
        replace(part, stored_bytes=_part_bytes(part, wanted.bits, experts_only=experts))
        if part.name not in left
        else replace(part, stored_bytes=part.parameters * 2.0)
        for part in model.parts
    )


def is_native(model: Model, precision: str) -> bool:
    """Tell whether a precision is what the checkpoint holds: both 16-bit types are one width."""
    own = model.native_precision
    return precision == own or {precision, own} <= _SIXTEEN_BITS


def _part_bytes(part: Part, bits: float, *, experts_only: bool) -> float:
    takes_it = part.linear and (part.name == "experts" or not experts_only)
    return part.parameters * (bits if takes_it else 16) / 8
