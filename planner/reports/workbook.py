"""XLSX: one sheet per table, with formulas, so that finance can change what is assumed.

Each formula carries the value planner computed, so that readers that do not calculate (mail
previews) show the same figures.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from planner import extras
from planner.reports import document, series, wording

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from decimal import Decimal

    from xlsxwriter import Workbook
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

    from planner.plan import Plan
    from planner.reports.interface import Report

_MONEY, _CENTS, _NANO, _WHOLE, _PERCENT = "#,##0", "#,##0.00", "#,##0.0000", "#,##0", "0%"
_DATE = "yyyy-mm-dd"
_WIDEST = 60
_HORIZON = 36
_HOURS_PER_YEAR = 8760
_HOURS_PER_MONTH = 730
# A load to start with: a tenth of what the cheapest plan gives.
_LOAD_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a sheet: its values, or a formula over others of the same row.

    Attributes:
        formula: ``{key}`` stands for the cell of that column in the row.
        value: The value, or what the formula gives with the first assumptions.
    """

    key: str
    title: str
    value: Callable[[Any], Any]
    excel: str = ""
    formula: str = ""


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
        file.set_properties({"title": wording.answer(report), "comments": report.command})
        book = _Book(file)
        inputs = _assumptions(book, report)
        _sheet(book, "Plans", _plan_columns(inputs), report.plans)
        _sheet(book, "Prices", _offer_columns(), report.offers)
        figures = document.rent_or_buy_figures(report)
        _sheet(book, "API prices", _api_columns(), figures["prices"] if figures else [])
        _sheet(book, "Price history", _history_columns(), series.history(report))
        _sheet(book, "Sources", _source_columns(), wording.sources(report))
    return {name: buffer.getvalue()}


def _assumptions(book: _Book, report: Report) -> dict[str, float]:
    """Write the first sheet: the answer, and the assumptions that formulas refer to by name."""
    sheet = book.file.add_worksheet("Assumptions")
    bold = book.file.add_format({"bold": True, "text_wrap": True, "valign": "top"})
    grey = book.file.add_format({"font_color": "#5B6472", "text_wrap": True, "valign": "top"})
    inputs = _inputs(report)
    sheet.set_column(0, 0, 42)
    sheet.set_column(1, 1, 16)
    sheet.set_column(2, 2, 70)
    sheet.merge_range(0, 0, 0, 2, wording.answer(report), bold)
    sheet.set_row(0, 36)
    sheet.write_string(2, 0, "Change the yellow cells: the Plans sheet follows", grey)
    for row, (key, title, excel, remark) in enumerate(_INPUTS, start=3):
        yellow = book.file.add_format({"bg_color": "#FFF3BF", "num_format": excel, "border": 1})
        sheet.write_string(row, 0, title)
        sheet.write_number(row, 1, inputs[key], yellow)
        sheet.write_string(row, 2, remark, grey)
        book.file.define_name(key, f"=Assumptions!$B${row + 1}")
    start = 4 + len(_INPUTS)
    for row, (what, said) in enumerate(wording.assumptions(report), start=start):
        sheet.write_string(row, 0, what)
        sheet.write_string(row, 2, said)
    notes = [*wording.remarks(report), f"Made by planner {report.version}. {report.command}"]
    for row, line in enumerate(notes, start=start + len(wording.assumptions(report)) + 1):
        sheet.write_string(row, 0, line, book.file.add_format({"font_color": "#5B6472"}))
    return inputs


