"""XLSX: one sheet per table, with formulas, so that finance can change what is assumed.

Each formula carries the value planner computed, so that readers that do not calculate (mail
previews) show the same figures.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from planner import extras
from planner.reports import document, headline, series, wording
from planner.reports import workbook_columns as cols

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xlsxwriter import Workbook
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

    from planner.reports.interface import Report

_WIDEST = 60
_HORIZON = 36
# A load to start with: a tenth of what the cheapest plan gives.
_LOAD_SHARE = 0.1


@dataclass(slots=True)
class _Book:
    """A workbook being written, and its formats."""

    file: Workbook
    formats: dict[str, Format] = field(default_factory=dict)

    def style(self, excel: str) -> Format:
        if excel not in self.formats:
            self.formats[excel] = self.file.add_format({"num_format": excel or "General"})
        return self.formats[excel]


def render(report: Report, name: str) -> dict[str, bytes]:
    """Return the workbook."""
    library = extras.module("xlsxwriter", "workbooks", "report")
    buffer = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with library.Workbook(buffer, options) as file:
        file.set_properties({"title": headline.said(report), "comments": report.command})
        book = _Book(file)
        inputs = _inputs(report)
        columns = cols.plan_columns(inputs)
        _assumptions(book, report, inputs, columns)
        _sheet(book, "Plans", columns, report.plans)
        _sheet(book, "Prices", cols.offer_columns(), report.offers)
        figures = document.rent_or_buy_figures(report)
        _sheet(book, "API prices", cols.api_columns(), figures["prices"] if figures else [])
        _sheet(book, "Price history", cols.history_columns(), series.history(report))
        _sheet(book, "Sources", cols.source_columns(), wording.sources(report))
    return {name: buffer.getvalue()}


def _assumptions(
    book: _Book, report: Report, inputs: dict[str, float], columns: Sequence[cols.Column]
) -> None:
    """Write the first sheet: the answer, and the assumptions that formulas refer to by name."""
    sheet = book.file.add_worksheet("Assumptions")
    bold = book.file.add_format({"bold": True, "text_wrap": True, "valign": "top"})
    grey = book.file.add_format({"font_color": "#5B6472", "text_wrap": True, "valign": "top"})
    sheet.set_column(0, 0, 42)
    sheet.set_column(1, 1, 16)
    sheet.set_column(2, 2, 70)
    formula, value = _live_answer(report, columns, inputs)
    sheet.merge_range(0, 0, 0, 2, "", bold)
    sheet.write_formula(0, 0, formula, bold, value)
    sheet.write_string(1, 0, f"As asked: {headline.said(report)}", grey)
    sheet.set_row(0, 36)
    sheet.write_string(2, 0, "Change the yellow cells: the Plans sheet follows", grey)
    for row, (key, title, excel, remark) in enumerate(_INPUTS, start=3):
        yellow = book.file.add_format({"bg_color": "#FFF3BF", "num_format": excel, "border": 1})
        sheet.write_string(row, 0, title)
        sheet.write_number(row, 1, inputs[key], yellow)
        sheet.write_string(row, 2, remark, grey)
        book.file.define_name(key, f"=Assumptions!$B${row + 1}")
    start = 4 + len(_INPUTS)
    # What the yellow cells say is not said again: it would stay as it is when they change.
    fixed = [row for row in wording.assumptions(report) if row[0] not in _LIVE]
    fixed.append(("Capacity", wording.targets(report.assumptions)))
    for row, (what, said) in enumerate(fixed, start=start):
        sheet.write_string(row, 0, what)
        sheet.write_string(row, 2, said)
    software = wording.software(report.plans)
    notes = [*([software] if software else []), *wording.remarks(report)]
    notes = [*notes, f"Made by planner {report.version}. {report.command}"]
    for row, line in enumerate(notes, start=start + len(fixed) + 1):
        sheet.write_string(row, 0, line, book.file.add_format({"font_color": "#5B6472"}))


def _live_answer(
    report: Report, columns: Sequence[cols.Column], inputs: dict[str, float]
) -> tuple[str, str]:
    """Return the cheapest plan at the yellow cells, as a formula and as what it gives first.

    It names a plan by its place in the sheet, so no text from a price list is in the formula.
    """
    keys = [column.key for column in columns]
    last = len(report.plans) + 1

    def cells(key: str) -> str:
        letter = _letter(keys.index(key))
        return f"Plans!${letter}$2:${letter}${last}"

    costs = {
        i: x for i, p in enumerate(report.plans) if (x := cols.Sums(inputs).lowest(p)) is not None
    }
    name = wording.model_name(report.model).replace('"', "'")
    start = f"Cheapest of these plans for {name}, at trusted prices: "
    least, row = f"MIN({cells('least')})", f"MATCH(MIN({cells('least')}),{cells('least')},0)"
    formula = (
        f'=IF(COUNT({cells("least")})=0,"{start}none",'
        f'"{start}"&INDEX({cells("type")},{row})&" in "&INDEX({cells("region")},{row})&", $"'
        f'&TEXT({least},"#,##0")&" a month at "&TEXT(HoursPerMonth,"0")&" hours on demand")'
    )
    if not costs:
        return formula, f"{start}none"
    first = min(costs, key=lambda i: costs[i])
    plan = report.plans[first]
    return formula, (
        f"{start}{plan.instance_type} in {plan.region}, ${costs[first]:,.0f} a month at "
        f"{inputs['HoursPerMonth']:.0f} hours on demand"
    )


_LIVE = ("Hours a month, on demand", "Capacity")
_INPUTS = (
    ("HoursPerMonth", "Hours a month, on demand", cols.WHOLE, "a commitment is paid for all 730"),
    ("Utilisation", "Share of full speed used", cols.PERCENT, "of the hours that are paid for"),
    ("HorizonMonths", "Months it is kept", cols.WHOLE, "commitments are paid to the end of a term"),
    (
        "LoadMillionTokens",
        "Load, million output tokens a month",
        cols.WHOLE,
        "your own expectation",
    ),
    (
        "ApiUsdPerMillion",
        "API, $ a million output tokens",
        cols.CENTS,
        "with prompts; 0: not known",
    ),
)


def _inputs(report: Report) -> dict[str, float]:
    speeds = [p.tokens_per_second for p in report.plans if p.tokens_per_second is not None]
    lines = series.api_lines(report)
    load = speeds[0] * 3600 * 730 / 1e6 * _LOAD_SHARE if speeds else 100
    return {
        "HoursPerMonth": float(report.assumptions["hours_per_month"]),
        "Utilisation": float(report.assumptions["utilisation"]),
        "HorizonMonths": _HORIZON,
        "LoadMillionTokens": float(f"{load:.2g}"),
        "ApiUsdPerMillion": float(lines[0].usd_per_million_output_tokens) if lines else 0,
    }


def _sheet(book: _Book, title: str, columns: Sequence[cols.Column], rows: Sequence[Any]) -> None:
    """Write a table under a frozen, filterable header."""
    sheet = book.file.add_worksheet(title)
    header = book.file.add_format(
        {"bold": True, "text_wrap": True, "valign": "top", "bottom": 1, "bg_color": "#F0F2F5"}
    )
    letters = {column.key: _letter(i) for i, column in enumerate(columns)}
    for i, column in enumerate(columns):
        sheet.write_string(0, i, column.title, header)
        widths = [len(str(column.value(row) or "")) for row in rows] if not column.formula else [0]
        numeric = bool(column.excel)
        sheet.set_column(i, i, 14 if numeric else min(_WIDEST, max([10, *widths]) + 2))
    for number, row in enumerate(rows, start=1):
        cells = {key: f"{letter}{number + 1}" for key, letter in letters.items()}
        for i, column in enumerate(columns):
            value, style = column.value(row), book.style(column.excel)
            if column.formula:
                formula = f"={column.formula.format(**cells)}"
                sheet.write_formula(number, i, formula, style, "" if value is None else value)
            else:
                _write(sheet, (number, i), value, style)
    sheet.set_row(0, 46)
    sheet.freeze_panes(1, 1)
    if rows:
        sheet.autofilter(0, 0, len(rows), len(columns) - 1)


def _write(
    sheet: Worksheet,
    at: tuple[int, int],
    value: Any,  # noqa: ANN401 - whatever a cell can hold
    style: Format,
) -> None:
    """Write a value as what it is; text is never taken for a formula or a link."""
    if value is None or value == "":
        sheet.write_blank(*at, None, style)
    elif isinstance(value, str):
        sheet.write_string(*at, value)
    elif isinstance(value, date):
        sheet.write_datetime(*at, value, style)
    else:
        sheet.write_number(*at, float(value), style)


def _letter(index: int) -> str:
    from xlsxwriter.utility import xl_col_to_name

    name: str = xl_col_to_name(index)
    return name
