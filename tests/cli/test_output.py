"""The table printer and the machine formats, on records of a test's own."""

from __future__ import annotations

import csv
import io
import json
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from planner.cli.output import emit, grouped_warnings, note
from planner.cli.tables import Column

if TYPE_CHECKING:
    import pytest

RECORDS: list[dict[str, Any]] = [
    {"name": "a|b", "usd": Decimal("1234.5"), "day": date(2026, 1, 2), "tags": ("x", "y")},
    {"name": "née", "usd": None, "day": None, "tags": ()},
]
COLUMNS = [
    Column("name", "Name"),
    Column("usd", "Price\n$/month", "right", lambda r: "" if r["usd"] is None else f"{r['usd']:,}"),
    Column("day", "Day", drop_below=60),
]
FIELDS = ("name", "usd", "day", "tags")


def printed(capsys: pytest.CaptureFixture[str], output_format: str, **options: Any) -> str:
    emit(RECORDS, COLUMNS, output_format, fields=FIELDS, **options)
    return capsys.readouterr().out


def test_json_is_one_document_with_all_fields(capsys: pytest.CaptureFixture[str]) -> None:
    assert json.loads(printed(capsys, "json")) == [
        {"name": "a|b", "usd": 1234.5, "day": "2026-01-02", "tags": ["x", "y"]},
        {"name": "née", "usd": None, "day": None, "tags": []},
    ]


def test_csv_has_a_heading_and_empty_cells_for_what_is_not_known(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = list(csv.reader(io.StringIO(printed(capsys, "csv"))))
    assert rows == [
        list(FIELDS),
        ["a|b", "1234.5", "2026-01-02", "x; y"],
        ["née", "", "", ""],
    ]


def test_markdown_has_one_line_for_each_row_and_escapes_bars(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert printed(capsys, "markdown").splitlines() == [
        "| Name | Price $/month | Day |",
        "| :--- | ---: | :--- |",
        r"| a\|b | 1,234.5 | 2026-01-02 |",
        "| née |  |  |",
    ]


def test_a_table_drops_columns_that_a_narrow_terminal_has_no_room_for(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    assert "Day" in printed(capsys, "table", title="Prices")
    monkeypatch.setenv("COLUMNS", "59")
    narrow = printed(capsys, "table", title="Prices")
    assert "Day" not in narrow
    assert narrow.startswith("Prices")


def test_numbers_are_aligned_right(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys, "table").splitlines()
    heading = next(line for line in lines if "$/month" in line)
    cell = next(line for line in lines if "1,234.5" in line)
    assert heading.index("$/month") + len("$/month") == cell.index("1,234.5") + len("1,234.5")


def test_markup_in_the_data_is_printed_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    emit([{"name": "[red]x[/red]"}], [Column("name", "Name")], "table", title="[b]t[/b]")
    text = capsys.readouterr().out
    assert "[red]x[/red]" in text
    assert "[b]t[/b]" in text


def test_colour_comes_only_where_it_is_wanted(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    green = [Column("name", "Name", style=lambda _: "bold green")]
    emit(RECORDS, green, "table")
    assert "\x1b" not in capsys.readouterr().out
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("FORCE_COLOR", "1")
    emit(RECORDS, green, "table")
    assert "\x1b" in capsys.readouterr().out


def test_notes_go_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    note("remember this")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "remember this\n")


def test_a_warning_is_said_once_with_the_machines_it_is_about() -> None:
    records = [
        *({"instance_type": name, "warnings": ("slow",)} for name in "abcdef"),
        {"instance_type": "a", "warnings": ("slow", "old")},
    ]
    assert grouped_warnings(records) == ["a, b, c, d and 2 more: slow.", "a: old."]
