"""Markdown, for pull requests and wikis, with the charts as SVG files beside it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from planner.reports import charts, columns, document, headline, series, wording

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from planner.reports.interface import Report

_HIDDEN = {"service", "committed_1y_kind", "as_of"}
_SPECIAL = re.compile(r"([\\`*\[\]|$~#])")


def render(report: Report, name: str) -> dict[str, bytes]:
    """Return the Markdown file and its charts."""
    stem = name.rsplit(".", maxsplit=1)[0]
    made = charts.charts(report)
    pictures = {f"{stem}-{chart.name}.svg": chart for chart in made}
    text = "\n".join(_lines(report, pictures))
    return {name: f"{text}\n".encode()} | {
        file: chart.svg(alone=True).encode() for file, chart in pictures.items()
    }


def _lines(report: Report, pictures: dict[str, charts.Chart]) -> Iterator[str]:
    yield f"# What it costs to serve {escape(wording.model_name(report.model))}"
    yield f"\n**{escape(headline.said(report))}**\n"
    yield from table(
        ("", "", ""), [(what, value, remark) for what, value, remark in headline.facts(report)], {1}
    )
    for file, chart in pictures.items():
        yield f"\n## {escape(chart.title)}\n\n{escape(chart.text)}\n"
        address = file.replace("%", "%25").replace(" ", "%20").replace(")", "%29")
        yield f"![{escape(chart.title)}]({address})"
    shown = [column for column in columns.of(report.plans) if column.field not in _HIDDEN]
    yield "\n## Every plan that fits\n"
    yield from table(
        [column.title for column in shown],
        [
            [cell.text for cell in row if cell.column in shown]
            for row in columns.rows(report.plans, report.as_of)
        ],
        {i for i, column in enumerate(shown) if column.numeric},
    )
    software = wording.software(report.plans)
    yield f"\n{escape(software)}" if software else ""
    legend = "; ".join(f"{sign} {meaning}" for sign, meaning in columns.legend(report))
    yield f"\n{escape(legend)}" if legend else ""
    yield from _buying(report)
    yield from _quota(report)
    yield "\n## What this assumes\n"
    yield from table(("", ""), wording.assumptions(report), set())
    yield "\n## Where the prices come from\n"
    for row in wording.sources(report):
        yield f"- {row['as_of'] or 'no date'} {row['services']}: {escape(row['source'])}"
    yield ""
    for line in wording.remarks(report):
        yield f"- {escape(line)}"
    yield f"\nMade by planner {report.version}: list prices in US dollars, not an offer."
    if report.command:
        yield f"The same report: {escape(report.command)}"


def _buying(report: Report) -> Iterator[str]:
    figures = document.rent_or_buy_figures(report)
    yield "\n## Rent a machine, or buy tokens?\n"
    yield escape(wording.rent_or_buy(report, series.rent_or_buy_points(report)))
    if figures and figures["prices"]:
        yield ""
        yield from table(
            ("API", "Model there", "$ a million in", "$ a million out", "out, with its prompts"),
            [
                (
                    price["provider_name"],
                    price["api_model"],
                    wording.usd(price["input_usd_per_million"], 2),
                    wording.usd(price["output_usd_per_million"], 2),
                    wording.usd(price["usd_per_million_output_tokens"], 2),
                )
                for price in figures["prices"]
            ],
            {2, 3, 4},
        )
        yield f"\nAPI prices: {figures['source']}, newest dated change {figures['newest_change']}."


def _quota(report: Report) -> Iterator[str]:
    yield "\n## Quota\n"
    if report.quotas is None:
        yield "Not checked: no cloud account was asked."
        return
    yield from table(
        ("Plan", "Region", "Room", "Why"),
        [
            (
                s.instance_type,
                s.region,
                f"{s.verdict} (simulated)" if s.simulated else s.verdict,
                s.reason or "; ".join(s.quotas),
            )
            for s in report.quotas
        ],
        set(),
    )


def table(titles: Sequence[str], rows: Iterable[Sequence[str]], numeric: set[int]) -> Iterator[str]:
    """Yield the lines of a table; ``numeric`` are the columns that are set to the right."""
    yield f"| {' | '.join(escape(title) for title in titles)} |"
    yield f"|{'|'.join('---:' if i in numeric else '---' for i in range(len(titles)))}|"
    for row in rows:
        yield f"| {' | '.join(escape(cell) for cell in row)} |"


def escape(text: str) -> str:
    """Return text that Markdown shows as it is: no markup, no HTML, no line break."""
    plain = _SPECIAL.sub(r"\\\1", " ".join(text.split()))
    return plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
