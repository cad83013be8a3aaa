"""The charts of a report: what each says, and its figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.reports import drawing, headline, series, specs, wording

if TYPE_CHECKING:
    from collections.abc import Callable

    from planner.reports.drawing import Records, Size, Spec
    from planner.reports.interface import Report


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart: what it says, what it shows, and how it is drawn.

    Attributes:
        name: Short name, for files and addresses.
        title: What a reader should take from it.
        text: What is drawn, in a sentence; also the text for those who cannot see it.
        records: Its figures.
        columns: (field, heading) of the figures as a table.
    """

    name: str
    title: str
    text: str
    records: Records
    columns: tuple[tuple[str, str], ...]
    spec: Callable[[Records, Size], Spec]

    def svg(self, size: Size = drawing.WIDE, *, alone: bool = False) -> str:
        """Return the drawing; ``alone`` for a file of its own."""
        return drawing.draw(
            self.spec(self.records, size), f"{self.title}. {self.text}", alone=alone
        )


def charts(report: Report) -> list[Chart]:
    """Return the charts of a report that there are figures for."""
    made = (monthly(report), cumulative(report), tokens(report), history(report))
    return [chart for chart in made if chart.records]


def monthly(report: Report) -> Chart:
    """Return the chart of monthly cost by plan and pricing model."""
    records = series.monthly(report)
    shown = len({record["rank"] for record in records})
    matching = len(report.every or report.plans)
    return Chart(
        "monthly",
        "What a month costs, by plan and way of paying",
        f"The {shown} cheapest of {matching} plans. A line joins the prices of one plan; "
        "its cheapest and its dearest are written out.",
        records,
        (
            ("instance_type", "Instance type"),
            ("gpus", "GPUs"),
            ("place", "Place"),
            ("way", "Paid"),
            ("monthly_usd", "$ a month"),
        ),
        specs.monthly,
    )


def cumulative(report: Report) -> Chart:
    """Return the chart of total cost by how long the endpoint is kept."""
    records = series.cumulative(report)
    points = series.break_evens(report)
    said = [f"{p.way} {p.said()}" for p in points]
    title = (
        f"A commitment is the cheaper if kept: {'; '.join(said)}"
        if said
        else "What it costs over three years"
    )
    plan = headline.plan_of(report)

    def spec(records: Records, size: Size) -> Spec:
        return specs.cumulative(records, size, points)

    return Chart(
        "cumulative",
        title,
        f"All that is paid for {wording.place(plan)} if it is given up after so many months. A "
        "commitment is paid to the end of its term, used or not, then renewed at the same price.",
        records if len({record["way"] for record in records}) > 1 else [],
        (("way", "Paid"), ("months", "Kept for months"), ("total_usd", "$ in all")),
        spec,
    )


def tokens(report: Report) -> Chart:
    """Return the chart of the price of a million tokens over the load, with per-token APIs."""
    records = series.tokens(report)
    points = series.rent_or_buy_points(report)
    reached = [p.load for p in points if p.load is not None]
    lines = series.api_lines(report)
    busy = float(report.assumptions["utilisation"]) * 100
    if reached:
        title = (
            f"An own endpoint is the cheaper from {wording.significant(min(reached))} million "
            "tokens a month"
        )
    elif lines:
        title = f"At {busy:g} % use, a per-token API is cheaper at every load"
    else:
        title = "What a million tokens costs, by load"
    return Chart(
        "tokens",
        title,
        "Output tokens, with the prompts that led to them. A machine costs the same busy or "
        f"idle; one is added where the load passes {busy:g} % of full speed. "
        "Steps beyond 24 machines are not drawn.",
        records,
        (("name", "Who serves"), ("load", "Million tokens a month"), ("usd", "$ a million")),
        specs.tokens,
    )


def history(report: Report) -> Chart:
    """Return the chart of on-demand prices through the snapshots."""
    records = series.history(report)
    dates = series.history_dates(records)
    since = f" since {dates[0]:%B %Y}" if dates else ""
    return Chart(
        "history",
        f"On-demand prices{since}",
        "Dollars an hour of one machine, at the region of its plan. A dot is a price list; "
        "between two the price is drawn as it stood on the first.",
        records,
        (
            ("name", "Instance type"),
            ("region", "Region"),
            ("date", "As of"),
            ("hourly_usd", "$ an hour"),
        ),
        specs.history,
    )
