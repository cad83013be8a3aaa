"""Files of hours and traces of requests, in the forms people publish."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from planner.errors import UsageError
from planner.planning import load_files

if TYPE_CHECKING:
    from pathlib import Path

MONDAY = datetime(2024, 5, 13, tzinfo=UTC)


def write(path: Path, lines: list[str]) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def azure(path: Path, days: int, *, busy: range) -> Path:
    """Write a trace of ten requests an hour, sixty in the busy hours, as Azure's files are."""
    lines = ["TIMESTAMP,ContextTokens,GeneratedTokens"]
    for hour in range(24 * days):
        count = 60 if hour % 24 in busy else 10
        for n in range(count):
            when = MONDAY + timedelta(hours=hour, seconds=3600 * (n + 0.5) / count)
            lines.append(f"{when:%Y-%m-%d %H:%M:%S.%f},{100 + n},{50}")
    return write(path, lines)


def test_a_day_of_hours_is_repeated(tmp_path: Path) -> None:
    rows = [f"{hour},{hour + 1}" for hour in range(24)]
    read = load_files.read(write(tmp_path / "day.csv", ["hour,requests_per_s", *rows]))
    assert read.rates[:24] == tuple(range(1, 25))
    assert read.rates[24:48] == read.rates[:24]
    assert not read.is_relative


def test_counts_of_requests_are_by_the_hour(tmp_path: Path) -> None:
    read = load_files.read(write(tmp_path / "week.csv", ["requests", *["7200"] * 168]))
    assert read.rates == (2.0,) * 168


def test_a_column_without_a_unit_is_a_shape_only(tmp_path: Path) -> None:
    read = load_files.read(write(tmp_path / "shape.csv", ["hour,load", *["1,5"] * 168]))
    assert read.is_relative


def test_an_azure_trace_of_a_week_tells_hours_and_lengths(tmp_path: Path) -> None:
    read = load_files.read(azure(tmp_path / "trace.csv", 7, busy=range(9, 12)))
    assert read.rates[9] == pytest.approx(60 / 3600)
    assert read.rates[24 * 6 + 3] == pytest.approx(10 / 3600)
    assert read.requests == 7 * (21 * 10 + 3 * 60)
    assert read.input_tokens is not None
    assert read.input_tokens.p95 > read.input_tokens.mean > 100
    assert read.output_tokens is not None
    assert read.output_tokens.mean == 50
    assert not read.warnings


def test_hours_stand_at_their_place_in_the_week(tmp_path: Path) -> None:
    lines = ["timestamp", *(f"2024-05-18 10:{m:02}:00" for m in range(60))]  # a Saturday
    lines += [f"{MONDAY + timedelta(days=d):%Y-%m-%d} 00:30:00" for d in range(8)]
    read = load_files.read(write(tmp_path / "saturday.csv", lines))
    assert max(range(168), key=read.rates.__getitem__) == 5 * 24 + 10


def test_a_trace_of_days_makes_every_day_alike(tmp_path: Path) -> None:
    read = load_files.read(azure(tmp_path / "trace.csv", 3, busy=range(9, 12)))
    assert read.rates[:24] == read.rates[24:48]
    assert any("alike" in text for text in read.warnings)


def test_burstgpt_counts_seconds_from_its_start(tmp_path: Path) -> None:
    lines = ["Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type"]
    lines += [f"{n * 4.0},ChatGPT,472,18,490,Conversation log" for n in range(901)]
    read = load_files.read(write(tmp_path / "burst.csv", lines))
    assert read.rates[0] == pytest.approx(0.25, rel=0.01)
    assert any("flat week" in text for text in read.warnings)
    assert read.input_tokens is not None
    assert read.input_tokens.mean == 472


def test_mooncake_counts_milliseconds(tmp_path: Path) -> None:
    line = '{{"timestamp": {}, "input_length": 6758, "output_length": 500, "hash_ids": [0]}}'
    lines = [line.format(n * 500) for n in range(2001)]
    read = load_files.read(write(tmp_path / "trace.jsonl", lines))
    assert read.rates[0] == pytest.approx(2, rel=0.01)


@pytest.mark.parametrize(
    "lines",
    [
        [],
        ["a,b,c", "1,2,3"],
        ["requests_per_s", "1", "2"],
        ["requests_per_s", *["-1"] * 24],
        ["requests_per_s", *["0"] * 24],
        ["requests_per_s", *["much"] * 24],
        ["timestamp", "2024-05-13 10:00:00"],
    ],
)
def test_what_is_neither_is_refused_with_both_forms(tmp_path: Path, lines: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        load_files.read(write(tmp_path / "odd.csv", lines))
    assert "168" in caught.value.advice


def test_a_missing_file_names_the_shapes(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        load_files.read(tmp_path / "nowhere.csv")
    assert "office" in caught.value.advice
