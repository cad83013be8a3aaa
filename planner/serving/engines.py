"""Which precisions an accelerator's engines can run, and at what price.

Source: the "Supported Hardware" table of docs.vllm.ai (features/quantization, v0.9.2 to v0.15.1
and latest) and the requirements of its installation page (v0.14.0: compute capability 7.0;
v0.21.0: 7.5). Where engines differ, vLLM decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.serving import checkpoint_support
from planner.serving import precision as precisions

if TYPE_CHECKING:
    from planner.serving.accelerators import Accelerator
    from planner.serving.models import Model

_SINCE_AMPERE = ("bf16", "fp16", "fp8", "int8", "int4", "fp4", "mxfp4")

PRECISIONS = _SINCE_AMPERE[:-1]
"""What vLLM can run a model in that is not quantized yet; mxfp4 has no conversion."""

RUNNABLE: dict[str, tuple[str, ...]] = {
    # GPTQ runs on Volta, AWQ does not; bf16 arithmetic came with Ampere.
    "Volta": ("fp16", "int4"),
    "Turing": ("fp16", "int8", "int4"),
    "Ampere": _SINCE_AMPERE,
    "Ada": _SINCE_AMPERE,
    "Hopper": _SINCE_AMPERE,
    # vLLM's INT8 W8A8 page: not from compute capability 10.0 on, use fp8.
    "Blackwell": ("bf16", "fp16", "fp8", "int4", "fp4", "mxfp4"),
    "gfx90a": ("bf16", "fp16"),
    # MXFP4 on MI300X: vLLM's GPT-OSS recipe (vllm-project/recipes, OpenAI/GPT-OSS.md).
    "gfx942": ("bf16", "fp16", "fp8", "mxfp4"),
    # CDNA 4 calculates in fp8, fp4 and MXFP4 (vLLM, ROCm pages); its measurements run all three.
    "gfx950": ("bf16", "fp16", "fp8", "fp4", "mxfp4"),
    # int8 and fp8: the AWS Neuron column of v0.9.2, the last that has one.
    "NeuronCore-v2": ("bf16", "fp16", "fp8", "int8"),
    "NeuronCore-v3": ("bf16", "fp16", "fp8", "int8"),
}
"""Precisions that run on an architecture; one that is not a key serves no LLM at all."""

# These run a precision by unpacking its weights: it saves memory, not arithmetic.
_WEIGHT_ONLY = {
    "Ampere": ("fp8", "fp4", "mxfp4"),
    "Ada": ("fp4", "mxfp4"),
    "Hopper": ("fp4", "mxfp4"),
    "gfx942": ("mxfp4",),
}

VLLM_UTILIZATION = 0.90
"""vLLM's default ``--gpu-memory-utilization``, which deploys state too."""

# vLLM's arg_utils: cards of 70 GiB and more other than A100 (H100, MI300X) serve 1,024 requests
# and 8,192 tokens a step by default, all others 256 and 2,048.
_LARGE_CARD_GIB = 70
_VLLM_REQUESTS = {True: 1024, False: 256}
_VLLM_STEP_TOKENS = {True: 8192, False: 2048}
# TensorRT-LLM's max_batch_size; SGLang's max_running_requests is at least as many.
_MOST_REQUESTS = {"tensorrt-llm": 2048, "sglang": 2048}
_MOST_REQUESTS_DEFAULT = 256

_NEVER = {
    "Kepler": "vLLM needs compute capability 7.0 or newer, this has 3.7",
    "Pascal": "vLLM needs compute capability 7.0 or newer, this has 6.0",
    "gfx1011": "vLLM runs on AMD Instinct and newer Radeon cards, not on this graphics card",
    "NeuronCore-v1": "vLLM and the Neuron LLM libraries need NeuronCore-v2 (inf2, trn1) or newer",
}


@dataclass(frozen=True, slots=True)
class Support:
    """What becomes of a precision on an accelerator.

    Args:
        precision: What really runs; None where nothing does.
        reason: Why nothing does, in one line.
        warnings: What to know about running it.
    """

    precision: str | None
    reason: str = ""
    warnings: tuple[str, ...] = ()


