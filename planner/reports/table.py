"""CSV: one row per plan, with the fields of ``planner compare --format csv``."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from planner.reports.interface import Report


def render(report: Report, name: str) -> dict[str, bytes]:
    """Return the CSV file."""
    plans = report.comparison["plans"]
    fields = list(plans[0])
    return {name: csv_text(fields, ([plan[field] for field in fields] for plan in plans)).encode()}


def csv_text(fields: Sequence[str], rows: Iterable[Iterable[Any]]) -> str:
    """Return rows as CSV; text that a spreadsheet would run as a formula is made plain."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(fields)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue()


def _cell(value: object) -> object:
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return f"{value:f}"  # 0.000000000 and not 0E-9, which some readers take for text
    if isinstance(value, list | tuple):
        return _cell("; ".join(str(item) for item in value))
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return f"'{value}"
    return value
