"""What people type for a model: names in any spelling, folders, files, adapters."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from model_corpus import all_facts, build, sparse, write_gguf

from planner.errors import DataError, PlannerError, UnknownNameError, UsageError
from planner.serving import models
from planner.serving.models import gguf_header, reader

if TYPE_CHECKING:
    from pathlib import Path

SHARD = "model-0000{}-of-00002.safetensors"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("mixtral", "mixtral-8x7b"),
        ("llama3.1:70b", "llama-3.1-70b"),
        ("llama-3.1-70b-instruct", "llama-3.1-70b"),
        ("Meta-Llama-3.1-70B-Instruct", "llama-3.1-70b"),
        ("meta-llama/Llama-3.1-70B-Instruct", "llama-3.1-70b"),
        ("meta-llama/Llama-2-70b-chat-hf", "llama-2-70b"),
        ("NousResearch/Llama-2-7b-chat-hf", "llama-2-7b"),
        ("LLAMA_2_70B", "llama-2-70b"),
        ("google/gemma-3-27b-it", "gemma-3-27b"),
        ("gemma3:27b", "gemma-3-27b"),
        ("qwen3:32b", "qwen3-32b"),
        ("Qwen/Qwen2.5-7B-Instruct", "qwen2.5-7b"),
        ("moonshotai/Kimi-K2-Instruct", "kimi-k2"),
    ],
)
def test_other_spellings_and_variants_mean_a_model_of_the_table(text: str, name: str) -> None:
    assert models.find(text).name == name
    assert models.get(text).name == name


@pytest.mark.parametrize(
    ("text", "base", "precision", "method"),
    [
        ("Qwen/Qwen3-235B-A22B-FP8", "qwen3-235b", "fp8", "fp8"),
        ("someone/Llama-3.1-8B-Instruct-AWQ", "llama-3.1-8b", "int4", "awq"),
        ("someone/Qwen2.5-72B-Instruct-GPTQ-Int8", "qwen2.5-72b", "int8", "gptq"),
        ("nvidia/Llama-3.3-70B-Instruct-NVFP4", "llama-3.3-70b", "fp4", "modelopt"),
        ("unsloth/llama-3-8b-bnb-4bit", "llama-3-8b", "int4", "bitsandbytes"),
    ],
)
def test_a_quantized_sibling_is_read_by_its_name_where_the_hub_does_not_answer(
    text: str, base: str, precision: str, method: str
) -> None:
    found, plain = models.find(text), models.get(base)
    assert (found.hf_id, found.native_precision) == (text, precision)
    assert found.quantization is not None
    assert found.quantization.method == method
    assert found.loaded_bytes == models.loaded_bytes(plain, precision)
    assert found.loaded_bytes < (plain.loaded_bytes or 0)
    assert any("by its name" in warning for warning in found.warnings)


@pytest.mark.parametrize("text", ["llama", "llama-9000", "qwen3-9000b", "nonsense"])
def test_what_means_no_model_for_sure_is_an_unknown_name(text: str) -> None:
    with pytest.raises(UnknownNameError):
        models.find(text)


def test_an_id_that_nobody_knows_says_that_the_hub_does_not_answer() -> None:
    with pytest.raises(PlannerError, match="the hub was not asked") as caught:
        models.find("someone/something-new")
    assert "config.json" in caught.value.advice


def test_a_folder_is_known_by_what_was_typed(tmp_path: Path) -> None:
    build(all_facts()["Qwen/Qwen3-32B-FP8"], tmp_path)
    found = models.find(str(tmp_path))
    assert models.get(str(tmp_path)) is found
    assert models.get(found.name) is found
    assert found.location == str(tmp_path)


def _adapter(folder: Path, base: str, **fields: Any) -> Path:
    path = folder / "my-adapter"
    path.mkdir()
    config = {"base_model_name_or_path": base, "peft_type": "LORA", "r": 16, **fields}
    (path / "adapter_config.json").write_text(json.dumps(config))
    return path


def test_an_adapter_plans_its_base_with_room_for_it(tmp_path: Path) -> None:
    targets = ["q_proj", "k_proj", "v_proj", "o_proj"]
    folder = _adapter(tmp_path, "meta-llama/Llama-2-7b-hf", target_modules=targets)
    found, base = models.find(str(folder)), models.get("llama-2-7b")
    assert found.adapter is not None
    assert (found.adapter.rank, found.adapter.base) == (16, base.hf_id)
    # 32 layers x 4 square matrices of 4096, each rank x (in + out).
    assert found.adapter.parameters == 32 * 4 * 16 * 2 * 4096
    assert found.loaded_bytes == (base.loaded_bytes or 0) + 2 * found.adapter.parameters
    assert models.loaded_bytes(found, "int4") > models.loaded_bytes(base, "int4")
    assert found.kv_bytes_per_token() == base.kv_bytes_per_token()
    assert any("rank 16" in warning for warning in found.warnings)


def test_an_adapter_of_rank_2_takes_the_room_of_rank_8(tmp_path: Path) -> None:
    found = models.find(str(_adapter(tmp_path, "llama-2-7b", r=2)))
    assert found.adapter is not None
    assert found.adapter.weights_bytes == 2 * found.adapter.parameters * 8 / 2


def test_an_adapter_whose_base_cannot_be_read_names_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="an adapter for org/base") as caught:
        models.find(str(_adapter(tmp_path, "org/base")))
    assert caught.value.advice == "planner models org/base"


@pytest.mark.parametrize("rank", [0, -1, "8", 4096, True, None])
def test_a_rank_that_no_engine_serves_is_refused(rank: object, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not a usable adapter"):
        models.find(str(_adapter(tmp_path, "llama-2-7b", r=rank)))


def test_the_reader_itself_says_what_an_adapter_is_for(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="an adapter for llama-2-7b, not a model"):
        reader.read(_adapter(tmp_path, "llama-2-7b"))


def _llama(**more: Any) -> dict[str, Any]:
    return {**all_facts()["awq-llama-3.1-70b"]["files"]["config.json"], **more}


def _write(folder: Path, config: dict[str, Any]) -> None:
    (folder / "config.json").write_text(json.dumps(config))


def test_a_download_that_is_not_finished_is_told_and_not_planned_with(tmp_path: Path) -> None:
    _write(tmp_path, _llama(quantization_config=None))
    weight_map = {"a": SHARD.format(1), "b": SHARD.format(2)}
    index = {"metadata": {"total_size": 141_107_412_992}, "weight_map": weight_map}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    sparse(tmp_path / SHARD.format(1), 70_000_000_000)
    found = reader.read(tmp_path)
    assert found.evidence == "index"
    assert found.loaded_bytes == pytest.approx(141.1e9, rel=0.001)
    assert any("not finished" in warning for warning in found.warnings)


def test_files_of_other_formats_are_not_added(tmp_path: Path) -> None:
    _write(tmp_path, _llama(quantization_config=None))
    sparse(tmp_path / "model.safetensors", 141_107_412_992)
    sparse(tmp_path / "pytorch_model.bin", 141_107_412_992)
    sparse(tmp_path / "adapter_model.safetensors", 10**9)
    found = reader.read(tmp_path)
    assert (found.evidence, found.files_bytes) == ("files", 141_107_412_992)


def test_quantized_files_without_a_word_of_it_are_measured(tmp_path: Path) -> None:
    _write(tmp_path, _llama(quantization_config=None))
    sparse(tmp_path / "model.safetensors", 39_767_785_472)
    found = reader.read(tmp_path)
    assert (found.native_precision, found.loaded_bytes) == ("int4", 39_767_785_472)
    assert found.quantization is not None
    assert found.quantization.method == "not named"


def test_an_unknown_method_is_measured_from_files_or_asks(tmp_path: Path) -> None:
    _write(tmp_path, _llama(quantization_config={"quant_method": "brand_new", "bits": 3}))
    asks = reader.read(tmp_path)
    assert (asks.loaded_bytes, asks.native_precision) == (None, "")
    with pytest.raises(UsageError, match="width of the weights") as caught:
        asks.precision(None)
    assert "--precision int4" in caught.value.advice
    sparse(tmp_path / "model.safetensors", 30_000_000_000)
    measured = reader.read(tmp_path)
    assert (measured.loaded_bytes, measured.native_precision) == (30_000_000_000, "int4")


def test_a_snapshot_in_the_cache_of_the_hub_has_the_name_of_its_model(tmp_path: Path) -> None:
    folder = tmp_path / "models--someone--Fine-Llama" / "snapshots" / ("0123456789abcdef" * 2)
    folder.mkdir(parents=True)
    _write(folder, _llama())
    assert reader.read(folder).name == "fine-llama"


MIXTRAL = "gguf-mixtral-8x7b"


def test_all_parts_of_a_split_file_count(tmp_path: Path) -> None:
    header = all_facts()[MIXTRAL]["gguf"]
    for number in (1, 2, 3):
        write_gguf(tmp_path / f"mix-0000{number}-of-00003.gguf", header, 10_000_000_000)
    for named in (
        tmp_path,
        tmp_path / "mix-00001-of-00003.gguf",
        tmp_path / "mix-00003-of-00003.gguf",
    ):
        found = reader.read(named)
        assert (found.loaded_bytes, found.moe_experts) == (30_000_000_000, 8)
        assert found.params_b == pytest.approx(46.7, abs=0.1)


def test_a_set_with_a_part_missing_is_refused(tmp_path: Path) -> None:
    write_gguf(tmp_path / "mix-00001-of-00003.gguf", all_facts()[MIXTRAL]["gguf"], 10**10)
    with pytest.raises(DataError, match="1 of the 3 parts"):
        reader.read(tmp_path)


def test_a_file_too_small_for_its_weights_is_not_whole(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "mix.gguf", all_facts()[MIXTRAL]["gguf"], 10**9)
    with pytest.raises(DataError) as caught:
        reader.read(path)
    assert "not whole" in caught.value.why


def test_the_tower_beside_a_gguf_file_is_no_model(tmp_path: Path) -> None:
    write_gguf(tmp_path / "model.gguf", all_facts()[MIXTRAL]["gguf"], 3 * 10**10)
    tower = write_gguf(tmp_path / "mmproj-model.gguf", {"general.architecture": "clip"})
    assert reader.read(tmp_path).moe_experts == 8
    with pytest.raises(DataError) as caught:
        reader.read(tower)
    assert "vision tower" in caught.value.why


def test_of_a_huge_file_only_the_header_is_read(tmp_path: Path) -> None:
    header = {**all_facts()[MIXTRAL]["gguf"], "_vocabulary": 150_000}
    path = write_gguf(tmp_path / "huge.gguf", header, 100_000_000_000)
    found = gguf_header.read(path)
    words = found.fields["tokenizer.ggml.tokens"]
    assert isinstance(words, range), "no word of the vocabulary is kept"
    assert len(words) == 150_000
    assert reader.read(path).loaded_bytes == 100_000_000_000


def test_params_json_of_llama_and_mistral_are_read(tmp_path: Path) -> None:
    params = {"dim": 8192, "n_layers": 80, "n_heads": 64, "n_kv_heads": 8, "vocab_size": 128256}
    params |= {"multiple_of": 4096, "ffn_dim_multiplier": 1.3}
    (tmp_path / "params.json").write_text(json.dumps(params))
    found = reader.read(tmp_path)
    assert found.params_b == pytest.approx(70.55, abs=0.01)
    assert found.intermediate == 28672