def runnable(accelerator: Accelerator) -> tuple[str, ...]:
    """Return the precisions that run on an accelerator; empty where no LLM engine does."""
    return RUNNABLE.get(accelerator.architecture, ())


def weight_only(accelerator: Accelerator) -> tuple[str, ...]:
    """Return the precisions that save memory there but no arithmetic."""
    return _WEIGHT_ONLY.get(accelerator.architecture, ())


def most_requests(engine: str, accelerator: Accelerator) -> int:
    """Return how many requests an engine has in flight at most, unless told otherwise."""
    if engine == "vllm":
        return _VLLM_REQUESTS[_is_large(accelerator)]
    return _MOST_REQUESTS.get(engine, _MOST_REQUESTS_DEFAULT)


def batched_tokens(accelerator: Accelerator) -> int:
    """Return the tokens that vLLM computes in one step, unless told otherwise."""
    return _VLLM_STEP_TOKENS[_is_large(accelerator)]


def _is_large(accelerator: Accelerator) -> bool:
    large = accelerator.memory_gib >= _LARGE_CARD_GIB
    return large and not accelerator.accelerator.startswith("A100")


def usual_kv_precision(engine: str, precision: str) -> str:
    """Return the precision of an engine's KV cache at a precision of the weights, unless told.

    TensorRT-LLM's published fp8 and fp4 checkpoints keep an fp8 cache; the others keep 16 bits.
    """
    return "fp8" if engine == "tensorrt-llm" and precision in {"fp8", "fp4"} else "fp16"


def cache_refusal(accelerator: Accelerator, kv_precision: str) -> str:
    """Return why a KV cache of this precision cannot be, or nothing."""
    if kv_precision == "fp8" and "fp8" not in runnable(accelerator):
        name, kind = accelerator.name, accelerator.architecture
        return f"{name} ({kind}) has no fp8 KV cache: no"
    return ""


def needs_neuron(accelerator: Accelerator) -> bool:
    """Tell whether a model must be compiled with AWS Neuron to run there."""
    return accelerator.architecture.startswith("NeuronCore")


def support(model: Model, accelerator: Accelerator, precision: str) -> Support:
    """Return what becomes of a precision on an accelerator.

    16 bits stay 16 bits: where an accelerator has no bf16 the model runs in fp16, unless it
    overflows there.

    Raises:
        UnknownNameError: No such precision.
    """
    wanted = precisions.get(precision).name
    name, kind = accelerator.name, accelerator.architecture
    can = runnable(accelerator)
    if not can:
        why = _NEVER.get(kind, f"planner knows no LLM engine for {kind or 'it'}")
        return Support(None, f"{name} is not offered: {why}")
    if "bf16" not in can and not model.fp16_safe:
        return Support(None, f"{model.name} overflows in fp16 and {name} ({kind}) has no bf16: no")
    runs = "fp16" if wanted == "bf16" and "bf16" not in can else wanted
    if runs not in can:
        return Support(None, f"{name} ({kind}) cannot run {runs}; it runs {', '.join(can)}: no")
    warnings = _warnings(accelerator, wanted, runs)
    if runs == model.native_precision:
        loaded = checkpoint_support.loads(model, accelerator)
        if not loaded.runs:
            warnings.append(f"fits, but {loaded.reason}: {loaded.fix}")
    return Support(runs, warnings=tuple(warnings))


def _warnings(accelerator: Accelerator, wanted: str, runs: str) -> list[str]:
    name, kind = accelerator.name, accelerator.architecture
    found = []
    if runs != wanted:
        found.append(f"{name} has no {wanted}: runs in {runs}, the same size")
    if kind == "Volta":
        found.append(f"{name} needs an old engine: vLLM 0.21 and later do not run on it")
        if runs == "int4":
            found.append(f"{name} runs GPTQ but not AWQ weights")
    if runs in weight_only(accelerator):
        found.append(f"{name} has no {runs} arithmetic: {runs} saves memory but not compute")
    if needs_neuron(accelerator):
        found.append("the model must be compiled for AWS Neuron first")
    return found
