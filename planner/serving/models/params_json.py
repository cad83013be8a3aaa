"""Mistral's ``params.json`` (and Llama's own) in the words of a configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_PLAIN = {
    "dim": "hidden_size",
    "n_layers": "num_hidden_layers",
    "n_heads": "num_attention_heads",
    "n_kv_heads": "num_key_value_heads",
    "head_dim": "head_dim",
    "hidden_dim": "intermediate_size",
    "vocab_size": "vocab_size",
    "q_lora_rank": "q_lora_rank",
    "kv_lora_rank": "kv_lora_rank",
    "qk_nope_head_dim": "qk_nope_head_dim",
    "qk_rope_head_dim": "qk_rope_head_dim",
    "v_head_dim": "v_head_dim",
}
_EXPERTS = {
    "num_experts": "num_experts",
    "num_experts_per_tok": "num_experts_per_tok",
    "expert_hidden_dim": "moe_intermediate_size",
    "num_shared_experts": "n_shared_experts",
    "first_k_dense_replace": "first_k_dense_replace",
    "route_every_n": "moe_layer_freq",
}
_POSITIONS = 128_000


def config(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of a ``params.json`` as a configuration."""
    found = {word: params[key] for key, word in _PLAIN.items() if params.get(key) is not None}
    found["model_type"] = "mistral"
    found["tie_word_embeddings"] = bool(params.get("tied_embeddings"))
    positions = params.get("max_position_embeddings") or params.get("max_seq_len")
    found["max_position_embeddings"] = positions or _POSITIONS
    moe = params.get("moe")
    if isinstance(moe, dict):
        found |= {word: moe[key] for key, word in _EXPERTS.items() if moe.get(key) is not None}
    found |= _window(params.get("sliding_window"), found.get("num_hidden_layers"))
    if "ffn_dim_multiplier" in params or "multiple_of" in params:
        found |= {"intermediate_size": _llama_width(params), "model_type": "llama"}
    quantization = params.get("quantization")
    if isinstance(quantization, dict):
        found["quantization_config"] = quantization
    return found | _towers(params)


def _window(window: object, layers: object) -> dict[str, Any]:
    """Return a window for all layers, or the list that repeats over them."""
    if isinstance(window, list) and window and isinstance(layers, int):
        kinds = ["sliding_attention" if size else "full_attention" for size in window]
        size = next((size for size in window if size), None)
        count = min(layers, 2000)
        return {"sliding_window": size, "layer_types": (kinds * count)[:count]}
    return {"sliding_window": window} if window else {}


def _llama_width(params: Mapping[str, Any]) -> int:
    hidden, multiple = params.get("dim"), params.get("multiple_of") or 256
    if not isinstance(hidden, int) or not isinstance(multiple, int) or multiple <= 0:
        return 0
    scale = params.get("ffn_dim_multiplier") or 1.0
    width = int(float(scale) * int(8 * hidden / 3)) if isinstance(scale, int | float) else 0
    return -(-width // multiple) * multiple


def _towers(params: Mapping[str, Any]) -> dict[str, Any]:
    multimodal = params.get("multimodal")
    inner = multimodal if isinstance(multimodal, dict) else {}
    found = {}
    vision = params.get("vision_encoder") or inner.get("vision_encoder_args")
    if isinstance(vision, dict):
        found["vision_config"] = vision
    whisper = inner.get("whisper_model_args")
    if isinstance(whisper, dict) and isinstance(whisper.get("encoder_args"), dict):
        found["audio_config"] = whisper["encoder_args"]
    return found
