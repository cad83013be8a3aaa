"""What a report shows, and the formats it can be written in.

A report is made from plain data (``planner.reporting`` gathers it): it never asks for prices,
fits or quotas itself, so every format says the same.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from planner import extras
from planner.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date
    from pathlib import Path

    from planner.plan import Plan
    from planner.pricing.api_prices import ApiPrices
    from planner.pricing.offer import Offer
    from planner.serving.models import Model

# The end of a file's name -> the module that writes it; the longest end that fits counts.
FORMATS = {
    ".html": "planner.reports.page",
    ".md": "planner.reports.markdown",
    ".csv": "planner.reports.table",
    ".json": "planner.reports.document",
    ".xlsx": "planner.reports.workbook",
    ".focus.csv": "planner.reports.price_sheet",
}
_WITH_CHARTS = {".html", ".md"}


@dataclass(frozen=True, slots=True)
class QuotaState:
    """Whether the quotas that bind a plan have room.

    Attributes:
        verdict: ``enough``, ``short`` or ``unknown``.
        reason: What is short, or why it is not known.
        quotas: Each binding quota in words.
        simulated: The sandbox answered, not a cloud.
    """

    cloud: str
    region: str
    instance_type: str
    verdict: str
    reason: str
    quotas: tuple[str, ...]
    simulated: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """A comparison and what belongs beside it.

    Attributes:
        comparison: The comparison as ``planner compare --format json`` gives it; every figure
            of the report is one of it or computed from it.
        plans: The same plans as objects, cheapest first.
        every: All plans that match, also those that are not shown; empty: ``plans`` are all.
        offers: Every known price of the plans' places: all terms and ways of paying.
        history: On-demand offers of some of the plans' places, oldest first.
        api: Per-token API prices of the model; None where they were not asked for.
        quotas: None where no account was asked.
        command: What to type for the same comparison.
        version: Of planner.
    """

    model: Model
    as_of: date
    precision: str
    assumptions: Mapping[str, Any]
    comparison: Mapping[str, Any]
    plans: tuple[Plan, ...]
    notes: tuple[str, ...]
    every: tuple[Plan, ...] = ()
    offers: tuple[Offer, ...] = ()
    history: tuple[Offer, ...] = ()
    api: ApiPrices | None = None
    quotas: tuple[QuotaState, ...] | None = None
    command: str = ""
    version: str = ""


class Format(Protocol):
    """A module that writes one format."""

    def render(self, report: Report, name: str) -> dict[str, bytes]:
        """Return the files by name; ``name`` is that of the main one, others lie beside it."""


def render(report: Report, name: str) -> dict[str, bytes]:
    """Return a report in the format that the end of a file's name asks for.

    Raises:
        UsageError: No such format.
    """
    module: Format = import_module(FORMATS[suffix(name)])
    return module.render(report, name)


def warm_up(name: str) -> None:
    """Start, beside other work, what drawing the charts of this format takes long to load.

    Raises:
        PlannerError: This format needs the extra ``report``, which is not installed.
    """
    if suffix(name) in _WITH_CHARTS:
        from planner.reports import drawing

        drawing.require()
        threading.Thread(target=drawing.warm_up, daemon=True).start()
    if suffix(name) == ".xlsx":
        extras.require("xlsxwriter", "workbooks", "report")


def suffix(name: str) -> str:
    """Return the end of a file's name that says its format.

    Raises:
        UsageError: No such format.
    """
    fitting = [end for end in FORMATS if name.casefold().endswith(end)]
    if not fitting:
        raise UsageError(
            f"no report format for {name!r}",
            why=f"its name should end with one of {', '.join(FORMATS)}",
            advice="-o report.html",
        )
    return max(fitting, key=len)


def write(report: Report, path: Path) -> list[Path]:
    """Write a report and return the files that were written.

    Raises:
        UsageError: No such format, or the folder does not exist.
    """
    if not path.parent.is_dir():
        raise UsageError(
            f"the folder {path.parent} does not exist", advice=f"mkdir -p {path.parent}"
        )
    written = []
    for name, content in render(report, path.name).items():
        file = path.parent / name
        file.write_bytes(content)
        written.append(file)
    return written
