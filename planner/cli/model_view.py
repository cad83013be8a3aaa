"""One model explained: what it holds, what it keeps of a sequence, and on what evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from planner.cli.output import emit, emit_json, note
from planner.cli.tables import Column
from planner.serving import engines
from planner.serving.memory import GIB
from planner.serving.models import loaded_bytes
from planner.serving.models.model import window_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from planner.serving.models import Cache, Model

_LAYERS = {
    "full": "attention",
    "window": "attention within a window",
    "chunk": "attention within a chunk",
    "latent": "latent attention (MLA)",
    "compressed": "compressed attention",
    "index": "index keys",
    "delta": "gated delta net",
    "kda": "Kimi delta attention",
    "lightning": "lightning attention",
    "conv": "short convolution",
    "mamba1": "Mamba",
    "mamba2": "Mamba 2",
}


def show(model: Model, output_format: str) -> None:
    """Print a model: as an object in JSON, as lines for people else."""
    if output_format == "json":
        emit_json(record(model))
        return
    rows = [{"what": what, "value": value} for what, value in _lines(model)]
    emit(rows, [Column("what", model.name), Column("value", "")], output_format)
    for warning in model.warnings:
        note(f"Note: {warning}")
    note(f"Source: {model.source}")


def record(model: Model) -> dict[str, Any]:
    """Return a model as JSON says it; sizes are bytes, null is not known."""
    adapter = model.adapter
    return {
        "name": model.name,
        "hf_id": model.hf_id,
        "family": model.family,
        "parameters": model.parameters,
        "active_parameters": model.active_parameters,
        "weights_bytes": _whole(model.loaded_bytes),
        "weights_bytes_on_gpu": _whole(model.loaded_bytes),
        "files_bytes": _whole(model.files_bytes),
        "parts": [
            {
                "name": part.name,
                "parameters": part.parameters,
                "bytes": None if model.loaded_bytes is None else _whole(part.stored_bytes),
            }
            for part in model.parts
        ],
        "kv_bytes_per_token": model.kv_bytes_per_token(),
        "kv_bytes_per_token_beyond_window": model.kv_bytes_per_token(beyond_window=True),
        "window_tokens": window_of(model.caches),
        "state_bytes_per_sequence": model.state_bytes,
        "caches": [
            {
                "kind": cache.kind,
                "layers": cache.layers,
                "bytes_per_token": cache.bytes_per_token(),
                "window_tokens": cache.window,
                "state_bytes_per_sequence": cache.layers * cache.state_bytes,
            }
            for cache in model.caches
        ],
        "layers": model.layers,
        "attention": model.attention,
        "max_context": model.max_context,
        "native_precision": model.native_precision or None,
        "quantization": model.quantization.method if model.quantization else None,
        "quantization_bits": model.quantization.bits if model.quantization else None,
        "kv_precision": (model.quantization.kv_cache if model.quantization else "") or "fp16",
        "precisions": [
            {"precision": name, "weights_bytes": _whole(size)} for name, size in _sizes(model)
        ],
        "adapter": None
        if adapter is None
        else {
            "location": adapter.location,
            "base": adapter.base,
            "rank": adapter.rank,
            "parameters": adapter.parameters,
            "weights_bytes": _whole(adapter.weights_bytes),
        },
        "license": model.license,
        "gated": model.gated,
        "evidence": model.evidence,
        "warnings": list(model.warnings),
        "source": model.source,
    }


def _sizes(model: Model) -> Iterator[tuple[str, float]]:
    """Yield the precisions that engines can run the model in, with what its weights take."""
    if model.quantization is not None and model.native_precision:
        yield model.native_precision, loaded_bytes(model, model.native_precision)
        return
    for name in engines.PRECISIONS:
        if name != "fp16" or model.fp16_safe:
            yield name, loaded_bytes(model, name)


def _lines(model: Model) -> Iterator[tuple[str, str]]:
    yield "Hugging Face id", model.hf_id
    yield "Parameters", f"{model.parameters / 1e9:,.2f} billion"
    yield "Used by a token", f"{model.active_parameters / 1e9:,.2f} billion"
    loaded = model.loaded_bytes
    weights = "not known" if loaded is None else f"{loaded / GIB:,.1f} GiB"
    width = model.native_precision or "width not known"
    yield "Weights on GPUs", f"{weights}, {width}, {_method(model)}"
    files = model.files_bytes
    yield "Files", "not known" if files is None else f"{files / 1e9:,.1f} GB"
    for part in model.parts:
        if part.parameters:
            yield f"  {part.name.replace('_', ' ')}", f"{part.parameters / 1e9:,.3f} billion"
    yield "KV cache of a token", f"{model.kv_bytes_per_token() / 1024:,.1f} KiB in 16 bits"
    for cache in model.caches:
        yield f"  {cache.layers} x {_LAYERS.get(cache.kind, cache.kind)}", _kept(cache)
    if model.state_bytes:
        yield "State of a sequence", f"{model.state_bytes / GIB * 1024:,.1f} MiB"
    yield "Longest context", f"{model.max_context:,} tokens"
    sizes = (f"{name} {size / GIB:,.1f} GiB" for name, size in _sizes(model))
    yield "Weights by precision", ", ".join(sizes) or "not known"
    if model.adapter:
        yield "Adapter", f"rank {model.adapter.rank} on {model.adapter.base}"
    yield "Licence", f"{model.license}; gated: {model.gated}"
    yield "Evidence", _EVIDENCE[model.evidence]


_EVIDENCE: Mapping[str, str] = {
    "files": "the sizes of the weight files",
    "index": "the total of the index of the weight files",
    "config": "counted from the configuration",
    "table": "planner's table",
}


def _kept(cache: Cache) -> str:
    if cache.state_bytes:
        return f"{cache.layers * cache.state_bytes / GIB * 1024:,.1f} MiB a sequence"
    size = f"{cache.bytes_per_token() / 1024:,.1f} KiB"
    return size if cache.window is None else f"{size}, of the last {cache.window:,} tokens"


def _method(model: Model) -> str:
    if model.quantization is None:
        return "not quantized"
    bits = model.quantization.bits
    width = "" if bits is None else f", {bits:.3g} bits a weight"
    return f"{model.quantization.method}{width}"


def _whole(size: float | None) -> int | None:
    return None if size is None else round(size)
