"""Whether an engine loads a checkpoint at all: fitting into memory is another question.

By the method of its quantization, by the generation of the card, and by how the blocks and groups
of its scales divide over the GPUs of a layer. Each "no" names the way out.

Sources: vLLM 0.33's own list of methods and its fp8 code (``fp8_utils.py``: a dense layer whose
share is no multiple of the block is refused); the "Supported Hardware" table of docs.vllm.ai;
docs.sglang.io (advanced_features/quantization); the quantization page of text-generation-inference
3.3.5. An engine that is not named here runs what vLLM runs, as far as planner knows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.serving.accelerators import Accelerator
    from planner.serving.models import Model

VLLM, LLAMA_CPP = "vllm", "llama.cpp"
_VLLM = frozenset(
    {
        *("awq", "gptq", "gptqmodel", "auto-round", "autoround", "fp8", "fbgemm-fp8"),
        *("compressed-tensors", "modelopt", "modelopt-fp4", "modelopt-mixed", "mxfp4"),
        *("gpt-oss-mxfp4", "mxfp8", "torchao", "quark", "nvfp4"),
    }
)
METHODS: dict[str, frozenset[str]] = {
    VLLM: _VLLM,
    "sglang": _VLLM | {"bitsandbytes", "gguf"},
    "tgi": frozenset(
        {"awq", "gptq", "bitsandbytes", "eetq", "exl2", "fp8", "fbgemm-fp8", "compressed-tensors"}
    ),
    LLAMA_CPP: frozenset({"gguf"}),
}
"""Methods whose checkpoints an engine loads."""

_OTHERS = "a checkpoint in AWQ, GPTQ, fp8 or compressed-tensors: --weights OWNER/NAME"
_FIXES = {
    "gguf": "--to local with llama.cpp, or a safetensors checkpoint: --weights OWNER/NAME",
    "bitsandbytes": f"the 16-bit base, or {_OTHERS}",
}
_AWQ_NEEDS = ("Volta",)


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether a checkpoint runs.

    Attributes:
        reason: Why it does not; empty where it does.
        fix: What to do instead.
        warnings: What to know where it does.
        flags: Flags that vLLM needs for it, without their dashes.
    """

    reason: str = ""
    fix: str = ""
    warnings: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()

    @property
    def runs(self) -> bool:
        """Whether the engine loads it."""
        return not self.reason


def loads(model: Model, accelerator: Accelerator, *, engine: str = VLLM) -> Answer:
    """Return whether an engine loads a model's own checkpoint on a card."""
    if model.quantization is None:
        return Answer()
    method = model.quantization.method
    if not has_method(model, engine):
        fix = _FIXES.get(method, _OTHERS)
        return Answer(f"{engine} does not load {method} checkpoints", fix)
    if method == "awq" and accelerator.architecture in _AWQ_NEEDS:
        kind = accelerator.architecture
        return Answer(f"AWQ does not run on {accelerator.name} ({kind})", "a GPTQ checkpoint")
    return Answer()


def has_method(model: Model, engine: str = VLLM) -> bool:
    """Tell whether an engine knows the method of a model's own checkpoint."""
    quantization = model.quantization
    return quantization is None or quantization.method in METHODS.get(engine, _VLLM)


def splits(model: Model, width: int) -> Answer:
    """Return whether the scales of a model's own checkpoint divide over so many GPUs."""
    quantization = model.quantization
    if quantization is None or width == 1:
        return Answer()
    unit = _unit(model)
    if unit is None:
        return Answer()
    uneven = [
        (name, size) for name, size in _dense_widths(model) if not _divides(size, width, unit)
    ]
    if uneven:
        name, size = uneven[0]
        share = f"{size:,} / {width} is no multiple of {unit}"
        fix = f"tensor parallel {_widest(model, width, unit)}"
        return Answer(f"the {quantization.method} scales of {name} do not split: {share}", fix)
    inner = model.moe_intermediate
    if not inner or _divides(inner, width, unit):
        return Answer()
    return _by_whole_experts(model, width, f"{inner:,} / {width} is no multiple of {unit}")


def _by_whole_experts(model: Model, width: int, share: str) -> Answer:
    """Return the answer where experts cannot be cut: each GPU gets whole ones, or nothing runs."""
    if (model.moe_experts or 0) % width:
        fix = f"tensor parallel {width // 2}"
        return Answer(f"its experts neither split ({share}) nor share out over {width} GPUs", fix)
    note = f"experts do not split over {width} GPUs ({share}): served with --enable-expert-parallel"
    return Answer(warnings=(note,), flags=("enable-expert-parallel",))


def _unit(model: Model) -> int | None:
    """Return the width that shares of a layer must be a multiple of; None for any."""
    quantization = model.quantization
    if quantization is None:
        return None
    if quantization.block is not None:
        return max(quantization.block)
    grouped = quantization.method in {"awq", "gptq", "gptqmodel", "auto-round", "autoround"}
    packed = quantization.method == "compressed-tensors" and quantization.form.startswith("w")
    return quantization.group if grouped or packed else None


def _dense_widths(model: Model) -> Iterator[tuple[str, int]]:
    """Yield the widths of layers that are cut, by what they are."""
    if model.part_parameters("feed_forward"):
        yield "feed-forward layers", model.intermediate
    if model.head_dim and model.part_parameters("attention"):
        yield "attention", model.heads * model.head_dim


def _divides(size: int, width: int, unit: int) -> bool:
    return size % width == 0 and (size // width) % unit == 0


def _widest(model: Model, width: int, unit: int) -> int:
    """Return the widest split below a width that all dense layers allow."""
    widths = [model.heads, *(size for _, size in _dense_widths(model))]
    units = [1, *(unit for _ in widths[1:])]
    fitting = (
        shards
        for shards in range(width - 1, 1, -1)
        if all(_divides(size, shards, of) for size, of in zip(widths, units, strict=True))
    )
    return next(fitting, 1)
