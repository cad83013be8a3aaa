"""The answer as JSON, as FOCUS rows, and as Prometheus metrics."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from planner.actuals.answer import cents
from planner.endpoints.model import TAG_ENDPOINT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from decimal import Decimal

    from planner.actuals.advice import Action
    from planner.actuals.answer import Actuals, EndpointActuals
    from planner.actuals.explaining import Explanation


def record(found: Actuals, advised: Sequence[Action]) -> dict[str, Any]:
    """Return the JSON contract of ``planner actuals --format json``; money to the cent."""
    return {
        "period": {"start": found.period.start, "end": found.period.last},
        "currency": found.currency,
        "total_billed": cents(found.total_billed) if found.has_bill else None,
        "total_effective": cents(found.total_effective) if found.has_bill else None,
        "total_predicted": cents(found.total_predicted),
        "other_currencies": {code: cents(sum_) for code, sum_ in found.other_currencies.items()},
        "billed_elsewhere": cents(found.elsewhere) if found.has_bill else None,
        "billed_until": found.until,
        "month_end_forecast": cents(found.month_end),
        "budget": found.budget,
        "sources": list(found.sources),
        "endpoints": [endpoint_record(item) for item in found.endpoints],
        "commitments": [
            {
                "id": item.id,
                "cloud": item.cloud,
                "currency": item.currency,
                "used": cents(item.used),
                "unused": cents(item.unused),
            }
            for item in found.commitments
        ],
        "actions": [
            {
                "about": item.about,
                "what": item.what,
                "saving_usd_month": cents(item.saving_usd_month),
                "certainty": item.certainty,
                "why": item.why,
                "command": item.command,
            }
            for item in advised
        ],
        "notes": list(found.notes),
    }


def endpoint_record(item: EndpointActuals) -> dict[str, Any]:
    """Return one endpoint of the contract."""
    work = item.work
    return {
        "name": item.name,
        "cloud": item.cloud,
        "currency": item.currency,
        "billed": cents(item.billed),
        "effective": cents(item.effective),
        "predicted": cents(item.predicted),
        "billed_hours": _number(item.hours),
        "predicted_hours": _number(item.predicted_hours),
        "difference": _difference(item.explanation),
        "served_requests": _count(work.requests),
        "served_input_tokens": _count(work.input_tokens),
        "served_output_tokens": _count(work.output_tokens),
        "usd_per_million_served_tokens": cents(item.usd_per_million_served_tokens),
        "observed_hours": round(work.hours, 2),
        "idle_hours": round(work.idle_hours, 2) if work.requests is not None else None,
        "idle_cost": cents(item.idle_cost),
        "ttft_p95_s": work.ttft_p95_s,
        "tpot_p95_s": work.tpot_p95_s,
        "days": [
            {
                "day": day,
                "billed": cents(billed) if item.billed is not None else None,
                "effective": cents(effective) if item.billed is not None else None,
                "predicted": cents(predicted),
            }
            for day, (billed, effective, predicted) in item.days.items()
        ],
        "notes": list(item.notes),
    }


def _difference(explanation: Explanation | None) -> dict[str, Any] | None:
    if explanation is None:
        return None
    parts = {name: cents(amount) for name, amount in explanation.parts()}
    return parts | {"hours_known": explanation.hours_known}


def _number(value: Decimal | None) -> float | None:
    return None if value is None else round(float(value), 2)


def _count(value: float | None) -> int | None:
    return None if value is None else round(value)


_FOCUS = (
    "BilledCost",
    "EffectiveCost",
    "BillingCurrency",
    "ChargeCategory",
    "ChargePeriodStart",
    "ChargePeriodEnd",
    "ProviderName",
    "ResourceName",
    "Tags",
    "x_PredictedCost",
)
_PROVIDERS = {"aws": "AWS", "azure": "Microsoft", "gcp": "Google Cloud"}


def focus_csv(found: Actuals) -> str:
    """Return a row for each endpoint and day in FOCUS's columns; planner's own begin with ``x_``.

    Amounts are not rounded. A day without a bill has no cost, and its prediction.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, _FOCUS, lineterminator="\n")
    writer.writeheader()
    for item in found.endpoints:
        for day, (billed, effective, predicted) in item.days.items():
            writer.writerow(
                {
                    "BilledCost": f"{billed:f}" if item.billed is not None else "",
                    "EffectiveCost": f"{effective:f}" if item.billed is not None else "",
                    "BillingCurrency": item.currency,
                    "ChargeCategory": "Usage",
                    "ChargePeriodStart": f"{day}T00:00:00Z",
                    "ChargePeriodEnd": f"{day + timedelta(days=1)}T00:00:00Z",
                    "ProviderName": _PROVIDERS.get(item.cloud, item.cloud),
                    "ResourceName": item.name,
                    "Tags": json.dumps({TAG_ENDPOINT: item.name}),
                    "x_PredictedCost": f"{predicted:f}" if predicted is not None else "",
                }
            )
    return text.getvalue()


def prometheus_text(found: Actuals) -> str:
    """Return spend and predictions as metrics, for a node exporter's text file collector."""
    from prometheus_client import CollectorRegistry, Gauge, generate_latest

    registry = CollectorRegistry()

    labels = ("endpoint", "cloud", "currency")
    fields: dict[str, tuple[str, Callable[[EndpointActuals], Decimal | float | None]]] = {
        "billed": ("Billed in the period.", lambda i: i.billed),
        "effective_cost": ("The same, commitments spread over their hours.", lambda i: i.effective),
        "predicted_usd": ("Predicted for the period, US dollars.", lambda i: i.predicted),
        "served_input_tokens": ("Prompt tokens served.", lambda i: i.work.input_tokens),
        "served_output_tokens": ("Answer tokens served.", lambda i: i.work.output_tokens),
        "served_requests": ("Requests served.", lambda i: i.work.requests),
        "idle_cost": ("Cost of the hours without a request.", lambda i: i.idle_cost),
    }
    for name, (text, read) in fields.items():
        made = Gauge(f"planner_{name}", text, labels, registry=registry)
        for item in found.endpoints:
            if (value := read(item)) is not None:
                made.labels(item.name, item.cloud, item.currency).set(float(value))
    if found.month_end is not None:
        text = "Effective cost at the month's end."
        end = Gauge("planner_month_end_forecast", text, registry=registry)
        end.set(float(found.month_end))
    days = Gauge("planner_period_days", "Days that the figures are of.", registry=registry)
    days.set(found.period.days)
    return generate_latest(registry).decode()
