"""Methods that give widths to groups or single modules: modelopt and compressed-tensors."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from planner.serving.models.model import Quantization
from planner.serving.models.parsed import (
    EVERY_PART,
    MXFP4_BITS,
    MXFP8_BITS,
    NVFP4_BITS,
    PLAIN,
    SCALE_BITS,
    Parsed,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from planner.serving.models.keys import Words

_OTHER_EXPERT = re.compile(r"experts\.[1-9]")  # the first expert stands for all of a layer


def modelopt(method: str, words: Words) -> Parsed:
    """Return what NVIDIA's modelopt says: one algorithm for all, or one for each module."""
    algorithm = words.text("quant_algo").upper()
    layers = layers_of(words)
    if algorithm == "MIXED_PRECISION" or (layers and not algorithm):
        counted = [bits for _, bits in layers]
        common = max(set(counted), key=counted.count) if counted else None
        form = "nvfp4" if common is not None and common < 8 else "fp8"  # noqa: PLR2004 - bits
        quantization = Quantization(method, common, _group(words, 16), form=form)
        return Parsed(quantization, layers=layers, part_bits=dict.fromkeys(EVERY_PART, PLAIN))
    bits = _algorithm_bits(algorithm, words.raw("group_size"))
    form = _algorithm_form(algorithm)
    group = _group(words, 16 if form == "nvfp4" else 128) if "4" in algorithm else None
    return Parsed(Quantization(method, bits, group, form=form), layers=layers)


def _group(words: Words, usual: int) -> int:
    size = words.raw("group_size")
    return size if isinstance(size, int) and size > 0 else usual


def _algorithm_bits(algorithm: str, group: object) -> float | None:
    size = group if isinstance(group, int) and group > 0 else 128
    if "MXFP8" in algorithm:
        return MXFP8_BITS
    if "MXFP4" in algorithm:
        return MXFP4_BITS
    if "NVFP4" in algorithm or algorithm == "FP4":
        return NVFP4_BITS
    if "W4A" in algorithm or "INT4" in algorithm:
        return 4 + SCALE_BITS / size
    return 8.0 if "8" in algorithm else None


def _algorithm_form(algorithm: str) -> str:
    if "MXFP" in algorithm:
        return "mxfp8" if "8" in algorithm else "mxfp4"
    if "FP4" in algorithm:
        return "nvfp4"
    if "W4A" in algorithm or "INT4" in algorithm:
        return "w4a16"
    return "int8" if "INT8" in algorithm or "SQ" in algorithm else "fp8"


def layers_of(words: Words) -> tuple[tuple[str, float], ...]:
    """Return the bits of modules that ``quantized_layers`` names one by one."""
    named = words.inner("quantized_layers").values
    found = []
    for name, entry in named.items():
        if isinstance(entry, dict) and not _OTHER_EXPERT.search(name):
            algorithm = str(entry.get("quant_algo", "")).upper()
            bits = _algorithm_bits(algorithm, entry.get("group_size"))
            if bits is not None:
                found.append((name, bits))
    return tuple(found)


def compressed_tensors(method: str, words: Words) -> Parsed:
    """Return what the groups of compressed-tensors say: the first that matches decides."""
    whole = words.text("format")
    layers: list[tuple[str, float]] = []
    default: tuple[float, Mapping[str, Any], str] | None = None
    for group in words.inner("config_groups").values.values():
        weights = group.get("weights") if isinstance(group, dict) else None
        if not isinstance(weights, dict):
            continue
        form = str(group.get("format") or whole)
        bits = _group_bits(weights, form)
        targets = [str(target) for target in group.get("targets") or ["Linear"]]
        classes = [t for t in targets if re.fullmatch(r"[A-Z]\w*", t)]
        if classes and default is None:
            default = (bits, weights, form)
        layers += [(target, bits) for target in targets if target not in classes]
    if default is None and not layers:
        return Parsed(Quantization(method, None))
    others = {} if default else dict.fromkeys(EVERY_PART, PLAIN)
    counted = [bits for _, bits in layers]
    common = default[0] if default else max(set(counted), key=counted.count)
    weights = default[1] if default else {}
    group = weights.get("group_size")
    block = weights.get("block_structure")
    quantization = Quantization(
        method,
        common,
        group if isinstance(group, int) and group > 0 else None,
        block=(block[0], block[1]) if isinstance(block, list) and len(block) == 2 else None,  # noqa: PLR2004 - a block has two sides
        form=_group_form(weights, default[2] if default else whole, common),
    )
    return Parsed(quantization, layers=tuple(layers), part_bits=others)


def _group_bits(weights: Mapping[str, Any], form: str) -> float:
    bits = float(weights["num_bits"])
    group = weights.get("group_size")
    if not isinstance(group, int) or group <= 0:
        return bits
    small = "nvfp4" in form or "mxfp" in form or weights.get("type") == "float"
    return bits + (8 if small else SCALE_BITS) / group


def _group_form(weights: Mapping[str, Any], form: str, bits: float) -> str:
    if "nvfp4" in form or "mxfp" in form:
        return "nvfp4" if "nvfp4" in form else "mxfp8" if bits > 8 else "mxfp4"  # noqa: PLR2004 - bits
    eight = bits >= 8  # noqa: PLR2004 - bits
    if weights.get("type") == "float":
        return "fp8" if eight else "nvfp4" if weights.get("group_size") == 16 else "mxfp4"  # noqa: PLR2004 - NVFP4's group
    return "int8" if eight else f"w{int(bits)}a16"
