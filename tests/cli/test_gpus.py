"""``planner gpus`` as a user runs it."""

from __future__ import annotations

import csv
import io
import json

import pytest
from click.testing import CliRunner

from planner.cli.gpus import gpus
from planner.errors import NotFoundError


def run(*arguments: str) -> str:
    result = CliRunner().invoke(gpus, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def test_the_table_fits_80_columns_and_marks_weights_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    text = run()
    assert max(map(len, text.splitlines())) <= 80
    rows = {line.split()[0]: line.split()[1:] for line in text.splitlines() if line.strip()}
    assert rows["A10G"][:3] == ["24", "600.2", "70"]
    assert "fp8*" in rows["A10G"]
    assert "fp8" in rows["L4"]
    assert rows["K80"][-3:] == ["no", "LLM", "engine"]
    assert rows["K80"][2] == "-"


def test_words_match_name_alias_vendor_and_architecture() -> None:
    def names(*words: str) -> list[str]:
        return [row["name"] for row in json.loads(run(*words, "--format", "json"))]

    assert names("a100", "pcie") == ["A100-80GB-PCIe"]
    assert set(names("amd")) == {"MI300X", "MI325X", "MI355X", "MI250", "Radeon-Pro-V520"}
    assert "L4" in names("ada")


def test_machine_formats_carry_the_source_and_keep_unknown_empty() -> None:
    rows = {r["name"]: r for r in csv.DictReader(io.StringIO(run("--format", "csv")))}
    assert rows["K80"]["fp16_tflops"] == ""
    assert rows["A10G"]["usable_gib"] == "22.35"
    assert rows["T4"]["precisions"] == "fp16 int8 int4"
    assert all(row["source"] for row in rows.values())
    (card,) = json.loads(run("inferentia2", "--format", "json"))
    assert card["needs_neuron"] is True
    assert card["compute_capability"] is None


@pytest.mark.long
def test_nothing_found_is_an_error_with_advice() -> None:
    with pytest.raises(NotFoundError, match="no accelerator matches 'voodoo 2'"):
        run("voodoo", "2")
