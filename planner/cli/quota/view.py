"""How quotas, ways and requests are shown: records for machines, columns for people."""

from __future__ import annotations

import math
import textwrap
from typing import TYPE_CHECKING, Any

from planner.cli.tables import Column
from planner.clouds import settings
from planner.quotas.model import amount

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from planner.ledger import QuotaRequest
    from planner.quotas.model import Check, DemandCheck
    from planner.quotas.ways import Way

# So that a whole row fits 80 columns beside the longest names of machines.
_QUOTA_WIDTH = 17
_STYLES = {
    "enough": "green",
    "short": "red",
    "unknown": "yellow",
    "APPROVED": "green",
    "PARTIAL": "yellow",
    "DENIED": "red",
    "NEEDS_HUMAN": "magenta",
}


def title(text: str) -> str:
    """Return a title that says where nothing is real."""
    return f"{text}  [SIMULATED]" if settings.current().simulated else text


def check_records(checks: Iterable[DemandCheck]) -> list[dict[str, Any]]:
    """Return a record per demand and quota; one for a demand that has no quota."""
    return [
        {
            **_demand(check),
            **_quota(check, quota),
            "simulated": settings.current().simulated,
            "repeated": index > 0,
        }
        for check in checks
        for index, quota in enumerate(check.checks or (None,))
    ]


def _demand(check: DemandCheck) -> dict[str, Any]:
    demand = check.demand
    return {
        "cloud": demand.cloud,
        "service": demand.service,
        "region": demand.region,
        "instance_type": demand.instance_type,
        "instances": demand.instances,
        "most_instances": demand.largest,
        "spot": demand.spot,
        "bought": demand.bought,
        "deployable": check.deployable,
        "closed": check.closed,
        "verdict_of_all": check.verdict.value,
        "advice": check.advice,
    }


def _quota(check: DemandCheck, quota: Check | None) -> dict[str, Any]:
    if quota is None:
        known = ("quota_id", "quota", "quota_region", "unit", "limit", "usage", "need", "short_by")
        keys = (*known, "planned", "asked", "request")
        verdict = "closed" if check.closed else "unknown"
        return {**dict.fromkeys(keys), "verdict": verdict, "why": check.why, "fixed": ""}
    return {
        "quota_id": quota.quota.quota_id,
        "quota": quota.quota.title,
        "quota_region": quota.quota.region,
        "unit": quota.quota.unit,
        "limit": _finite(quota.limit),
        "usage": quota.usage,
        "need": quota.need,
        "short_by": quota.short_by,
        "planned": quota.planned,
        "asked": quota.asked or None,
        "request": quota.request or None,
        "verdict": quota.verdict.value,
        "why": quota.why,
        "fixed": quota.fixed,
    }


def check_columns() -> list[Column]:
    """Return the columns of ``quota check``."""
    return [
        Column("instance_type", "Machines", show=_machines),
        Column("quota", "Quota", show=lambda row: short_name(row["quota"] or "")),
        Column("limit", "Limit", "right", lambda row: _number(row["limit"], row)),
        Column("usage", "Used", "right", lambda row: _number(row["usage"], row)),
        Column("need", "Need", "right", _need),
        Column("verdict", "Verdict", show=_verdict, style=state_style),
    ]


def way_records(ways: Iterable[Way]) -> list[dict[str, Any]]:
    """Return a record per way."""
    return [
        {
            **_demand(way.check),
            "accelerator": way.check.demand.accelerator,
            "accelerator_count": way.check.demand.accelerator_count,
            "ready": way.ready.value,
            "requests": [
                {
                    "quota_id": short.quota.quota_id,
                    "quota": short.quota.title,
                    "region": short.quota.region,
                    "limit": short.limit,
                    "ask_for": short.target,
                    "unit": short.quota.unit,
                }
                for short in way.check.short
            ],
            "hourly_usd": way.hourly_usd,
            "reason": way.check.reason,
            "simulated": settings.current().simulated,
        }
        for way in ways
    ]


def way_columns() -> list[Column]:
    """Return the columns of ``quota plan`` and of alternatives."""
    return [
        Column("instance_type", "Machines", show=_machines),
        Column(
            "accelerator",
            "GPUs",
            show=lambda row: (
                f"{row['accelerator_count'] * row['most_instances']:g}x\n{row['accelerator']}"
            ),
        ),
        Column("hourly_usd", "$/hour", "right", _price),
        Column("ready", "Runs", show=_runs, style=lambda r: "green" if r["ready"] == "now" else ""),
        Column("requests", "To ask for", show=_to_ask),
    ]


def request_records(requests: Iterable[QuotaRequest]) -> list[dict[str, Any]]:
    """Return a record per quota request; the account is left out."""
    now = settings.now()
    return [
        {
            "id": request.id,
            "cloud": request.cloud,
            "region": request.region,
            "service": request.service,
            "quota_id": request.quota_id,
            "quota": request.quota_name or request.quota_id,
            "dimensions": request.dimensions,
            "unit": request.unit,
            "old_limit": _finite(request.old_limit),
            "desired": request.desired,
            "granted": _finite(request.granted),
            "state": request.state,
            "native_id": request.native_id,
            "native_state": request.native_state,
            "reason": request.reason,
            "model": request.model,
            "instance_type": request.instance_type,
            "instances": request.instances,
            "wants": request.wants,
            "ticket": request.ticket,
            "reply": request.reply,
            "campaign": request.campaign,
            "is_open": request.is_open,
            "filed_at": request.filed_at,
            "checked_at": request.checked_at,
            "closed_at": request.closed_at,
            "age": _age(now, request.filed_at),
            "seen": _age(now, request.checked_at),
            "simulated": settings.current().simulated,
        }
        for request in requests
    ]


