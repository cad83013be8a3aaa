"""``planner throughput`` as a user runs it."""

from __future__ import annotations

import csv
import io
import json

import pytest
from click.testing import CliRunner, Result

from planner.cli.throughput import throughput
from planner.errors import UnknownNameError

H100 = ("llama-2-70b", "--accelerator", "H100", "--count", "4")
LOAD = ("--input-tokens", "128", "--output-tokens", "128", "--concurrency", "16")
THEN = ("--tensor-parallel", "4", "--engine-generation", "2024")


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(throughput, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result


def test_json_is_an_object_with_the_contract() -> None:
    found = json.loads(run(*H100, *LOAD, *THEN, "--precision", "fp16", "--format", "json").stdout)
    assert found["tokens_per_second"] == pytest.approx(733.598, abs=0.001)
    assert found["tokens_per_second_low"] < 733.5 < found["tokens_per_second_high"]
    assert found["throughput_basis"] == "measured"
    assert found["max_concurrency"] > 16
    assert found["time_to_first_token_s"] > 0
    assert found["time_per_output_token_s"] > 0
    assert "Argonne" in found["source"] or "argonne" in found["source"]


def test_the_table_fits_80_columns_and_says_how_the_speed_is_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    result = run(*H100, *LOAD, *THEN)
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert "734  (" in result.stdout
    assert "measured" in result.stdout
    assert result.stderr.startswith("Source: vLLM, 2024-10")


def test_csv_has_one_row_of_the_same_fields() -> None:
    (row,) = csv.DictReader(io.StringIO(run(*H100, *LOAD, "--format", "csv").stdout))
    assert row["engine"] == "vllm"
    assert row["tensor_parallel"] == "4"


def test_maximum_concurrency_is_the_default() -> None:
    bare = json.loads(run(*H100, "--format", "json").stdout)
    asked = json.loads(run(*H100, "--concurrency", "MAX", "--format", "json").stdout)
    assert bare == asked
    assert bare["concurrency"] > 100


@pytest.mark.parametrize("value", ["0", "-3", "many", "1.5"])
def test_a_concurrency_that_is_no_number_of_requests_is_refused(value: str) -> None:
    result = CliRunner().invoke(throughput, [*H100, "--concurrency", value])
    assert result.exit_code == 2
    assert "is not a number of requests (1 or more) or max" in result.output


def test_an_unknown_accelerator_is_named_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="H1000") as error:
        run("llama-2-70b", "--accelerator", "H1000")
    assert "H100" in error.value.nearest
