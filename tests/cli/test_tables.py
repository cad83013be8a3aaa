"""Tables at any width: a number is whole, or its column is not there."""

from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from planner.cli.tables import Column, fitted

amounts = st.decimals(min_value=0, max_value=10**7, places=2).map(lambda value: f"{value:,}")
rows = st.lists(
    st.fixed_dictionaries(
        {"name": st.text("abcdef-_", min_size=1, max_size=40)}
        | dict.fromkeys(("monthly", "hourly", "tokens"), amounts)
    ),
    min_size=1,
    max_size=4,
)
COLUMNS = (
    Column("name", "Instance type", min_width=26),
    Column("hourly", "$/hour", "right", drop_below=100),
    Column("monthly", "On demand\n$/month", "right"),
    Column("tokens", "$/million\ntokens", "right", drop_below=60),
)


def printed(records: list[dict[str, str]], width: int) -> str:
    console = Console(width=width, file=io.StringIO(), force_terminal=False)
    console.print(fitted(records, COLUMNS, width))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.long
@settings(max_examples=150)
@given(rows, st.integers(min_value=40, max_value=220))
def test_no_number_is_cropped_and_no_line_too_long(
    records: list[dict[str, str]], width: int
) -> None:
    text = printed(records, width)
    assert max(map(len, text.splitlines())) <= width
    for column in COLUMNS[1:]:
        if column.title.split("\n")[0] in text:
            assert all(record[column.key] in text for record in records)
    assert all(record["monthly"] in text for record in records)


def test_columns_drop_out_by_rank() -> None:
    record = {"name": "g7e.12xlarge", "monthly": "6,049", "hourly": "8.29", "tokens": "14.36"}
    assert "$/hour" in printed([record], 100)
    assert "$/hour" not in printed([record], 99)
    assert "tokens" in printed([record], 60)
    assert "tokens" not in printed([record], 59)


def test_where_nothing_more_can_go_each_record_is_a_block() -> None:
    record = {"name": "x" * 40, "monthly": "6,049.00", "hourly": "1", "tokens": "2"}
    assert "On demand $/month: 6,049.00\n" in printed([record], 30)


def test_a_file_has_every_column() -> None:
    record = {"name": "x" * 40, "monthly": "6,049", "hourly": "8.29", "tokens": "14.36"}
    console = Console(width=500, file=io.StringIO())
    console.print(fitted([record], COLUMNS, None))
    assert isinstance(console.file, io.StringIO)
    assert all(value in console.file.getvalue() for value in record.values())
