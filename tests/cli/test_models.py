"""``planner models`` as a user runs it."""

from __future__ import annotations

import csv
import io
import json

import pytest
from click.testing import CliRunner

from planner.cli.models import models
from planner.errors import NotFoundError


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
    assert ["llama-2-70b", "68.98", "4k", "320", "128.5", "fp16"] in rows


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