_INPUTS = (
    ("HoursPerMonth", "Hours a month, on demand", _WHOLE, "a commitment is paid for all 730"),
    ("Utilisation", "Share of full speed used", _PERCENT, "of the hours that are paid for"),
    ("HorizonMonths", "Months it is kept", _WHOLE, "commitments are paid to the end of a term"),
    ("LoadMillionTokens", "Load, million output tokens a month", _WHOLE, "your own expectation"),
    ("ApiUsdPerMillion", "API, $ a million output tokens", _CENTS, "with prompts; 0: not known"),
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


def _sheet(book: _Book, title: str, columns: Sequence[Column], rows: Sequence[Any]) -> None:
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


@dataclass(frozen=True, slots=True)
class _Sums:
    """What the formulas of a plan's row give, with the assumptions that the book starts with."""

    inputs: dict[str, float]

    def on_demand(self, plan: Plan) -> float | None:
        return _times(plan.on_demand_hourly_usd, 1)

    def committed(self, plan: Plan) -> float | None:
        return _times(plan.committed_1y_hourly_usd, 1)

    def monthly(self, plan: Plan) -> float | None:
        return _times(plan.on_demand_hourly_usd, self.inputs["HoursPerMonth"])

    def committed_monthly(self, plan: Plan) -> float | None:
        return _times(plan.committed_1y_hourly_usd, _HOURS_PER_MONTH)

    def total(self, plan: Plan) -> float | None:
        return _times(self.monthly(plan), self.inputs["HorizonMonths"])

    def committed_total(self, plan: Plan) -> float | None:
        terms = math.ceil(self.inputs["HorizonMonths"] / 12)
        return _times(plan.committed_1y_hourly_usd, _HOURS_PER_YEAR * terms)

    def share(self, plan: Plan) -> float | None:
        on_demand, committed = self.on_demand(plan), self.committed(plan)
        return None if on_demand is None or committed is None else committed / on_demand

    def capacity(self, plan: Plan) -> float | None:
        """Return million tokens a month at the assumed utilisation, in the assumed hours."""
        hours = self.inputs["HoursPerMonth"]
        return _times(plan.tokens_per_second, 3600 * hours * self.inputs["Utilisation"] / 1e6)

    def per_million(self, plan: Plan, hourly: float | None) -> float | None:
        if hourly is None or plan.tokens_per_second is None:
            return None
        return hourly * 1e6 / (3600 * plan.tokens_per_second * self.inputs["Utilisation"])

    def machines(self, plan: Plan) -> float | None:
        capacity = self.capacity(plan)
        return capacity and max(1, math.ceil(self.inputs["LoadMillionTokens"] / capacity))

    def for_load(self, plan: Plan) -> float | None:
        ways = [x for x in (self.monthly(plan), self.committed_monthly(plan)) if x is not None]
        return _times(self.machines(plan), min(ways)) if ways else None


def _times(value: float | Decimal | None, factor: float) -> float | None:
    return None if value is None else float(value) * factor


def _plan_columns(inputs: dict[str, float]) -> list[Column]:
    """Return the plans with formulas over the named assumptions."""
    sums = _Sums(inputs)
    both = 'IF(OR(ISBLANK({od}),ISBLANK({c1})),"",'
    api = inputs["ApiUsdPerMillion"]
    return [
        Column("type", "Instance type", lambda p: p.instance_type),
        Column("cloud", "Cloud", lambda p: wording.CLOUDS[p.cloud]),
        Column("service", "Service", lambda p: p.service),
        Column("region", "Region", lambda p: p.region),
        Column("gpus", "GPUs", wording.gpus),
        Column("precision", "Precision", lambda p: p.precision),
        Column("od", "On demand, $ an hour", sums.on_demand, _NANO),
        Column("c1", "1 year, $ an hour", sums.committed, _NANO),
        Column("speed", "Tokens a second", lambda p: p.tokens_per_second, _WHOLE),
        Column(
            "od_month",
            "On demand, $ a month",
            sums.monthly,
            _MONEY,
            'IF(ISBLANK({od}),"",{od}*HoursPerMonth)',
        ),
        Column(
            "c1_month",
            "1 year, $ a month",
            sums.committed_monthly,
            _MONEY,
            'IF(ISBLANK({c1}),"",{c1}*730)',
        ),
        Column(
            "saves",
            "1 year saves",
            lambda p: None if (share := sums.share(p)) is None else 1 - share,
            _PERCENT,
            f"{both}1-{{c1}}/{{od}})",
        ),
        Column(
            "from",
            "1 year pays off from, hours a month",
            lambda p: _times(sums.share(p), _HOURS_PER_MONTH),
            _WHOLE,
            f"{both}{{c1}}/{{od}}*730)",
        ),
        Column(
            "od_total",
            "On demand, $ over the months kept",
            sums.total,
            _MONEY,
            'IF(ISBLANK({od}),"",{od_month}*HorizonMonths)',
        ),
        Column(
            "c1_total",
            "1 year, $ over the months kept",
            sums.committed_total,
            _MONEY,
            f'IF(ISBLANK({{c1}}),"",{{c1}}*{_HOURS_PER_YEAR}*ROUNDUP(HorizonMonths/12,0))',
        ),
        Column(
            "od_tokens",
            "On demand, $ a million tokens",
            lambda p: sums.per_million(p, sums.on_demand(p)),
            _CENTS,
            'IF(OR(ISBLANK({od}),ISBLANK({speed})),"",{od}*1000000/(3600*{speed}*Utilisation))',
        ),
        Column(
            "c1_tokens",
            "1 year, $ a million tokens",
            lambda p: sums.per_million(p, sums.committed(p)),
            _CENTS,
            'IF(OR(ISBLANK({c1}),ISBLANK({speed})),"",{c1}*1000000/(3600*{speed}*Utilisation))',
        ),
        Column(
            "machines",
            "Plans needed for the load",
            sums.machines,
            _WHOLE,
            'IF(ISBLANK({speed}),"",MAX(1,ROUNDUP(LoadMillionTokens*1000000/'
            "({speed}*3600*HoursPerMonth*Utilisation),0)))",
        ),
        Column(
            "load_month",
            "$ a month for the load, the cheaper way",
            sums.for_load,
            _MONEY,
            'IF(ISBLANK({speed}),"",{machines}*MIN({od_month},{c1_month}))',
        ),
        Column(
            "against",
            "API for the load, $ a month",
            lambda _: api * inputs["LoadMillionTokens"] if api else None,
            _MONEY,
            'IF(ApiUsdPerMillion=0,"",ApiUsdPerMillion*LoadMillionTokens)',
        ),
        Column("kind", "1-year kind", wording.ways_said),
        Column("basis", "1-year price is", lambda p: p.committed_1y_basis or ""),
        Column("speed_basis", "Speed is", lambda p: p.throughput_basis),
        Column("as_of", "On-demand price of", lambda p: p.as_of, _DATE),
        Column("c1_as_of", "1-year price of", lambda p: p.committed_1y_as_of, _DATE),
        Column("source", "Source", lambda p: p.source),
        Column("c1_source", "1-year source", lambda p: p.committed_1y_source),
        Column("note", "Note", lambda p: p.note),
    ]


def _offer_columns() -> list[Column]:
    return [
        Column("type", "Instance type", lambda o: o.instance_type),
        Column("cloud", "Cloud", lambda o: wording.CLOUDS[o.cloud]),
        Column("service", "Service", lambda o: o.service),
        Column("region", "Region", lambda o: o.region),
        Column("way", "Pricing model", lambda o: str(o.pricing_model)),
        Column("kind", "Commitment", lambda o: str(o.commitment or "")),
        Column("term", "Years", lambda o: o.term_years, _WHOLE),
        Column("option", "Payment", lambda o: str(o.payment_option or "")),
        Column("hourly", "Recurring, $ an hour", lambda o: o.hourly_usd, _NANO),
        Column("upfront", "Upfront, $", lambda o: o.upfront_usd, _CENTS),
        Column("effective", "Effective, $ an hour", lambda o: o.effective_hourly_usd, _NANO),
        Column("estimated", "Estimated", lambda o: "yes" if o.estimated else ""),
        Column("as_of", "As of", lambda o: o.stood_on, _DATE),
        Column("source", "Source", lambda o: o.source),
    ]


def _api_columns() -> list[Column]:
    return [
        Column("provider", "API", lambda p: p["provider_name"]),
        Column("model", "Model there", lambda p: p["api_model"]),
        Column("in", "$ a million in", lambda p: p["input_usd_per_million"], _CENTS),
        Column("out", "$ a million out", lambda p: p["output_usd_per_million"], _CENTS),
        Column(
            "both",
            "$ a million out, with its prompts",
            lambda p: p["usd_per_million_output_tokens"],
            _CENTS,
        ),
        Column("status", "Serves", lambda p: p["status"].replace("_", " ")),
    ]


def _history_columns() -> list[Column]:
    return [
        Column("type", "Instance type", lambda r: r["name"]),
        Column("region", "Region", lambda r: r["region"]),
        Column("date", "As of", lambda r: date.fromisoformat(r["date"]), _DATE),
        Column("hourly", "On demand, $ an hour", lambda r: r["hourly_usd"], _NANO),
    ]


def _source_columns() -> list[Column]:
    return [
        Column("as_of", "Newest", lambda r: r["as_of"], _DATE),
        Column("services", "Services", lambda r: r["services"]),
        Column("source", "Source", lambda r: r["source"]),
    ]
