"""The table of plans that pages, Markdown files and workbooks show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from planner.reports import wording

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import date

    from planner.plan import Plan
    from planner.reports.interface import Report


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        field: The plan's field: the cell's raw value, which sorting and tests read.
        title: The heading.
        numeric: Aligned right.
        text: What people read.
        value: The raw value, where it is worked out of more than one field.
    """

    field: str
    title: str
    numeric: bool
    text: Callable[[Plan, date], str]
    value: Callable[[Plan], Any] | None = None

    def of(self, plan: Plan) -> Any:  # noqa: ANN401 - whatever a plan's field holds
        """Return the raw value of a plan's cell."""
        return getattr(plan, self.field) if self.value is None else self.value(plan)


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a plan's row."""

    column: Column
    value: Any
    text: str
    best: bool


def _plain(field: str) -> Callable[[Plan, date], str]:
    return lambda plan, _: str(getattr(plan, field) or "")


def _monthly(way: str) -> Callable[[Plan, date], str]:
    def text(plan: Plan, as_of: date) -> str:
        value = getattr(plan, f"{way}_monthly_usd")
        return wording.marks(plan, way, as_of) * (value is not None) + wording.usd(value)

    return text


def _requests(plan: Plan, _: date) -> str:
    value = plan.capacity_requests_per_second
    if value == 0:
        return wording.TOO_SLOW
    return wording.speed_mark(plan) * (value is not None) + (
        wording.NOT_KNOWN if value is None else f"{value:,.2f}"
    )


def _speed(plan: Plan, _: date) -> str:
    value = plan.tokens_per_second
    if plan.within_targets is False:
        return wording.TOO_SLOW
    return wording.speed_mark(plan) * (value is not None) + wording.number(value)


def _per_million(field: str) -> Callable[[Plan, date], str]:
    def text(plan: Plan, _: date) -> str:
        value = getattr(plan, field)
        if plan.within_targets is False:
            return wording.TOO_SLOW
        return wording.speed_mark(plan) * (value is not None) + wording.usd(value, 2)

    return text


def _saving(plan: Plan, _: date) -> str:
    saving = wording.saving_usd(plan)
    if saving is None:
        return ""
    return f"{wording.usd(-saving)} more" if saving < 0 else wording.usd(saving)


def _hours(plan: Plan, _: date) -> str:
    hours = plan.break_even_hours_per_month
    return "" if hours is None else wording.number(hours)


COLUMNS = (
    Column("instance_type", "Instance type", numeric=False, text=_plain("instance_type")),
    Column("cloud", "Cloud", numeric=False, text=lambda p, _: wording.CLOUDS[p.cloud]),
    Column("region", "Region", numeric=False, text=_plain("region")),
    Column("accelerator", "GPUs", numeric=False, text=lambda p, _: wording.gpus(p)),
    Column(
        "on_demand_monthly_usd",
        "On demand, $ a month",
        numeric=True,
        text=_monthly("on_demand"),
    ),
    Column(
        "committed_1y_monthly_usd",
        "1 year, $ a month",
        numeric=True,
        text=_monthly("committed_1y"),
    ),
    Column(
        "saving_monthly",
        "1 year saves, $ a month",
        numeric=True,
        text=_saving,
        value=wording.saving_usd,
    ),
    Column(
        "usd_per_million_tokens",
        "$ a million tokens",
        numeric=True,
        text=_per_million("usd_per_million_tokens"),
    ),
    Column(
        "committed_1y_usd_per_million_tokens",
        "the same, 1 year",
        numeric=True,
        text=_per_million("committed_1y_usd_per_million_tokens"),
    ),
    Column("tokens_per_second", "Tokens a second", numeric=True, text=_speed),
    Column("capacity_requests_per_second", "Requests a second", numeric=True, text=_requests),
    Column("replicas", "Layout", numeric=False, text=lambda p, _: wording.layout(p)),
    Column("precision", "Precision", numeric=False, text=_plain("precision")),
    Column("break_even_hours_per_month", "Pays from, h a month", numeric=True, text=_hours),
    Column(
        "committed_1y_kind", "1-year kind", numeric=False, text=lambda p, _: wording.ways_said(p)
    ),
    Column("service", "Service", numeric=False, text=_plain("service")),
    Column("as_of", "Price of", numeric=False, text=_plain("as_of")),
)


def _asked(model: str) -> Column:
    field = f"{model}_hourly_usd"
    title = f"{model.replace('_', ' ').capitalize()}, $ an hour"
    return Column(
        field, title, numeric=True, text=lambda plan, _: wording.usd(getattr(plan, field), 2)
    )


_ASKED = {model: _asked(model) for model in ("spot", "capacity_block", "flex_start")}
# What a reader can narrow the table down by.
_FILTERS = ("cloud", "region", "accelerator", "precision")


def of(plans: Sequence[Plan]) -> tuple[Column, ...]:
    """Return the columns; a way of paying that was asked for has one of its own."""
    asked = next((p.pricing_model for p in plans if p.pricing_model != "on_demand"), "")
    if not asked:
        return COLUMNS
    place = next(n for n, c in enumerate(COLUMNS) if c.numeric)
    return (*COLUMNS[:place], _ASKED[asked], *COLUMNS[place:])


def rows(plans: Sequence[Plan], as_of: date) -> list[list[Cell]]:
    """Return the cells of each plan, the cheapest of a money column marked."""
    shown = of(plans)
    best = {
        column.field: min(
            (value for plan in plans if (value := column.of(plan)) is not None),
            default=None,
        )
        for column in shown
        if "usd" in column.field
    }
    return [
        [
            Cell(
                column,
                value := column.of(plan),
                column.text(plan, as_of),
                best=value is not None and value == best.get(column.field),
            )
            for column in shown
        ]
        for plan in plans
    ]


def filters(plans: Iterable[Plan]) -> dict[str, list[str]]:
    """Return the values of each filter, sorted."""
    plans = list(plans)
    return {
        field: sorted({str(getattr(plan, field)) for plan in plans if getattr(plan, field)})
        for field in _FILTERS
    }


def legend(report: Report) -> list[tuple[str, str]]:
    """Return the signs that the table uses and what they mean."""
    used: set[str] = set()
    for plan in report.plans:
        used.update(*(wording.marks(plan, way, report.as_of) for way in wording.WAYS))
        used.update(wording.speed_mark(plan))
    return [(sign, meaning) for sign, meaning in wording.LEGEND.items() if sign in used]
