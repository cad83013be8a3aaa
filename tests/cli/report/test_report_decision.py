"""``planner report --size``: a kept question as a page, beside another and an earlier date."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from planner.cli.app import cli
from planner.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, words)


def refusal(done: Result) -> str:
    """Return what a refused command says, whoever refuses it: click or planner."""
    assert done.exit_code != 0
    error = done.exception
    assert isinstance(error, UsageError | SystemExit)
    advice = error.advice if isinstance(error, UsageError) else ""
    return " ".join(f"{done.output} {error} {advice}".split())


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("fleets") / "fleet.json"
    load = ("--requests-per-second", "0.3", "--horizon", "6", "--cloud", "aws")
    done = run("size", "llama-3.1-8b", *load, "--as-of", "2026-11-23", "--save", str(path))
    assert done.exit_code == 0, done.output
    return path


@pytest.mark.long
def test_the_page_is_of_the_kept_question_with_an_earlier_date_and_another(
    kept: Path, tmp_path: Path
) -> None:
    output = tmp_path / "decision.json"
    words = ("report", "--size", str(kept), "--against", str(kept), "--since", "2025-06-30")
    done = run(*words, "-o", str(output))
    assert done.exit_code == 0, done.output
    page = json.loads(output.read_text())
    answer = json.loads(kept.read_text())["answer"]
    cheapest = answer["fleets"][answer["answer"]["cheapest"]]
    assert page["options"][0]["fleet"]["monthly_usd"] == pytest.approx(
        float(cheapest["monthly_usd"])
    )
    since, against = page["beside"]
    assert since["columns"] == ["2025-06-30", "2026-11-23"]
    assert {row[3] for row in against["rows"]} <= {"", "the same"}
    assert page["command"].endswith("--size fleet.json --against fleet.json --since 2025-06-30")


@pytest.mark.long
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--geo", "eu"), "--geo cannot be given with --size"),
        (("llama-2-70b",), "MODEL cannot be given with --size"),
        (("--check-quotas",), "--check-quotas cannot be given with --size"),
    ],
)
def test_what_the_file_answers_cannot_be_given_beside_it(
    kept: Path, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    done = run("report", *words, "--size", str(kept), "-o", str(tmp_path / "d.md"))
    assert said in refusal(done)
    assert not (tmp_path / "d.md").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "Missing argument"),
        (("llama-2-70b", "--since", "2026-01-01"), "--since needs --size"),
    ],
)
def test_a_report_of_nothing_is_refused(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    done = run("report", *words, "-o", str(tmp_path / "d.md"))
    assert said in refusal(done)


@pytest.mark.parametrize("text", ["{}", "nonsense", '{"question": {"model": "x"}}', "[]"])
def test_a_file_that_holds_no_question_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "broken.json"
    path.write_text(text)
    done = run("report", "--size", str(path), "-o", str(tmp_path / "d.md"))
    assert "planner size MODEL" in refusal(done)
