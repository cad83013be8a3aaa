"""``planner quota history``: how full the quotas were, and when they will be full."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from planner.cli.duration import to_duration
from planner.cli.output import emit, format_option, note
from planner.cli.quota.percent import to_share
from planner.cli.tables import Column
from planner.cli.words import CLOUD_WORDS, Choice

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import timedelta

    from planner.ledger import QuotaUse

_ALERT = 7
_RED = 0.8


@click.command()
@click.option(
    "--cloud", type=Choice(["aws", "azure", "gcp"], CLOUD_WORDS), help="Only this cloud's quotas."
)
@click.option("--since", callback=to_duration, metavar="30d", help="Not further back than that.")
@click.option("--alarm", callback=to_share, metavar="80%", help="Exit code 7 from that use on.")
@format_option
def history(
    cloud: str | None,
    since: timedelta | None,
    alarm: float | None,
    output_format: str,
) -> int:
    """Show how much of each quota was in use, as every check wrote it down.

    The day on which a quota will be full is a line through the first and the last look. A
    check from cron keeps the record: planner quota check MODEL --alarm 80%.
    """
    from planner.clouds import settings
    from planner.ledger import Ledger

    earliest = settings.now() - since if since is not None else None
    with Ledger() as ledger:
        uses = ledger.uses(cloud=cloud, since=earliest)
    records = [_record(rows) for rows in _by_quota(uses)]
    if not records and output_format == "table":
        note("Nothing was written down yet. Try: planner quota check MODEL")
        return 0
    emit(records, _columns(), output_format, fields=list(records[0]) if records else None)
    if alarm is None:
        return 0
    full = [row for row in records if row["share"] is not None and row["share"] >= alarm]
    for row in full:
        note(f"ALARM: {row['quota']} in {row['region'] or 'all regions'}: {row['share']:.0%}")
    return _ALERT if full else 0


def _by_quota(uses: Sequence[QuotaUse]) -> list[list[QuotaUse]]:
    found: dict[tuple[object, ...], list[QuotaUse]] = {}
    for use in uses:
        dimensions = tuple(sorted(use.dimensions.items()))
        key = (use.cloud, use.account, use.region, use.quota_id, dimensions)
        found.setdefault(key, []).append(use)
    return list(found.values())


def _record(uses: Sequence[QuotaUse]) -> dict[str, Any]:
    from planner.quotas import history as past

    last = uses[-1]
    left = past.days_left(uses)
    return {
        "cloud": last.cloud,
        "account": last.account,
        "region": last.region,
        "quota_id": last.quota_id,
        "quota": last.quota_name or last.quota_id,
        "unit": last.unit,
        "usage": last.usage,
        "limit": last.limit_value,
        "share": past.filled(last.usage, last.limit_value),
        "most": max(use.usage for use in uses),
        "looks": len(uses),
        "since": uses[0].at,
        "at": last.at,
        "days_left": None if left is None else round(left, 1),
    }


def _columns() -> list[Column]:
    from planner.cli.quota import view

    return [
        Column(
            "quota", "Quota", show=lambda row: f"{view.short_name(row['quota'])}\n{_where(row)}"
        ),
        Column("usage", "Used", "right", lambda row: f"{row['usage']:g}"),
        Column("limit", "Limit", "right", _limit),
        Column("share", "Full", "right", _share, style=_style),
        Column("most", "Most", "right", lambda row: f"{row['most']:g}"),
        Column("days_left", "Days left", "right"),
    ]


def _where(row: Mapping[str, Any]) -> str:
    return " ".join([row["cloud"], row["region"] or "all regions", row["account"]]).strip()


def _limit(row: Mapping[str, Any]) -> str:
    return "none" if row["limit"] is None else f"{row['limit']:g}"


def _share(row: Mapping[str, Any]) -> str:
    return "" if row["share"] is None else f"{row['share']:.0%}"


def _style(row: Mapping[str, Any]) -> str:
    return "red" if row["share"] is not None and row["share"] >= _RED else ""
