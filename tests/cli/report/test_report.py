"""``planner report`` and ``planner compare --against-api`` as a user runs them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from planner.cli.compare.command import compare
from planner.cli.report.command import report
from planner.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

ARGUMENTS = ("llama-2-70b", "--as-of", "2026-11-23")
ALIVE = ("llama-3.3-70b", "--as-of", "2026-11-23")
"""A model that an API is known to serve."""


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(report, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    return result


@pytest.mark.parametrize("end", ["html", "md", "csv", "json", "xlsx", "focus.csv"])
def test_every_format_is_written_and_named(tmp_path: Path, end: str) -> None:
    path = tmp_path / f"report.{end}"
    result = run(*ARGUMENTS, "-o", str(path))
    assert path.stat().st_size > 1000
    assert result.stdout == ""
    assert f"report.{end}" in result.stderr.replace("\n", "")


def test_the_options_of_compare_decide_what_is_in_it(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    run(*ARGUMENTS, "--geo", "eu", "--cloud", "azure", "--utilization", "0.8", "-o", str(path))
    figures = json.loads(path.read_text(encoding="utf-8"))
    assert {plan["cloud"] for plan in figures["plans"]} == {"azure"}
    assert figures["assumptions"]["utilisation"] == 0.8
    assert figures["command"] == (
        "planner report llama-2-70b --cloud azure --geo eu --as-of 2026-11-23 "
        "--utilization 0.8 -o report.json"
    )


def test_the_report_equals_the_comparison_of_the_same_options(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    run(*ARGUMENTS, "-o", str(path))
    result = CliRunner().invoke(compare, [*ARGUMENTS, "--format", "json"], catch_exceptions=False)
    figures = json.loads(path.read_text(encoding="utf-8"))
    compared = json.loads(result.stdout)
    assert compared.pop("choices")["pick"]  # a report says it in words: its answer
    for plan in compared["plans"]:
        # What this user has measured is no part of a report to others.
        assert plan.pop("measured_here") == []
    for key, value in compared.items():
        assert figures[key] == value


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("llama-2-70b", "-o", "report.pdf"), UsageError),
        (("llama-9", "-o", "report.csv"), UnknownNameError),
        (("llama-2-70b", "-o", "no/such/folder/report.csv"), UsageError),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    error: type[Exception],
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error):
        run(*arguments)
    assert list(tmp_path.rglob("report*")) == []


def test_api_prices_stand_below_the_table_with_their_date(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    text = CliRunner().invoke(compare, [*ARGUMENTS, "--against-api"], catch_exceptions=False).stdout
    assert max(map(len, text.splitlines())) <= 80
    assert "Together AI" in text
    assert "genai-prices" in text
    assert "newest dated change 20" in text


@pytest.mark.long
def test_api_prices_are_in_the_json_only_when_asked_for() -> None:
    plain, against = (
        json.loads(
            CliRunner()
            .invoke(compare, [*ALIVE, "--format", "json", *more], catch_exceptions=False)
            .stdout
        )
        for more in ((), ("--against-api",))
    )
    assert "rent_or_buy" not in plain
    figures = against.pop("rent_or_buy")
    assert against == plain
    assert figures["prices"]
    assert {point["way"] for point in figures["break_evens"]} == {"on_demand", "committed_1y"}


@pytest.mark.long
def test_a_model_that_no_api_serves_says_so() -> None:
    result = CliRunner().invoke(
        compare, ["falcon-7b", "--as-of", "2026-11-23", "--against-api"], catch_exceptions=False
    )
    assert "No per-token API that serves falcon 7B is known." in " ".join(result.stdout.split())
