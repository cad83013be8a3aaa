"""Quantization methods: bits of a weight, scales included, from each method's own fields."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from planner.serving.models import method_groups
from planner.serving.models.keys import KeyProblemError, Words
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
    from collections.abc import Callable

_EXCLUSIONS = (
    *("modules_to_not_convert", "ignore", "exclude_modules", "exclude", "llm_int8_skip_modules"),
    *("skip_modules", "linear_weights_not_to_quantize", "ignored_layers"),
)
_MOST_BITS = 16


def name_of(words: Words) -> str:
    """Return the method that a quantization names, in small letters with ``-``."""
    named = words.text("quant_method", "quantization_method").casefold().replace("_", "-")
    if named:
        return named.removeprefix("quantizationmethod.")
    fp8 = words.text("qformat_weight").startswith("fp8")
    signs = (
        ("modelopt", words.has("quant_algo", "quantized_layers")),
        ("fp8", fp8),
        ("compressed-tensors", words.has("config_groups")),
        ("bitsandbytes", words.flag("load_in_4bit") or words.flag("load_in_8bit")),
        ("mlx", words.has("bits") and words.has("group_size")),
    )
    return next((name for name, seen in signs if seen), "not named")


def parse(method: str, words: Words) -> Parsed:
    """Return what the fields of a method say; bits of None for a method nobody knows."""
    try:
        parsed = _METHODS.get(method, _unknown)(method, words)
    except (KeyProblemError, TypeError, ValueError, ZeroDivisionError, OverflowError):
        parsed = _unknown(method, words)
    bits = parsed.quantization.bits
    if bits is not None and not 0 < bits <= _MOST_BITS:
        parsed = _unknown(method, words)
    listed = tuple(
        str(name) for key in _EXCLUSIONS for name in words.items(key) or () if isinstance(name, str)
    )
    # fp8 with own widths for some layers: its list is of those, the rest stays fp8.
    excluded = parsed.excluded or (() if _is_mixed_fp8(method, words) else listed)
    cache = _cache_precision(words)
    quantization = replace(parsed.quantization, unquantized=excluded, kv_cache=cache)
    return replace(parsed, quantization=quantization, excluded=excluded)


def _is_mixed_fp8(method: str, words: Words) -> bool:
    return method == "fp8" and words.has("quantized_layers")


def _cache_precision(words: Words) -> str:
    algorithm = words.text("kv_cache_quant_algo", "kv_cache_scheme")
    scheme = words.inner("kv_cache_scheme")
    if "8" in algorithm or scheme.values.get("num_bits") == 8:  # noqa: PLR2004 - bits
        return "fp8"
    return "fp4" if "4" in algorithm else ""


def _unknown(method: str, words: Words) -> Parsed:
    del words
    return Parsed(Quantization(method, None))


def _grouped(method: str, words: Words) -> Parsed:
    """AWQ, GPTQ, AutoRound: a scale and a zero point for each group of a row."""
    bits = words.need("bits", "w_bit", "w_bits")
    size = words.raw("group_size", "q_group_size")
    group = size if isinstance(size, int) and size > 0 else None
    wide = bits + (SCALE_BITS + bits) / group if group else float(bits)
    inside = words.items("modules_in_block_to_quantize") or ()
    only = tuple(str(n) for item in inside for n in (item if isinstance(item, list) else [item]))
    own = words.inner("extra_config") if method == "auto-round" else Words({})
    layers = tuple(
        (name, float(entry["bits"]))
        for name, entry in own.values.items()
        if isinstance(entry, dict) and isinstance(entry.get("bits"), int)
    )
    dynamic = words.raw("dynamic")
    excluded = tuple(
        "re:" + name.removeprefix("-:")
        for name in (dynamic if isinstance(dynamic, dict) else {})
        if name.startswith("-:")
    )
    head = wide if words.flag("lm_head") else PLAIN
    quantization = Quantization(method, wide, group, form=f"w{bits}a16")
    return Parsed(quantization, excluded, layers, only, head_bits=head)


def _bitsandbytes(method: str, words: Words) -> Parsed:
    four = words.flag("load_in_4bit") or words.flag("_load_in_4bit")
    if not four:
        eight = words.flag("load_in_8bit") or words.flag("_load_in_8bit")
        bits = 8.0 if eight else None
        return Parsed(Quantization(method, bits, form="int8"), tower_bits=8.0)
    twice = words.flag("bnb_4bit_use_double_quant")
    bits = 4.127 if twice else 4.5
    kind = words.text("bnb_4bit_quant_type") or "fp4"
    return Parsed(Quantization(method, bits, 64, form=kind))


def _fp8(method: str, words: Words) -> Parsed:
    block = words.items("weight_block_size")
    pair = None
    if block and len(block) == 2 and all(isinstance(b, int) and b > 0 for b in block):  # noqa: PLR2004 - a block has two sides
        pair = (block[0], block[1])
    bits = 8 + 32 / (pair[0] * pair[1]) if pair else 8.0
    layers = method_groups.layers_of(words)
    counted = [width for _, width in layers]
    common = max(set(counted), key=counted.count) if counted else bits
    form = "nvfp4" if common == NVFP4_BITS else "mxfp4" if common == MXFP4_BITS else "fp8"
    return Parsed(Quantization(method, bits, block=pair, form=form), layers=layers)


def _mxfp4(method: str, words: Words) -> Parsed:
    """Experts only: the other modules are on the list of what is not converted."""
    del words
    others = [part for part in EVERY_PART if part != "experts"]
    quantization = Quantization(method, MXFP4_BITS, 32, form="mxfp4")
    return Parsed(quantization, part_bits=dict.fromkeys(others, PLAIN))


def _fixed(bits: float, form: str, group: int | None = None) -> Callable[[str, Words], Parsed]:
    return lambda method, _words: Parsed(Quantization(method, bits, group, form=form))


def _torchao(method: str, words: Words) -> Parsed:
    kind = words.raw("quant_type")
    inner = kind.get("default") if isinstance(kind, dict) else None
    name = str(inner.get("_type", "") if isinstance(inner, dict) else kind).casefold()
    data = inner.get("_data") if isinstance(inner, dict) else words.raw("quant_type_kwargs")
    group = data.get("group_size", 128) if isinstance(data, dict) else 128
    if not isinstance(group, int) or group <= 0:
        group = 128
    tables = PLAIN
    bits = 8.0
    if "int4" in name:
        bits, form = 4 + 32 / group, "w4a16"
    elif "float8" in name or "fp8" in name:
        form = "fp8"
    elif "int8" in name:
        form = "int8"
    else:
        return _unknown(method, words)
    if words.flag("include_input_output_embeddings"):
        tables = bits
    quantization = Quantization(method, bits, group if "int4" in name else None, form=form)
    return Parsed(quantization, table_bits=tables, head_bits=tables)


def _hqq(method: str, words: Words) -> Parsed:
    nested = words.inner("quant_config")
    weights = nested.inner("weight_quant_params") if nested.values else words
    weights = weights if weights.values else nested
    bits = weights.need("nbits", "bits")
    group = weights.integer("group_size") or 64
    return Parsed(Quantization(method, bits + 32 / group, group, form=f"w{bits}a16"))


def _exl(method: str, words: Words) -> Parsed:
    bits = words.number("bits")
    if bits is None:
        return _unknown(method, words)
    return Parsed(Quantization(method, bits), head_bits=words.number("head_bits") or bits)


def _aqlm(method: str, words: Words) -> Parsed:
    code = words.need("nbits_per_codebook") * words.need("num_codebooks")
    covered = words.need("in_group_size") * (words.integer("out_group_size") or 1)
    return Parsed(Quantization(method, code / covered))


def _quark(method: str, words: Words) -> Parsed:
    bits, group, form = _quark_weight(words.inner("global_quant_config").raw("weight"))
    own = words.inner("layer_quant_config").values
    layers = tuple(
        (name, _quark_weight(entry.get("weight"))[0])
        for name, entry in own.items()
        if isinstance(entry, dict) and entry.get("weight")
    )
    return Parsed(Quantization(method, bits, group, form=form), layers=layers)


def _quark_weight(weight: Any) -> tuple[float, int | None, str]:  # noqa: ANN401 - what the file holds
    """Return bits, group and form of a weight; of a list, the narrowest is what is stored."""
    if isinstance(weight, list):
        return min((_quark_weight(item) for item in weight), key=lambda found: found[0])
    kind = str(weight["dtype"]).casefold()
    group = weight.get("group_size")
    group = group if isinstance(group, int) and group > 0 else None
    if kind.startswith(("fp4", "mxfp4")):
        return 4 + 8 / (group or 32), group or 32, "mxfp4"
    if "int4" in kind:
        return 4 + (SCALE_BITS / group if group else 0), group, "w4a16"
    if "8" in kind:
        return 8.0, group, "int8" if "int" in kind else "fp8"
    if "6" in kind:
        return 6 + 8 / (group or 32), group or 32, "mxfp6"
    raise ValueError(kind)


def _mlx(method: str, words: Words) -> Parsed:
    bits, group = words.need("bits"), words.need("group_size")
    wide = bits + 32 / group
    quantization = Quantization(method, wide, group, form=f"w{bits}a16")
    return Parsed(quantization, table_bits=wide, head_bits=wide)


def _quanto(method: str, words: Words) -> Parsed:
    widths = {"int8": 8.0, "float8": 8.0, "int4": 4.0 + 32 / 128, "int2": 2.0 + 32 / 128}
    kind = words.text("weights")
    return Parsed(Quantization(method, widths.get(kind), form=kind))


_METHODS: dict[str, Callable[[str, Words], Parsed]] = {
    "awq": _grouped,
    "gptq": _grouped,
    "gptqmodel": _grouped,
    "auto-round": _grouped,
    "autoround": _grouped,
    "intel/auto-round": _grouped,
    "bitsandbytes": _bitsandbytes,
    "bitnet": _fixed(2.0, "ternary"),
    "fp8": _fp8,
    "fbgemm-fp8": _fp8,
    "mxfp4": _mxfp4,
    "gpt-oss-mxfp4": _mxfp4,
    "mxfp8": _fixed(MXFP8_BITS, "mxfp8", 32),
    "modelopt": method_groups.modelopt,
    "modelopt-fp4": method_groups.modelopt,
    "modelopt-mixed": method_groups.modelopt,
    "nvfp4": _fixed(NVFP4_BITS, "nvfp4", 16),
    "compressed-tensors": method_groups.compressed_tensors,
    "sparseml": method_groups.compressed_tensors,
    "torchao": _torchao,
    "hqq": _hqq,
    "eetq": _fixed(8.0, "int8"),
    "quanto": _quanto,
    "exl2": _exl,
    "exl3": _exl,
    "aqlm": _aqlm,
    "quark": _quark,
    "mlx": _mlx,
}