def request_columns() -> list[Column]:
    """Return the columns of ``quota status`` and ``quota watch``."""
    return [
        Column("id", "#", "right"),
        Column("quota", "Quota", show=lambda row: f"{short_name(row['quota'])}\n{_where(row)}"),
        Column("desired", "Limit", show=_change),
        Column(
            "state", "State", style=state_style, show=lambda r: f"{r['state']}\n{r['native_state']}"
        ),
        Column("age", "Filed\nSeen", show=lambda row: f"{row['age']}\n{row['seen']}"),
        Column("reason", "Why"),
    ]


def _machines(row: Mapping[str, Any]) -> str:
    if row.get("repeated"):
        return ""
    most = row["most_instances"]
    count = f"{most} x " if most > 1 else ""
    how = "" if row["bought"] == "on_demand" else f" {row['bought'].replace('_', ' ')}"
    return f"{count}{row['instance_type']}{how}\n{row['cloud']} {row['region']}"


def short_name(name: str) -> str:
    """Return a quota's name on lines that leave room for the other columns."""
    for ending in ("-per-project-region", "-per-project"):
        name = name.replace(ending, "")
    return textwrap.fill(name, _QUOTA_WIDTH, break_on_hyphens=True)


def _verdict(row: Mapping[str, Any]) -> str:
    if row["closed"]:
        return "closed"
    asked = f"\n#{row['request']}: {row['asked']:g}" if row["request"] else ""
    short = f"short by {row['short_by']}"
    return (short if row["verdict"] == "short" else str(row["verdict"])) + asked


def reasons(checks: Iterable[DemandCheck]) -> list[str]:
    """Return why verdicts are unknown, closed or not to be helped, each once."""
    about: dict[str, list[str]] = {}
    for check in checks:
        found = [check.closed, check.why, *(quota.why for quota in check.checks)]
        found += [f"asking for more is pointless, {q.fixed}" for q in check.short if q.fixed]
        place = f"{check.demand.instance_type} in {check.demand.region}"
        for reason in dict.fromkeys(text for text in found if text):
            about.setdefault(reason, []).append(place)
    return [
        f"{places[0]}{f' and {len(places) - 1} more' if len(places) > 1 else ''}: {reason}."
        for reason, places in about.items()
    ]


def updates(checks: Iterable[DemandCheck]) -> list[str]:
    """Return what an update in place needs for a while: the old machines and the new ones."""
    remarks = []
    for check in checks:
        own = check.checks[0] if check.checks else None
        if check.demand.service != "sagemaker" or own is None or not check.deployable:
            continue
        both = own.need * 2 + own.taken
        if own.limit is not None and both > own.limit:
            remarks.append(
                f"An update of an endpoint in place runs old and new machines together for a "
                f"while: that needs {amount(int(both), own.quota.unit)} of {own.quota.title}."
            )
    return list(dict.fromkeys(remarks))


def state_style(row: Mapping[str, Any]) -> str:
    """Return the colour of a verdict or a state."""
    if row.get("closed"):
        return "red"
    return _STYLES.get(row.get("verdict") or row.get("state") or "", "")


def _number(value: float | None, row: Mapping[str, Any]) -> str:
    if value is None:
        return "no limit" if row["verdict"] == "enough" else "?"
    return f"{value:g}"


def _need(row: Mapping[str, Any]) -> str:
    if row["need"] is None:
        return ""
    unit = "inst." if row["unit"] == "instances" else row["unit"]
    return f"{row['need']} {unit}"


def _runs(row: Mapping[str, Any]) -> str:
    if row["ready"] != "after a request":
        return str(row["ready"])
    count = len(row["requests"])
    return "1 request" if count == 1 else f"{count} requests"


def _price(row: Mapping[str, Any]) -> str:
    return "not known" if row["hourly_usd"] is None else f"{row['hourly_usd']:,.2f}"


def _to_ask(row: Mapping[str, Any]) -> str:
    if row["ready"] in {"unknown", "closed"}:
        return str(row["reason"])
    asks = [
        f"{short_name(ask['quota'])}\n{ask['limit']:g} -> {amount(ask['ask_for'], ask['unit'])}"
        for ask in row["requests"]
    ]
    return "\n".join(asks) or "nothing"


def _where(row: Mapping[str, Any]) -> str:
    more = [value for key, value in row["dimensions"].items() if key != "region"]
    return " ".join([row["cloud"], row["region"] or "all regions", *more])


def _change(row: Mapping[str, Any]) -> str:
    old = "?" if row["old_limit"] is None else f"{row['old_limit']:g}"
    got = "" if row["granted"] is None else f"\ngot {row['granted']:g}"
    return f"{old} -> {row['desired']:g}{got}"


def _finite(value: float | None) -> float | None:
    """Return a number that JSON can hold; no limit at all is null there."""
    return None if value is None or math.isinf(value) else value


def _age(now: datetime, then: datetime | None) -> str:
    if then is None:
        return "never"
    seconds = max(0, (now - then).total_seconds())
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit} ago"
    return "just now"
