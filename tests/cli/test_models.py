"""``planner models`` as a user runs it."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from model_corpus import all_facts, build

from planner.cli.models import models
from planner.errors import DataError, NotFoundError

if TYPE_CHECKING:
    from pathlib import Path


def run(*arguments: str) -> str:
    result = CliRunner().invoke(models, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def test_the_table_fits_80_columns_and_shows_every_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = run().splitlines()
    assert max(map(len, lines)) <= 80
    rows = [line.split() for line in lines if line.strip() and "─" not in line]
    assert rows[0][:1] == ["Model"]
    assert len(rows) >= 46
    assert ["llama-2-70b", "68.98", "4,096", "320", "128.5", "fp16"] in rows


def test_words_keep_the_models_with_all_of_them() -> None:
    names = [row["name"] for row in json.loads(run("llama", "70b", "--format", "json"))]
    assert "llama-2-70b" in names
    assert "codellama-70b" in names
    assert all("70b" in name for name in names)


def test_machine_formats_carry_the_source() -> None:
    rows = list(csv.DictReader(io.StringIO(run("gpt-oss-120b", "--format", "csv"))))
    assert len(rows) == 1
    assert rows[0]["native_precision"] == "mxfp4"
    assert rows[0]["sliding_window"] == "128"
    assert float(rows[0]["weights_gib"]) == pytest.approx(60.8, rel=0.005)
    assert "aiconfigurator" in rows[0]["source"]


def test_nothing_found_is_an_error_with_advice() -> None:
    with pytest.raises(NotFoundError, match="no model matches 'lamma'") as caught:
        run("lamma")
    assert caught.value.advice == "planner models"


def test_one_model_is_an_object_with_the_evidence_of_its_figures() -> None:
    found = json.loads(run("llama-3.1-70b", "--format", "json"))
    assert (found["name"], found["evidence"]) == ("llama-3.1-70b", "table")
    assert found["parameters"] == pytest.approx(70.55e9, rel=0.001)
    assert found["weights_bytes"] == pytest.approx(141.1e9, rel=0.001)
    assert found["kv_bytes_per_token"] == 327_680
    assert found["state_bytes_per_sequence"] == 0
    assert (found["native_precision"], found["quantization"]) == ("bf16", None)
    sizes = {item["precision"]: item["weights_bytes"] for item in found["precisions"]}
    assert sizes["fp8"] < sizes["bf16"]


def test_a_folder_is_explained_by_kind_of_layer(tmp_path: Path) -> None:
    build(all_facts()["Qwen/Qwen3.5-35B-A3B"], tmp_path)
    found = json.loads(run(str(tmp_path), "--format", "json"))
    kinds = {cache["kind"]: cache for cache in found["caches"]}
    assert kinds["delta"]["layers"] == 30
    assert kinds["delta"]["bytes_per_token"] == 0
    assert kinds["full"]["bytes_per_token"] == found["kv_bytes_per_token"] == 20_480
    assert found["state_bytes_per_sequence"] == kinds["delta"]["state_bytes_per_sequence"]
    assert found["evidence"] == "config"
    text = run(str(tmp_path))
    for words in ("gated delta net", "State of a sequence", "counted from the configuration"):
        assert words in text


def test_the_number_of_weights_can_be_told(tmp_path: Path) -> None:
    config = {"model_type": "zamba2", "hidden_size": 2560, "num_hidden_layers": 54}
    (tmp_path / "config.json").write_text(json.dumps({**config, "num_attention_heads": 32}))
    with pytest.raises(DataError, match="cannot read") as caught:
        run(str(tmp_path))
    assert "--parameters 34B" in caught.value.advice
    found = json.loads(run(str(tmp_path), "--parameters", "2.7B", "--format", "json"))
    assert found["parameters"] == 2_700_000_000
    assert any("the one given" in warning for warning in found["warnings"])


@pytest.mark.parametrize("text", ["many", "-3B", "0", "1e99", ""])
def test_a_number_of_weights_that_is_none_is_refused(text: str) -> None:
    result = CliRunner().invoke(models, ["llama-2-7b", "--parameters", text])
    assert result.exit_code == 2
    assert "such as 34B" in result.output


def test_a_mistyped_name_is_told_its_nearest() -> None:
    with pytest.raises(NotFoundError) as caught:
        run("llama-2-7o")
    assert "did you mean llama-2-7b" in caught.value.why
