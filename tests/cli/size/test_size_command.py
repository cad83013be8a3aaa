"""``planner size``, as typed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Result

    Planner = Callable[..., Result]

ASKED = ("size", "llama-3.1-70b", "--as-of", "2026-11-23")
RATE = ("--requests-per-second", "10")


def test_the_answer_comes_first_and_names_its_precision(planner: Planner) -> None:
    done = planner(*ASKED, *RATE)
    lines = done.out.splitlines()
    assert lines[0].startswith("llama-3.1-70b: 10 requests/s")
    answer = " ".join(lines[:14])
    assert "Cheapest:" in answer
    assert "bf16" in answer
    assert "due now" in answer


def test_the_numbers_of_the_screen_are_those_of_json(planner: Planner) -> None:
    document = json.loads(planner(*ASKED, *RATE, "--format", "json").out)
    text = planner(*ASKED, *RATE).out
    best = document["fleets"][document["answer"]["cheapest"]]
    assert f"${best['monthly_usd']:,.0f} a month" in text.replace("\n", " ")


@pytest.mark.parametrize("output_format", ["csv", "markdown", "json"])
def test_machine_formats_print_nothing_else(planner: Planner, output_format: str) -> None:
    out = planner(*ASKED, *RATE, "--format", output_format).out
    assert out.lstrip()[0] in "{|c"
    assert "Cheapest" not in out


@pytest.mark.long
def test_a_question_is_kept_and_asked_again(planner: Planner, tmp_path: Path) -> None:
    file = tmp_path / "fleet.json"
    first = planner(*ASKED, "--users", "400", "--shape", "office", "--save", str(file))
    again = planner("size", "llama-3.1-70b", "--load", str(file), "--as-of", "2026-11-23")
    assert again.out == first.out
    other = planner(
        "size", "llama-3.1-70b", "--load", str(file), "--users", "4000", "--as-of", "2026-11-23"
    )
    assert other.out != first.out
    assert json.loads(file.read_text())["answer"]["model"] == "llama-3.1-70b"


@pytest.mark.long
def test_a_trace_is_a_load(planner: Planner, tmp_path: Path) -> None:
    rows = [f"2024-05-{13 + n // 24} {n % 24:02}:00:00,900,200" for n in range(169)]
    file = tmp_path / "trace.csv"
    file.write_text("\n".join(["TIMESTAMP,ContextTokens,GeneratedTokens", *rows]) + "\n")
    done = planner(*ASKED, "--shape", str(file), "--format", "json")
    load = json.loads(done.out)["load"]
    assert load["input_tokens"] == 900
    assert load["mean_requests_per_second"] == pytest.approx(1 / 3600, rel=0.01)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "a load is missing"),
        ((*RATE, "--users", "3"), "one way"),
        ((*RATE, "--shape", "offise"), "office"),
        ((*RATE, "--shape", "nowhere.csv"), "no file"),
        ((*RATE, "--tpot", "50"), "50ms"),
        ((*RATE, "--growth", "much"), "30%"),
        ((*RATE, "--discount", "100%"), "10%"),
        ((*RATE, "--held", "p5.48xlarge"), "p5.48xlarge=2"),
        (("--requests-per-second", "x"), "500M"),
    ],
)
def test_what_makes_no_sense_says_what_would(
    planner: Planner, words: tuple[str, ...], said: str
) -> None:
    done = planner(*ASKED, *words)
    assert done.code == 2
    assert said in " ".join(done.err.split())


@pytest.mark.long
def test_targets_that_nothing_meets_are_exit_code_3(planner: Planner) -> None:
    done = planner(*ASKED, *RATE, "--tpot", "0.01ms")
    assert done.code == 3
    assert "--tpot" in done.err
