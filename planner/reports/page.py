"""HTML: one page that opens offline and asks for nothing from outside."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from planner.reports import charts, columns, document, drawing, headline, series, wording

if TYPE_CHECKING:
    from collections.abc import Callable

    from jinja2 import Environment

    from planner.reports.interface import Report

_SIZES = (drawing.WIDE, drawing.NARROW)


def render(report: Report, name: str) -> dict[str, bytes]:
    """Return the page."""
    style, script = asset("report.css"), asset("report.js")
    policy = (
        "default-src 'none'; base-uri 'none'; form-action 'none'; "
        f"style-src {digest(style)}; script-src {digest(script)}"
    )
    page = environment().get_template("report.html.j2")
    text = page.render(context(report, _inline), style=style, script=script, policy=policy)
    return {name: text.encode()}


def context(report: Report, draw: Callable[[charts.Chart], dict[str, str]]) -> dict[str, Any]:
    """Return what the templates show of a report.

    Args:
        report: The report.
        draw: Returns what a template needs to show a chart's drawing.
    """
    figures = document.build(report)
    plans = figures["plans"]
    return {
        "report": report,
        "name": wording.model_name(report.model),
        "answer": figures["answer"],
        "facts": headline.facts(report),
        "charts": [(chart, draw(chart)) for chart in charts.charts(report)],
        "columns": columns.of(report.plans),
        "rows": columns.rows(report.plans, report.as_of),
        "plans": plans,
        "fields": list(plans[0]),
        "filters": columns.filters(report.plans),
        "legend": columns.legend(report),
        "software": wording.software(report.plans),
        "buying": figures["rent_or_buy"],
        "buying_said": wording.rent_or_buy(report, series.rent_or_buy_points(report)),
        "assumptions": wording.assumptions(report),
        "sources": figures["sources"],
        "notes": wording.remarks(report),
        "WAYS": wording.WAYS,
    }


@cache
def environment() -> Environment:
    """Return the templates; every value is escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("planner.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        usd=wording.usd, number=wording.number, reached=wording.reached, gpus=wording.gpus
    )
    return made


@cache
def asset(name: str) -> str:
    """Return a style sheet or script of the page."""
    return (files("planner.reports") / "static" / name).read_text(encoding="utf-8")


def _inline(chart: charts.Chart) -> dict[str, str]:
    return {size.name: chart.svg(size) for size in _SIZES}


def digest(text: str) -> str:
    """Return the hash that a policy allows a style or a script by."""
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"
