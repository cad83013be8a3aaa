"""GGUF metadata in the words of a configuration: architectures are llama.cpp's own names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from planner.serving.models.keys import KeyProblemError

if TYPE_CHECKING:
    from collections.abc import Mapping

# llama.cpp's architecture -> the family whose unwritten rules it shares.
_FAMILIES = {
    "gptneox": "gpt_neox",
    "starcoder": "gpt_bigcode",
    "phi2": "phi",
    "nemotron_h_moe": "nemotron_h",
    "qwen35": "qwen3_5",
    "qwen35moe": "qwen3_5_moe",
    "qwen3next": "qwen3_next",
    "qwen3moe": "qwen3_moe",
    "qwen2moe": "qwen2_moe",
    "gpt-oss": "gpt_oss",
    "deepseek2": "deepseek_v3",
    "falcon-h1": "falcon_h1",
    "gemma3": "gemma3_text",
    "command-r": "cohere",
    "kimi-linear": "kimi_linear",
    "granitehybrid": "granitemoehybrid",
    "glm4moe": "glm4_moe",
    "deci": "nemotron-nas",
    "gemma3n": "gemma3n_text",
    "lfm2moe": "lfm2_moe",
    "minimax-m2": "minimax_m2",
    "phi3": "phi3",
}
# One full layer in so many, where the header has a window but no pattern: llama.cpp's constants.
_PERIODS = {"gemma2": 2, "gemma3": 6, "gemma3n": 5, "cohere2": 4, "gpt-oss": 2, "llama4": 4}
_LLAMA_4_CHUNK = 8192
_STATE_KINDS = {
    "jamba": "mamba1",
    "mamba": "mamba1",
    "lfm2": "conv",
    "lfm2moe": "conv",
    "kimi-linear": "kda",
}
_PLAIN = {
    "block_count": "num_hidden_layers",
    "embedding_length": "hidden_size",
    "feed_forward_length": "intermediate_size",
    "attention.head_count": "num_attention_heads",
    "attention.head_count_kv": "num_key_value_heads",
    "attention.key_length": "head_dim",
    "attention.value_length": "v_head_dim",
    "attention.key_length_swa": "swa_head_dim",
    "attention.value_length_swa": "swa_v_head_dim",
    "attention.shared_kv_layers": "num_kv_shared_layers",
    "attention.sliding_window": "sliding_window",
    "attention.kv_lora_rank": "kv_lora_rank",
    "attention.q_lora_rank": "q_lora_rank",
    "attention.indexer.head_count": "index_n_heads",
    "attention.indexer.key_length": "index_head_dim",
    "context_length": "max_position_embeddings",
    "vocab_size": "vocab_size",
    "expert_count": "num_experts",
    "expert_used_count": "num_experts_per_tok",
    "expert_feed_forward_length": "moe_intermediate_size",
    "expert_shared_count": "n_shared_experts",
    "leading_dense_block_count": "first_k_dense_replace",
    "interleave_moe_layer_step": "interleave_moe_layer_step",
    "full_attention_interval": "full_attention_interval",
    "shortconv.l_cache": "conv_L_cache",
}


def config(fields: Mapping[str, Any], tensors: Mapping[str, int]) -> dict[str, Any]:
    """Return the metadata of a file as a configuration.

    Raises:
        KeyProblemError: The file holds no language model.
    """
    kind = fields.get("general.architecture")
    if not isinstance(kind, str) or kind == "clip":
        what = "a vision tower (mmproj)" if kind == "clip" else "no architecture"
        raise KeyProblemError(f"general.architecture names {what}, not a language model")
    own = {key.removeprefix(f"{kind}."): value for key, value in fields.items()}
    found: dict[str, Any] = {
        word: own[key] for key, word in _PLAIN.items() if own.get(key) not in (None, [])
    }
    found["model_type"] = _FAMILIES.get(kind, kind)
    found["all_state_float32"] = True
    tokens = fields.get("tokenizer.ggml.tokens")
    if "vocab_size" not in found and isinstance(tokens, range | list):
        found["vocab_size"] = len(tokens)
    found |= _experts(own)
    found |= _latent(own)
    found |= _states(own)
    found |= _windows(kind, own)
    extra = own.get("nextn_predict_layers")
    if isinstance(extra, int) and isinstance(found.get("num_hidden_layers"), int):
        found["num_hidden_layers"] -= extra
    if "output.weight" in tensors:
        found["tie_word_embeddings"] = False
    elif len(tensors) > found.get("num_hidden_layers", 0) > 0:
        found["tie_word_embeddings"] = True
    return found | _schedule(kind, found)


def _experts(own: Mapping[str, Any]) -> dict[str, Any]:
    width = own.get("expert_shared_feed_forward_length")
    return {"shared_expert_intermediate_size": width} if width else {}


def _latent(own: Mapping[str, Any]) -> dict[str, Any]:
    """Return the words of MLA: the header gives its key as 192 a head, or as 576 in all."""
    if not own.get("attention.kv_lora_rank"):
        return {}
    rope = own.get("rope.dimension_count") or 0
    key = own.get("attention.key_length_mla") or own.get("attention.key_length") or rope
    value = own.get("attention.value_length_mla") or own.get("attention.value_length")
    if not all(isinstance(number, int) for number in (rope, key)):
        raise KeyProblemError("attention.key_length is no number")
    return {"qk_rope_head_dim": rope, "qk_nope_head_dim": key - rope, "v_head_dim": value}


def _states(own: Mapping[str, Any]) -> dict[str, Any]:
    """Return the words of state-space and linear attention, in all their spellings."""
    inner, state = own.get("ssm.inner_size"), own.get("ssm.state_size")
    if not isinstance(inner, int) or not isinstance(state, int):
        return {}
    rank, groups = own.get("ssm.time_step_rank"), own.get("ssm.group_count")
    kernel = own.get("ssm.conv_kernel")
    found = {
        "linear_conv_kernel_dim": kernel,
        "mamba_d_state": state,
        "mamba_dt_rank": rank,
        "mamba_expand": inner // int(own.get("embedding_length") or inner),
        "n_groups": groups,
    }
    if isinstance(rank, int) and rank and groups:
        found |= {
            "linear_num_key_heads": groups,
            "linear_key_head_dim": state,
            "linear_num_value_heads": rank,
            "linear_value_head_dim": inner // rank,
            "mamba_num_heads": rank,
            "mamba_head_dim": inner // rank,
        }
    return found


def _windows(kind: str, own: Mapping[str, Any]) -> dict[str, Any]:
    """Return which layers a window holds for: named, or llama.cpp's constant."""
    if kind == "llama4":
        return {"attention_chunk_size": _LLAMA_4_CHUNK}
    pattern = own.get("attention.sliding_window_pattern")
    if isinstance(pattern, list):
        names = {True: "sliding_attention", False: "full_attention"}
        return {"layer_types": [names[bool(windowed)] for windowed in pattern]}
    if isinstance(pattern, int) and pattern:
        return {"sliding_window_pattern": pattern}
    if own.get("attention.sliding_window") and kind in _PERIODS:
        return {"sliding_window_pattern": _PERIODS[kind]}
    # No pattern known: every layer is planned as a full one, an upper bound.
    return {"sliding_window": None}


