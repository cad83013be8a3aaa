"""JSON: the comparison as ``planner compare`` gives it, and everything a report computes of it."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from planner.reports import headline, series, wording

if TYPE_CHECKING:
    from planner.planning import rent_or_buy
    from planner.reports.interface import Report


def render(report: Report, name: str) -> dict[str, bytes]:
    """Return the JSON file."""
    text = json.dumps(build(report), indent=2, default=_plain, allow_nan=False)
    return {name: f"{text}\n".encode()}


def build(report: Report) -> dict[str, Any]:
    """Return all figures of a report by name."""
    first = headline.plan_of(report)
    return {
        **report.comparison,
        "answer": headline.said(report),
        "headline": {
            "plan": report.plans.index(first) if first in report.plans else None,
            "place": wording.place(first),
            "precision": first.precision,
        },
        "monthly": series.monthly(report),
        "cumulative": series.cumulative(report),
        "break_evens": [asdict(point) for point in series.break_evens(report)],
        "tokens": series.tokens(report),
        "history": series.history(report),
        "rent_or_buy": rent_or_buy_figures(report),
        "quotas": None if report.quotas is None else [asdict(state) for state in report.quotas],
        "sources": wording.sources(report),
        "command": report.command,
        "planner_version": report.version,
    }


def rent_or_buy_figures(report: Report) -> dict[str, Any] | None:
    """Return the per-token APIs and where plans meet the cheapest; None without API prices."""
    if report.api is None:
        return None
    found = series.rent_or_buy_points(report)
    return {
        "source": report.api.source,
        "newest_change": report.api.newest_change,
        "prices": [asdict(price) for price in report.api.prices],
        "break_evens": [_point(point) for point in found],
    }


def _point(point: rent_or_buy.BreakEven) -> dict[str, Any]:
    endpoint = point.endpoint
    return {
        "instance_type": endpoint.plan.instance_type,
        "region": endpoint.plan.region,
        "way": endpoint.way,
        "monthly_usd": endpoint.monthly_usd,
        "usd_per_million_tokens": endpoint.usd_per_million_tokens,
        "api": f"{point.api.provider}/{point.api.api_model}",
        "million_tokens_a_month": point.load,
        "busy": point.busy,
    }


def _plain(value: object) -> Any:  # noqa: ANN401 - whatever JSON can hold
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(type(value).__name__)
