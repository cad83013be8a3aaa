"""The other formats: same figures, safe to open, made for the tool that reads them."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from decimal import Decimal
from xml.etree import ElementTree as ET

import openpyxl
import pytest

from planner.errors import UsageError
from planner.planning import rent_or_buy
from planner.pricing.offer import Commitment
from planner.reports import FORMATS, Report, headline, render, suffix, write
from planner.reports.markdown import escape
from tests.reports.conftest import HOSTILE


def test_csv_has_the_comparison_s_fields_and_one_row_per_plan(report: Report) -> None:
    rows = list(csv.DictReader(io.StringIO(render(report, "r.csv")["r.csv"].decode())))
    assert list(rows[0]) == list(report.comparison["plans"][0])
    assert [row["instance_type"] for row in rows] == [p.instance_type for p in report.plans]
    assert float(rows[0]["on_demand_monthly_usd"]) == float(
        report.plans[0].on_demand_monthly_usd or 0
    )


def test_no_text_of_a_csv_is_run_as_a_formula(hostile: Report) -> None:
    plans = [{**plan, "note": "=1+1"} for plan in hostile.comparison["plans"]]
    report = _with_plans(hostile, plans)
    rows = csv.DictReader(io.StringIO(render(report, "r.csv")["r.csv"].decode()))
    assert next(rows)["note"] == "'=1+1"


def test_json_is_the_comparison_with_more_beside_it(report: Report) -> None:
    figures = json.loads(render(report, "r.json")["r.json"])
    for key, value in report.comparison.items():
        assert figures[key] == value
    assert figures["answer"].startswith("Cheapest that serves Llama 2 70B at fp16: ")
    assert figures["rent_or_buy"]["prices"]
    assert figures["quotas"] is None


def test_markdown_shows_every_plan_and_draws_its_charts_beside_it(report: Report) -> None:
    files = render(report, "cost report.md")
    text = files.pop("cost report.md").decode()
    table = [line for line in text.splitlines() if line.startswith("| ")]
    assert all(any(plan.instance_type in line for line in table) for plan in report.plans)
    assert files
    for name, picture in files.items():
        assert f"]({name.replace(' ', '%20')})" in text
        assert ET.fromstring(picture).tag.endswith("svg")  # noqa: S314 - drawn by us


def test_markdown_tables_keep_their_columns_whatever_names_hold(hostile: Report) -> None:
    text = render(hostile, "r.md")["r.md"].decode()
    assert "<script>" not in text
    assert "<img" not in text
    block = text.split("## Every plan that fits")[1].split("##")[0]
    widths = {
        len(re.split(r"(?<!\\)\|", line)) for line in block.splitlines() if line.startswith("|")
    }
    assert len(widths) == 1


def test_markdown_escapes_links_code_and_html() -> None:
    assert escape("[a](b) `c` <d> & $e$\n|f") == r"\[a\](b) \`c\` &lt;d&gt; &amp; \$e\$ \|f"


def test_the_price_sheet_speaks_focus(report: Report) -> None:
    rows = list(csv.DictReader(io.StringIO(render(report, "p.focus.csv")["p.focus.csv"].decode())))
    assert len(rows) == len(report.offers)
    assert {row["PricingCategory"] for row in rows} == {"Standard", "Dynamic", "Committed", "Other"}
    for row in rows:
        committed = row["PricingCategory"] == "Committed"
        assert bool(row["x_CommitmentType"]) == committed
        assert bool(row["ListUnitPrice"]) == (row["PricingCategory"] == "Standard")
        assert row["PricingUnit"] == "Hours"
        assert bool(row["SkuMeter"]) == bool(row["SkuId"])
        assert not any(name.startswith("CommitmentDiscount") for name in row)
        assert not any(re.fullmatch(r"-?[\d.]+E[+-]?\d+", value) for value in row.values())
        assert float(row["x_EffectiveUnitPrice"]) > 0
        assert json.loads(row["SkuPriceDetails"])["GpuCount"] > 0


@pytest.mark.parametrize("kind", list(Commitment))
def test_the_price_sheet_names_every_kind_of_commitment(report: Report, kind: Commitment) -> None:
    offer = next(o for o in report.offers if o.commitment is not None)
    one = replace(report, offers=(replace(offer, commitment=kind),))
    (row,) = csv.DictReader(io.StringIO(render(one, "p.focus.csv")["p.focus.csv"].decode()))
    assert row["x_CommitmentType"].upper() == kind.value.replace("_", " ").upper()


@pytest.fixture(scope="module")
def books(report: Report) -> tuple[openpyxl.Workbook, openpyxl.Workbook]:
    """The workbook as formulas and as the values they were saved with."""
    content = render(report, "r.xlsx")["r.xlsx"]
    return (
        openpyxl.load_workbook(io.BytesIO(content)),
        openpyxl.load_workbook(io.BytesIO(content), data_only=True),
    )


def test_the_workbook_has_a_sheet_per_table_with_frozen_headers(
    books: tuple[openpyxl.Workbook, openpyxl.Workbook], report: Report
) -> None:
    formulas, _ = books
    assert formulas.sheetnames == [
        "Assumptions",
        "Plans",
        "Prices",
        "API prices",
        "Price history",
        "Sources",
    ]
    for name in formulas.sheetnames[1:]:
        assert formulas[name].freeze_panes == "B2"
    assert formulas["Plans"].max_row == len(report.plans) + 1
    assert formulas["Prices"].max_row == len(report.offers) + 1


def test_the_workbook_calculates_from_named_assumptions(
    books: tuple[openpyxl.Workbook, openpyxl.Workbook], report: Report
) -> None:
    formulas, values = books
    heads = {cell.value: cell.column for cell in formulas["Plans"][1]}
    first = report.plans[0]
    for title, name, expected in (
        ("On demand, $ a month", "HoursPerMonth", first.on_demand_monthly_usd),
        ("On demand, $ a million tokens", "Utilisation", first.usd_per_million_tokens),
        ("On demand, $ over the months kept", "HorizonMonths", None),
    ):
        formula = formulas["Plans"].cell(2, heads[title])
        assert name in formula.value
        assert "#,##0" in formula.number_format
        assert name in formulas.defined_names
        if expected is not None:
            cached = values["Plans"].cell(2, heads[title]).value
            assert cached == pytest.approx(float(expected), rel=1e-12)


@pytest.mark.long
def test_no_text_of_a_workbook_is_a_formula_or_a_link(hostile: Report) -> None:
    book = openpyxl.load_workbook(io.BytesIO(render(hostile, "r.xlsx")["r.xlsx"]))
    allowed = {
        cell.column
        for cell in book["Plans"][1]
        if str(book["Plans"].cell(2, cell.column).value).startswith("=IF(")
    }
    for sheet in book:
        for row in sheet.iter_rows():
            for cell in row:
                assert cell.hyperlink is None
                if cell.data_type == "f":
                    # The live answer names a plan by its place: no text of a list is in it.
                    assert not any(text in cell.value for text in HOSTILE.values())
                    assert cell.coordinate == "A1" or sheet.title == "Plans"
                    assert sheet.title == "Assumptions" or cell.column in allowed


def test_a_report_is_written_where_it_was_asked_for(report: Report, tmp_path: object) -> None:
    from pathlib import Path

    path = Path(str(tmp_path)) / "out.csv"
    assert write(report, path) == [path]
    assert path.read_text(encoding="utf-8").startswith("model,cloud,")


@pytest.mark.parametrize("name", ["report.pdf", "report", "html"])
def test_an_unknown_format_is_told_with_the_known_ones(name: str) -> None:
    with pytest.raises(UsageError) as refused:
        suffix(name)
    assert all(end in refused.value.why for end in FORMATS)


def test_the_longest_end_of_a_name_decides() -> None:
    assert suffix("prices.FOCUS.csv") == ".focus.csv"
    assert suffix("prices.csv") == ".csv"


def _with_plans(report: Report, plans: list[dict[str, object]]) -> Report:
    from dataclasses import replace

    return replace(report, comparison={**report.comparison, "plans": plans})


def test_a_way_of_paying_that_was_asked_for_has_a_column(report: Report) -> None:
    plan = replace(
        report.plans[0],
        pricing_model="capacity_block",
        capacity_block_hourly_usd=Decimal("31.464"),
    )
    asked = replace(report, plans=(plan, *report.plans[1:]))
    text = render(asked, "r.md")["r.md"].decode()
    assert "Capacity block, \\$ an hour" in text or "Capacity block, $ an hour" in text
    assert "31.46" in text
    assert "Capacity block" not in render(report, "r.md")["r.md"].decode()


def test_the_workbook_pays_a_commitment_around_the_clock_as_the_page_does(
    report: Report,
) -> None:
    """Part of a month, part of the capacity: machines are counted for each way of paying."""
    asked = replace(
        report, assumptions={**report.assumptions, "hours_per_month": 200, "utilisation": 0.3}
    )
    plans = tuple(
        replace(
            p,
            on_demand_monthly_usd=p.on_demand_hourly_usd and p.on_demand_hourly_usd * 200,
        )
        for p in report.plans
    )
    asked = replace(asked, plans=plans, every=plans)
    values = openpyxl.load_workbook(io.BytesIO(render(asked, "r.xlsx")["r.xlsx"]), data_only=True)
    sheet = values["Plans"]
    heads = {cell.value: cell.column for cell in sheet[1]}
    load = next(
        row[1].value
        for row in values["Assumptions"].iter_rows()
        if str(row[0].value).startswith("Load, million")
    )
    costs: dict[str, list[float]] = {}
    found = rent_or_buy.endpoints(plans, utilization=0.3, hours_per_month=200)
    for endpoint in found:
        costs.setdefault(endpoint.plan.instance_type, []).append(endpoint.monthly_cost(load))
    column = heads["$ a month for the load, the cheaper way"]
    checked = 0
    for number, plan in enumerate(plans, start=2):
        if plan.instance_type in costs:
            shown = sheet.cell(number, column).value
            assert shown == pytest.approx(min(costs[plan.instance_type]), rel=1e-6)
            checked += 1
    assert checked > 20
    lowest = headline.answer_of(asked).pick
    assert lowest is not None
    assert f"${lowest.monthly_usd:,.0f} a month at 200 hours" in values["Assumptions"]["A1"].value


def test_no_price_of_low_confidence_is_called_published_alone(report: Report) -> None:
    plan = replace(report.plans[0], committed_1y_basis="published", committed_1y_confidence="low")
    low = replace(report, plans=(plan,), every=(plan,))
    sheet = openpyxl.load_workbook(io.BytesIO(render(low, "r.xlsx")["r.xlsx"]))["Plans"]
    row = dict(zip((c.value for c in sheet[1]), (c.value for c in sheet[2]), strict=True))
    assert row["1-year price is"] == "published, confidence low"
    assert row["1-year price is trusted"] == "no"
