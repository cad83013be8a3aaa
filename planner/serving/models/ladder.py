"""The ladder of evidence for weights: files over an index, an index over a count, never mixed up.

An index may lie: its total may be missing, a count of parameters, of 32-bit files, or a copy of
the base model's. So what it says is held against the count before it is believed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from planner.serving.models.model import Part, Quantization
from planner.serving.models.modules import Module

if TYPE_CHECKING:
    from collections.abc import Iterable

    from planner.serving.models.counting import Shape
    from planner.serving.models.files import Tensor, WeightFiles
    from planner.serving.models.quantization import Rules

MEASURED_TOWERS = "towers"
FILES, INDEX, CONFIG, TABLE = "files", "index", "config", "table"
_PLAIN_BITS = 16.0
_AGREES = (0.97, 1.06)
_IS_A_COUNT = (0.485, 0.515)
_IS_32_BITS = (1.94, 2.13)
_IS_QUANTIZED = 0.8
_DISAGREES = 0.05
_MOST_TOWER = 0.7  # of the language model: more is another width, not a tower
_FORMS = {
    "fp8": "fp8",
    "mxfp8": "fp8",
    "nvfp4": "fp4",
    "mxfp4": "mxfp4",
    "int8": "int8",
    "w8a16": "int8",
}
_FOUR_BITS, _EIGHT_BITS = 6.0, 12.0


@dataclass(frozen=True, slots=True)
class Sized:
    """What the weights take, and on what evidence.

    Attributes:
        loaded: Bytes that an engine puts on GPUs; None where the width is not known.
        files: Bytes of the files; None where not known.
        evidence: The rung that ``loaded`` stands on.
        quantization: Of the checkpoint.
        precision: The precision it comes nearest to; empty where not known.
        parts: The weights by sort.
        warnings: Where two rungs disagree, and what was not believed.
    """

    loaded: float | None
    files: float | None
    evidence: str
    quantization: Quantization | None
    precision: str
    parts: tuple[Part, ...]
    warnings: tuple[str, ...]


def settle(
    shape: Shape,
    found: tuple[Quantization, Rules] | None,
    files: WeightFiles,
    *,
    stored: str,
    tied: bool,
) -> Sized:
    """Return what the weights take by the best evidence there is.

    Args:
        shape: The counted model.
        found: The quantization that the configuration names.
        files: What the weight files say.
        stored: The type of unquantized weights: ``float32``, ``float16``, ``bfloat16``.
        tied: Whether the input table is the output head.
    """
    if found is not None:
        return _quantized(shape, found, files, stored, tied=tied)
    return _plain(shape, files, stored, tied=tied)


def with_measured_towers(shape: Shape, files: WeightFiles, *, tied: bool) -> Shape:
    """Return the shape with towers that take what 16-bit files hold beside the language model.

    The keys of towers differ too much to count them; the bytes of the files make them exact.
    """
    if files.size is None:
        return shape
    others = tuple(module for module in shape.modules if module.part != "tower")
    counted = sum(module.parameters for module in others)
    table = sum(m.parameters for m in others if m.part == "embeddings")
    copied = table if tied and files.has_head else 0
    towers = files.size // 2 - counted - copied
    if not 0 < towers < _MOST_TOWER * counted:
        return shape
    return replace(
        shape,
        modules=(*others, Module(MEASURED_TOWERS, towers, "tower", linear=False, idle=towers)),
    )


def _plain(shape: Shape, files: WeightFiles, stored: str, *, tied: bool) -> Sized:
    """Return the size of weights that name no quantization: engines load them in 16 bits."""
    counted = shape.parameters * 2.0
    precision = "fp16" if stored == "float16" else "bf16"
    parts = by_part(shape, None)
    plain = Sized(counted, None, CONFIG, None, precision, parts, files.warnings)
    if files.size is None:
        width = 2 if stored == "float32" else 1
        return replace(plain, files=counted * width)
    ratio = files.size / counted
    extra = _unloaded(files.tensors, shape, tied=tied)
    is_index = files.evidence == INDEX
    if is_index and _within(ratio, _IS_A_COUNT):
        note = "the total of the index is a count of parameters, not of bytes"
        return replace(plain, files=counted, warnings=(*files.warnings, note))
    if _within(ratio, _IS_32_BITS) or _all_32_bits(files.tensors):
        note = "the files are 32-bit: engines load them in 16 bits"
        warnings = (*files.warnings, note)
        return replace(plain, files=files.size, evidence=files.evidence, warnings=warnings)
    if ratio < _IS_QUANTIZED:
        return _measured(shape, files, Quantization("not named", None))
    loaded = files.size - extra
    if _within(loaded / counted, _AGREES) or _is_stored_twice(files.size, shape, tied=tied):
        return replace(plain, files=files.size, evidence=files.evidence)
    note = _disagreement(files, loaded, counted)
    return Sized(
        float(loaded),
        files.size,
        files.evidence,
        None,
        precision,
        scaled(parts, loaded),
        (*files.warnings, note),
    )


def _quantized(
    shape: Shape,
    found: tuple[Quantization, Rules],
    files: WeightFiles,
    stored: str,
    *,
    tied: bool,
) -> Sized:
    """Return the size of quantized weights: what the files hold and an engine loads."""
    quantization, rules = found
    parts = by_part(shape, rules)
    ruled = None if rules.bits is None else sum(part.stored_bytes for part in parts)
    if files.size is None:
        if ruled is None:
            note = (
                f"the quantization method {quantization.method!r} is not known, and no weight"
                " files are here to measure: the width of the weights is not known"
            )
            return Sized(None, None, CONFIG, quantization, "", parts, (*files.warnings, note))
        precision = nearest(quantization, parts, stored)
        return Sized(ruled, ruled, CONFIG, quantization, precision, parts, files.warnings)
    if ruled is None:
        return _measured(shape, files, quantization)
    precision = nearest(quantization, parts, stored)
    whole = shape.parameters * 2.0
    if files.evidence == INDEX and ruled < _IS_QUANTIZED * whole < files.size:
        note = "the total of the index is that of the 16-bit base model: not believed"
        return Sized(ruled, None, CONFIG, quantization, precision, parts, (*files.warnings, note))
    if files.evidence == INDEX and files.size < ruled / 2:
        note = _disagreement(files, files.size, ruled)
        return Sized(ruled, None, CONFIG, quantization, precision, parts, (*files.warnings, note))
    loaded = float(files.size - _unloaded(files.tensors, shape, tied=tied))
    warnings = files.warnings
    if abs(loaded - ruled) > _DISAGREES * ruled:
        warnings = (*warnings, _disagreement(files, loaded, ruled))
    return Sized(
        loaded,
        files.size,
        files.evidence,
        quantization,
        precision,
        scaled(parts, loaded),
        warnings,
    )


def _measured(shape: Shape, files: WeightFiles, quantization: Quantization) -> Sized:
    """Return the size of weights whose method does not say their width: that of the files."""
    size = float(files.size or 0)
    tables = sum(m.parameters for m in shape.modules if not m.linear)
    linear = max(shape.parameters - tables, 1)
    bits = max((size - 2.0 * tables) * 8 / linear, size * 8 / shape.parameters / 2)
    measured = replace(quantization, bits=round(bits, 3))
    note = (
        f"the weights are quantized by a method that is {_how(quantization.method)}: the files"
        f" give {size * 8 / shape.parameters:.1f} bits a weight"
    )
    parts = scaled(by_part(shape, None), size)
    precision = nearest(measured, parts, "")
    warnings = (*files.warnings, note)
    return Sized(size, size, files.evidence, measured, precision, parts, warnings)


def _how(method: str) -> str:
    return "not named" if method == "not named" else f"not known ({method})"


def by_part(shape: Shape, rules: Rules | None) -> tuple[Part, ...]:
    """Return the weights by sort, with their bytes as a checkpoint stores them."""
    sums: dict[str, tuple[int, float, bool]] = {}
    for module in shape.modules:
        bits = (rules.of(module) if rules else None) or _PLAIN_BITS
        parameters, size, linear = sums.get(module.part, (0, 0.0, False))
        sums[module.part] = (
            parameters + module.parameters,
            size + module.parameters * bits / 8,
            linear or module.linear,
        )
    return tuple(Part(name, *values) for name, values in sums.items())


def nearest(quantization: Quantization, parts: Iterable[Part], stored: str) -> str:
    """Return the precision that most quantized weights come nearest to."""
    linear = [part for part in parts if part.linear and part.parameters]
    largest = max(linear, key=lambda part: part.parameters, default=None)
    width = largest.stored_bytes * 8 / largest.parameters if largest else quantization.bits
    bits = quantization.bits if width is None else width
    form = _FORMS.get(quantization.form)
    if quantization.method != "bitsandbytes" and form is not None:
        return form
    if bits is None or bits >= _EIGHT_BITS:
        return "fp16" if stored == "float16" else "bf16"
    return "int4" if bits < _FOUR_BITS else "int8"


def scaled(parts: Iterable[Part], loaded: float) -> tuple[Part, ...]:
    """Return the parts with linear weights scaled so that all of them are what is loaded."""
    listed = tuple(parts)
    linear = sum(part.stored_bytes for part in listed if part.linear)
    plain = sum(part.stored_bytes for part in listed if not part.linear)
    if linear <= 0 or loaded <= plain:
        share = loaded / (linear + plain) if linear + plain else 1.0
        return tuple(replace(part, stored_bytes=part.stored_bytes * share) for part in listed)
    share = (loaded - plain) / linear
    return tuple(
        replace(part, stored_bytes=part.stored_bytes * share) if part.linear else part
        for part in listed
    )


def _unloaded(tensors: Iterable[Tensor], shape: Shape, *, tied: bool) -> int:
    """Return the bytes of tensors that engines do not load: prediction layers, a copied head."""
    return sum(
        tensor.size
        for tensor in tensors
        if (tensor.layer or 0) >= len(shape.layers)
        or tensor.name.startswith(("mtp.", "model.mtp."))
        or (tied and tensor.name.endswith("lm_head.weight"))
    )


def _all_32_bits(tensors: tuple[Tensor, ...]) -> bool:
    return bool(tensors) and all(tensor.kind == "F32" for tensor in tensors)


def _is_stored_twice(size: float, shape: Shape, *, tied: bool) -> bool:
    """Tell whether the files hold a copy of a tied head beside the input table."""
    table = sum(m.parameters for m in shape.modules if m.part == "embeddings")
    return tied and _within(size / (2.0 * (shape.parameters + table)), _AGREES)


def _disagreement(files: WeightFiles, said: float, counted: float) -> str:
    by = "the weight files hold" if files.evidence == FILES else "the index says"
    return (
        f"{by} {said / 1e9:.1f} GB, the configuration counts {counted / 1e9:.1f} GB"
        f" ({(said - counted) / counted:+.0%})"
    )


def _within(value: float, bounds: tuple[float, float]) -> bool:
    return bounds[0] <= value <= bounds[1]
