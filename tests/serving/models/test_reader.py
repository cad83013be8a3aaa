"""Models outside the table, read from their own files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from planner.errors import DataError
from planner.serving import models

if TYPE_CHECKING:
    from pathlib import Path

    from planner.serving.models import Model

# What the family's configuration says beyond the columns of the table.
_FAMILIES: dict[str, dict[str, Any]] = {
    "falcon": {"model_type": "falcon", "new_decoder_architecture": True},
    "gemma-2": {"model_type": "gemma2"},
    "gemma-3": {"model_type": "gemma3_text", "sliding_window_pattern": 6},
    "mixtral": {"model_type": "mixtral"},
    "mistral": {"model_type": "mistral"},
    "phi": {"model_type": "phi3"},
    "qwen2": {"model_type": "qwen2"},
    "qwen3": {"model_type": "qwen3"},
    "gpt-oss": {"model_type": "gpt_oss"},
    "llama-4-scout": {"model_type": "llama4_text", "interleave_moe_layer_step": 1},
    "llama-4-maverick": {"model_type": "llama4_text", "interleave_moe_layer_step": 2},
    "deepseek": {"model_type": "deepseek_v3"},
    "kimi": {"model_type": "kimi_k2"},
}


def config_of(model: Model) -> dict[str, Any]:
    """Return the configuration that the hub holds for a model of the table, field by field."""
    family = next(
        (extra for start, extra in _FAMILIES.items() if model.name.startswith(start)),
        {"model_type": "llama"},
    )
    config: dict[str, Any] = {
        **family,
        "_name_or_path": model.hf_id,
        "num_hidden_layers": model.layers,
        "hidden_size": model.hidden,
        "intermediate_size": model.intermediate,
        "num_attention_heads": model.heads,
        "num_key_value_heads": model.kv_heads,
        "head_dim": model.head_dim,
        "vocab_size": model.vocab,
        "max_position_embeddings": model.max_context,
        "tie_word_embeddings": model.tied_embeddings,
        "torch_dtype": {"fp16": "float16"}.get(model.native_precision, "bfloat16"),
    }
    kind = config["model_type"]
    if kind == "falcon":
        config |= {"num_kv_heads": model.kv_heads, "ffn_hidden_size": model.intermediate}
    if model.moe_experts:
        config |= {
            "num_experts": model.moe_experts,
            "num_experts_per_tok": model.moe_active,
            "moe_intermediate_size": model.moe_intermediate,
        }
        if kind == "qwen3":
            config["model_type"] = "qwen3_moe"
    if model.kv_lora_rank:
        config |= {
            "kv_lora_rank": model.kv_lora_rank,
            "q_lora_rank": 1536,
            "qk_nope_head_dim": 128,
            "qk_rope_head_dim": model.qk_rope_head_dim,
            "v_head_dim": 128,
            "n_shared_experts": model.shared_experts,
            "first_k_dense_replace": model.dense_layers,
        }
    if model.native_precision in {"fp8", "mxfp4"}:
        config["quantization_config"] = {"quant_method": model.native_precision}
    if kind == "llama4_text":
        config |= {"attention_chunk_size": model.sliding_window, "intermediate_size_mlp": 16384}
    elif model.sliding_window:
        config["sliding_window"] = model.sliding_window
    if kind == "gpt_oss":
        config["layer_types"] = ["sliding_attention", "full_attention"] * (model.layers // 2)
    return config


def write(folder: Path, config: object) -> Path:
    path = folder / "config.json"
    path.write_text(json.dumps(config), encoding="utf-8")
    return path


@pytest.mark.parametrize("name", [row.name for row in models.rows().values() if row.columns])
def test_a_configuration_gives_the_model_of_the_table(name: str, tmp_path: Path) -> None:
    known = models.get(name)
    read = models.from_config(write(tmp_path, config_of(known)))
    assert read.params_b == pytest.approx(known.params_b, rel=0.005)
    assert read.active_params_b == pytest.approx(known.active_params_b, rel=0.005)
    for field in (
        *("hf_id", "layers", "hidden", "heads", "kv_heads", "head_dim", "vocab", "max_context"),
        *("kv_lora_rank", "qk_rope_head_dim", "moe_experts", "moe_active", "moe_intermediate"),
        *("sliding_window", "full_attention_every", "tied_embeddings", "native_precision"),
        "fp16_safe",
    ):
        assert getattr(read, field) == getattr(known, field), field


def test_the_folder_of_a_downloaded_model_will_do(tmp_path: Path) -> None:
    folder = tmp_path / "Phi-4-of-mine"
    folder.mkdir()
    write(folder, config_of(models.get("phi-4")))
    read = models.from_config(folder)
    assert read.name == "phi-4-of-mine"
    assert read.hf_id == models.get("phi-4").hf_id
    assert read.license == "not known"
    assert read.source == str(folder / "config.json")


def test_a_text_model_inside_a_multimodal_one_is_found(tmp_path: Path) -> None:
    config = {"model_type": "llama4", "text_config": config_of(models.get("llama-4-scout"))}
    read = models.from_config(write(tmp_path, config))
    assert read.params_b == pytest.approx(107.77, rel=0.005)
    assert read.name == tmp_path.name.lower()


@pytest.mark.parametrize(
    ("quantization", "precision"),
    [({"quant_method": "awq", "bits": 4}, "int4"), ({"quant_method": "gptq", "bits": 8}, "int8")],
)
def test_a_quantized_checkpoint_says_its_precision(
    quantization: dict[str, Any], precision: str, tmp_path: Path
) -> None:
    config = {**config_of(models.get("llama-2-7b")), "quantization_config": quantization}
    assert models.from_config(write(tmp_path, config)).native_precision == precision


def test_an_unknown_family_with_the_usual_keys_is_read_with_a_warning(tmp_path: Path) -> None:
    config = {**config_of(models.get("llama-2-7b")), "model_type": "next_month"}
    read = models.from_config(write(tmp_path, config))
    assert read.params_b == pytest.approx(6.74, abs=0.01)
    assert any("next_month" in warning for warning in read.warnings)


def test_what_cannot_be_counted_names_the_key_and_the_way_out(tmp_path: Path) -> None:
    config = {**config_of(models.get("llama-2-7b")), "vocab_size": None}
    path = write(tmp_path, config)
    with pytest.raises(DataError) as caught:
        models.from_config(path)
    assert caught.value.why == "vocab_size is missing"
    assert "--parameters 34B" in caught.value.advice
    told = models.from_config(path, parameters=34_000_000_000)
    assert told.parameters == 34_000_000_000
    assert told.kv_bytes_per_token() == models.get("llama-2-7b").kv_bytes_per_token()
    assert any("the one given" in warning for warning in told.warnings)


@pytest.mark.parametrize("content", ["not json", "[1, 2]", '{"model_type": "llama"}'])
def test_an_unusable_file_is_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(DataError):
        models.from_config(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot read"):
        models.from_config(tmp_path / "config.json")
