"""``planner compare --against-api``: per-token APIs beside the plans."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import click

from planner.cli.output import console, emit, note
from planner.cli.tables import Column

if TYPE_CHECKING:
    from collections.abc import Mapping

    from planner.planning import Comparison, Request


@dataclass(frozen=True, slots=True)
class AgainstApi:
    """What per-token APIs ask, and from which load on a plan is cheaper.

    Attributes:
        figures: As JSON has them.
        said: The answer in a sentence.
    """

    figures: dict[str, Any]
    said: str

    def show(self, output_format: str) -> None:
        """Print below a table, or as notes beside machine formats."""
        if output_format != "table":
            note(self.said)
            return
        out = console()
        if self.figures["prices"]:
            click.echo()
            emit(self.figures["prices"], _PRICES, "table", title="Per-token APIs")
        if self.figures["break_evens"]:
            emit(self.figures["break_evens"], _BREAK_EVENS, "table", title="Against the cheapest")
        out.print(self.said, markup=False)
        out.print(
            f"API prices: {self.figures['source']}, newest dated change "
            f"{self.figures['newest_change'] or 'not known'}; only offers that are known to be "
            "alive within the year decide.",
            style="dim",
            markup=False,
        )


def against_api_of(result: Comparison, request: Request) -> AgainstApi:
    """Return the API's side of a comparison."""
    from planner.reporting import outline
    from planner.reports import document, series, wording

    report = outline(replace(result, plans=result.every), request)
    return AgainstApi(
        figures=document.rent_or_buy_figures(report) or {},
        said=wording.rent_or_buy(report, series.rent_or_buy_points(report)),
    )


def in_short(result: Comparison, request: Request) -> str:
    """Return in one line what per-token APIs ask instead; empty where none is known."""
    from planner.reporting import outline
    from planner.reports import series, wording

    report = outline(replace(result, plans=result.every), request)
    if report.api is None or not report.api.prices:
        return ""
    if not report.api.serving:
        return "no per-token API is known to have served it within the year"
    points = series.rent_or_buy_points(report)
    if not points:
        return ""
    api = points[0].api
    ask = (
        f"${api.usd_per_million_output_tokens:,.2f} a million output tokens at {api.provider_name}"
    )
    loads = [point.load for point in points if point.load is not None]
    if not loads:
        return f"{ask}, cheaper at every load"
    return f"{ask}, cheaper below {wording.significant(min(loads))} million a month"


_REMARKS = {"serving": "", "ended": " (ended)", "not_verified": " (not verified)"}


def _usd(key: str) -> Any:  # noqa: ANN401 - a small formatter
    return lambda record: f"{record[key]:,.2f}"


def _provider(record: Mapping[str, Any]) -> str:
    return f"{record['provider_name']}{_REMARKS[record['status']]}"


def _from(record: Mapping[str, Any]) -> str:
    from planner.reports.wording import reached

    return reached(record["million_tokens_a_month"], record["busy"])


_PRICES = (
    Column("provider_name", "API", show=_provider),
    Column("api_model", "Model there", drop_below=70),
    Column("input_usd_per_million", "$/million\nin", "right", _usd("input_usd_per_million")),
    Column("output_usd_per_million", "$/million\nout", "right", _usd("output_usd_per_million")),
    Column(
        "usd_per_million_output_tokens",
        "out, with\nprompts",
        "right",
        _usd("usd_per_million_output_tokens"),
    ),
)
_BREAK_EVENS = (
    Column("instance_type", "Instance type", min_width=24),
    Column("way", "Paid", show=lambda r: "1 year" if r["way"] != "on_demand" else "on demand"),
    Column("usd_per_million_tokens", "$/million\nout", "right", _usd("usd_per_million_tokens")),
    Column("million_tokens_a_month", "Cheaper from,\nmillion/month", "right", _from),
    Column("busy", "Must be\nbusy", "right", lambda r: f"{r['busy'] * 100:,.0f} %"),
)
