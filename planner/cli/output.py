"""Print a list of records as a table, JSON, CSV or Markdown.

A command describes its columns once; every format follows. Machine formats print to stdout
and nothing else does; notes go to stderr.
"""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click

from planner.cli.next_command import pasteable
from planner.cli.tables import fitted
from planner.cli.words import Choice

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rich.console import Console

    from planner.cli.tables import Column

# Instance types that a remark names before it says how many more there are.
_NAMED = 4
# Wider than any table.
_FILE_WIDTH = 1000
FORMATS = ("table", "json", "csv", "markdown")

format_option = click.option(
    "--format",
    "output_format",
    type=Choice(FORMATS),
    default="table",
    show_default=True,
    help="How to print.",
)


def emit(
    records: Iterable[Mapping[str, Any]],
    columns: Sequence[Column],
    output_format: str,
    *,
    fields: Sequence[str] | None = None,
    title: str = "",
) -> None:
    """Print the records.

    Args:
        records: What to print.
        columns: What people see.
        output_format: One of ``FORMATS``.
        fields: The keys of the machine formats; the columns' own by default.
        title: A line above the table.
    """
    rows = list(records)
    keys = list(fields) if fields is not None else [c.key for c in columns]
    if output_format == "json":
        emit_json([{key: row.get(key) for key in keys} for row in rows])
    elif output_format == "csv":
        _emit_csv(rows, keys)
    elif output_format == "markdown":
        _emit_markdown(rows, columns)
    else:
        _emit_table(rows, columns, title)


def emit_json(value: object) -> None:
    """Print one JSON document."""
    click.echo(json.dumps(value, indent=2, default=_plain, allow_nan=False))


def note(text: str) -> None:
    """Print a remark for people to stderr, wrapped to the terminal."""
    console(stderr=True).print(pasteable(text), highlight=False, markup=False)


def grouped_warnings(records: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return each warning of the records once, with the instance types it is about."""
    about: dict[str, list[str]] = {}
    for record in records:
        for warning in record["warnings"]:
            about.setdefault(warning, []).append(record["instance_type"])
    lines = []
    for warning, names in about.items():
        distinct = list(dict.fromkeys(names))
        more = f" and {len(distinct) - _NAMED} more" if len(distinct) > _NAMED else ""
        lines.append(f"{', '.join(distinct[:_NAMED])}{more}: {warning}.")
    return lines


def console(*, stderr: bool = False, width: int | None = None) -> Console:
    """Return a Rich console; honours NO_COLOR, COLUMNS and pipes."""
    from rich.console import Console

    class Quiet(Console):
        def on_broken_pipe(self) -> None:
            """Leave it to planner.cli.app; Rich would exit with an error."""
            raise BrokenPipeError

    return Quiet(stderr=stderr, highlight=False, width=width)


def _emit_csv(rows: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(keys)
    writer.writerows([_cell(row.get(key)) for key in keys] for row in rows)
    sys.stdout.write(text.getvalue())


def _emit_markdown(rows: Sequence[Mapping[str, Any]], columns: Sequence[Column]) -> None:
    def line(cells: Iterable[str]) -> str:
        plain = (cell.replace("|", "\\|").replace("\n", " ") for cell in cells)
        return "| " + " | ".join(plain) + " |"

    click.echo(line(column.title for column in columns))
    click.echo(line("---:" if column.align == "right" else ":---" for column in columns))
    for row in rows:
        click.echo(line(column.text(row) for column in columns))


def _emit_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[Column], title: str) -> None:
    out = console()
    if title:
        out.print(title, style="bold", markup=False)
    made = fitted(rows, columns, table_width(out))
    # A file has room for every column; a terminal that was asked for has its own width.
    whole = out if table_width(out) is not None else console(width=_FILE_WIDTH)
    whole.print(made)


def table_width(out: Console) -> int | None:
    """Return the width that tables must fit, or None where the output is a file of any width."""
    return out.width if out.is_terminal or "COLUMNS" in os.environ else None


def _cell(value: object) -> object:
    if isinstance(value, dict):
        return " ".join(f"{key}={_cell(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return "; ".join(str(_cell(item)) for item in value)
    return "" if value is None else _plain(value)


def _plain(value: object) -> Any:  # noqa: ANN401 - whatever JSON can hold
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, date | datetime):
        return value.isoformat()
    return value