def window_without_pattern(fields: Mapping[str, Any], found: Mapping[str, Any]) -> bool:
    """Tell whether the header has a window, and nobody says for which layers."""
    kind = fields.get("general.architecture")
    return bool(fields.get(f"{kind}.attention.sliding_window")) and not found.get("sliding_window")


def _schedule(kind: str, found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the layers one by one, where heads or widths are given for each."""
    heads, keys = found.get("num_attention_heads"), found.get("num_key_value_heads")
    widths = found.get("intermediate_size")
    if not isinstance(keys, list) and not isinstance(widths, list):
        return {}
    count = found.get("num_hidden_layers")
    if not isinstance(count, int):
        raise KeyProblemError("block_count is missing")
    state = _STATE_KINDS.get(kind, "mamba2" if found.get("mamba_num_heads") else "")
    layers = []
    for index in range(count):
        own, query, width = (_item(value, index) for value in (keys, heads, widths))
        mixer = "full" if own or own is None else state or ("linear" if query else "")
        feed_forward = "moe" if found.get("num_experts") else "dense"
        layers.append([mixer, feed_forward if width or width is None else "none"])
    if kind == "falcon-h1":
        return {}
    return {"planner_layers": layers}


def _item(value: object, index: int) -> Any:  # noqa: ANN401 - what the file holds
    if isinstance(value, list):
        return value[index] if index < len(value) else None
    return value
