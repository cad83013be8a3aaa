"""Read a Hugging Face ``config.json``: the shape of a model and its number of parameters.

Only the language part is counted; a vision tower (Llama 4, Gemma 3) adds a few percent.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from planner.errors import DataError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Config = dict[str, Any]

_DENSE = ("llama", "mistral", "qwen2", "qwen3", "phi3", "gemma", "gemma2", "gemma3_text")
_MOE = ("mixtral", "qwen3_moe", "gpt_oss", "llama4_text", "deepseek_v3", "kimi_k2")
FAMILIES = (*_DENSE, *_MOE, "falcon")
"""Values of ``model_type`` whose parameters can be counted."""

_TIED_BY_DEFAULT = ("gemma", "gemma2", "gemma3_text", "falcon")
_FP16_OVERFLOWS = ("gemma2", "gemma3_text")  # vllm/config/model.py


def read(path: Path) -> dict[str, Any]:
    """Return the fields of a ``Model`` that a configuration file determines.

    Raises:
        DataError: The file cannot be read, or lacks a field.
        UsageError: A family that is not in ``FAMILIES``.
    """
    advice = "give the config.json of a model on the Hugging Face hub"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"cannot read {path}", why=str(error), advice=advice) from error
    if not isinstance(config, dict):
        raise DataError(f"{path} is not a model configuration", advice=advice)
    try:
        return parse(config, fallback_name=path.resolve().parent.name)
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{path} is not a usable model configuration", why=f"{error!r}", advice=advice
        ) from error


def parse(config: Mapping[str, Any], fallback_name: str = "model") -> dict[str, Any]:
    """Return the fields of a ``Model`` that a configuration determines.

    Raises:
        KeyError: A field is missing.
        UsageError: A family that is not in ``FAMILIES``.
    """
    text: Config = {**config, **config.get("text_config", {})}
    family = text.get("model_type")
    if family not in FAMILIES:
        raise UsageError(
            f"cannot count the parameters of model type {family!r}",
            why=f"known: {', '.join(FAMILIES)}",
        )
    heads = text["num_attention_heads"]
    experts = text.get("num_local_experts") or text.get("n_routed_experts")
    experts = experts or text.get("num_experts") or None
    latent = text.get("kv_lora_rank")
    head_dim = None if latent else text.get("head_dim") or text["hidden_size"] // heads
    active = text.get("num_experts_per_tok") or text.get("experts_per_token")
    total, per_expert = _count(text, experts, head_dim)
    idle = per_expert * (experts - active) if experts else 0
    kv_heads = _kv_heads(text)
    window, every = _window(text)
    hf_id = config.get("_name_or_path") or fallback_name
    return {
        "name": hf_id.rsplit("/", 1)[-1].lower(),
        "hf_id": hf_id,
        "params_b": total / 1e9,
        "active_params_b": (total - idle) / 1e9,
        "layers": text["num_hidden_layers"],
        "hidden": text["hidden_size"],
        "intermediate": _intermediate(text),
        "heads": heads,
        "kv_heads": kv_heads,
        "head_dim": head_dim,
        "vocab": text["vocab_size"],
        "max_context": text.get("max_position_embeddings", 2048),  # falcon has none: 2048
        "attention": "MLA" if latent else "MHA" if kv_heads == heads else "GQA",
        "kv_lora_rank": latent,
        "qk_rope_head_dim": text.get("qk_rope_head_dim") if latent else None,
        "moe_experts": experts,
        "moe_active": active if experts else None,
        "moe_intermediate": _expert_width(text) if experts else None,
        "shared_experts": _shared(text),
        "dense_layers": text["num_hidden_layers"] - _moe_layers(text) if experts else None,
        "sliding_window": window,
        "full_attention_every": every,
        "tied_embeddings": _tied(text),
        "native_precision": _native(text),
        "fp16_safe": family not in _FP16_OVERFLOWS,
    }


def _count(text: Config, experts: int | None, head_dim: int | None) -> tuple[float, float]:
    """Return all parameters, and those of one expert over all layers."""
    hidden, layers = text["hidden_size"], text["num_hidden_layers"]
    attention = _latent_attention(text) if head_dim is None else _attention(text, head_dim)
    moe_layers = _moe_layers(text) if experts else 0
    matrices = 2 if text["model_type"] == "falcon" else 3
    total = layers * attention + (layers - moe_layers) * matrices * hidden * _dense_width(text)
    expert = 3.0 * hidden * _expert_width(text)
    if experts:
        every_expert = experts + (_shared(text) or 0)
        total += moe_layers * (every_expert * expert + hidden * experts)
    norms = (2 * layers + 1) * hidden
    tables = 1 if _tied(text) else 2
    return total + norms + tables * text["vocab_size"] * hidden, moe_layers * expert


def _attention(text: Config, head_dim: int) -> int:
    hidden: int = text["hidden_size"]
    queries: int = text["num_attention_heads"] * head_dim
    keys = _kv_heads(text) * head_dim
    biased = text.get("attention_bias") or text["model_type"] == "qwen2"
    biases = queries + 2 * keys if biased else 0
    return hidden * (2 * queries + 2 * keys) + biases


def _latent_attention(text: Config) -> float:
    hidden, heads = text["hidden_size"], text["num_attention_heads"]
    query_rank, rank = text.get("q_lora_rank"), text["kv_lora_rank"]
    no_rope, rope = text["qk_nope_head_dim"], text["qk_rope_head_dim"]
    values = text["v_head_dim"]
    query = heads * (no_rope + rope)
    queries = query_rank * (hidden + query) if query_rank else hidden * query
    latent = hidden * (rank + rope) + rank * heads * (no_rope + values)
    return float(queries + latent + heads * values * hidden)


def _kv_heads(text: Config) -> int:
    if text["model_type"] == "falcon":
        if text.get("new_decoder_architecture"):
            return int(text["num_kv_heads"])
        return 1 if text.get("multi_query", True) else int(text["num_attention_heads"])
    return int(text.get("num_key_value_heads") or text["num_attention_heads"])


def _intermediate(text: Config) -> int:
    if text["model_type"] == "falcon":
        return int(text.get("ffn_hidden_size") or 4 * text["hidden_size"])
    return int(text["intermediate_size"])


def _dense_width(text: Config) -> int:
    return int(text.get("intermediate_size_mlp") or _intermediate(text))


def _expert_width(text: Config) -> int:
    return int(text.get("moe_intermediate_size") or _intermediate(text))


def _shared(text: Config) -> int | None:
    if text["model_type"] == "llama4_text":
        return 1  # every Llama 4 expert layer has one
    return text.get("n_shared_experts")


def _moe_layers(text: Config) -> int:
    step = text.get("interleave_moe_layer_step") or text.get("decoder_sparse_step") or 1
    dense = text.get("first_k_dense_replace", 0)
    return int((text["num_hidden_layers"] - dense) // step)


def _tied(text: Config) -> bool:
    return bool(text.get("tie_word_embeddings", text["model_type"] in _TIED_BY_DEFAULT))


def _window(text: Config) -> tuple[int | None, int | None]:
    """Return how far windowed layers look back, and of how many layers one looks back freely."""
    if text.get("attention_chunk_size"):
        return text["attention_chunk_size"], 4  # Llama 4: every fourth layer has no chunks
    window = text.get("sliding_window")
    if not window or text.get("use_sliding_window") is False:
        return None, None
    kinds = text.get("layer_types")
    if kinds:
        full = kinds.count("full_attention")
        return (window, len(kinds) // full) if full else (window, None)
    if text["model_type"] == "gemma2":
        return window, 2
    return window, text.get("sliding_window_pattern")


def _native(text: Config) -> str:
    quantization = text.get("quantization_config") or {}
    method = quantization.get("quant_method")
    if method in {"fp8", "mxfp4"}:
        return str(method)
    if method in {"awq", "gptq"}:
        return "int8" if quantization.get("bits") == 8 else "int4"  # noqa: PLR2004 - bits
    stored = str(text.get("torch_dtype") or text.get("dtype") or "bfloat16")
    return "fp16" if stored == "float16" else "bf16"
