"""``planner quota capacity``: machines without the quota that was refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from planner.cli.output import emit, format_option, note
from planner.cli.quota import codes
from planner.cli.quota import options as quota_options
from planner.cli.tables import Column

if TYPE_CHECKING:
    from collections.abc import Mapping

    from planner.quotas.capacity import Option

_PLACES = 6
_STYLES = {"enough": "green", "short": "red", "unknown": "yellow", "closed": "red"}


@click.command()
@quota_options.demand_options
@click.option(
    "--places",
    type=click.IntRange(min=1),
    default=_PLACES,
    show_default=True,
    help="How many of MODEL's best places to look at.",
)
@format_option
def capacity(model: str | None, output_format: str, places: int, **options: Any) -> int:  # noqa: ANN401 - mirrors the options
    """Find machines that need other quota than the one that is short, or refused.

    Spot, Capacity Blocks, flex-start, the same machine of another service, reservations: each
    with its own quota, its price, the cloud's word on the odds where there is one, and what to
    type. Exit code 0: one of them has room; 4: none.

    \b
    planner quota capacity llama-2-70b --cloud aws
    planner quota capacity --instance-type p5.48xlarge --region us-east-1
    """  # noqa: D301 - click reads the backspace as "keep these lines"
    from planner.cli.quota import view
    from planner.quotas import capacity as found

    quota_options.use_accounts(options)
    asked = quota_options.demands(model, options)
    chosen = list(asked)[:places] if model else list(asked)
    ways = found.options(chosen, quota_options.check)
    records = [_record(way) for way in ways]
    if not records:
        note("There is no other way to these machines.")
        return codes.SHORT
    title = view.title(f"Without the quota of {model or 'the instance types'}")
    emit(
        records,
        _columns(),
        output_format,
        fields=list(records[0]),
        title=title if output_format == "table" else "",
    )
    if output_format == "table":
        for record in [record for record in records if record["how"]][:3]:
            note(f"{record['kind']} in {record['region']}: {record['how']}")
    return 0 if any(way.check.deployable for way in ways) else codes.SHORT


def _record(way: Option) -> dict[str, Any]:
    demand = way.check.demand
    return {
        "kind": way.kind,
        "cloud": demand.cloud,
        "service": demand.service,
        "region": demand.region,
        "instance_type": demand.instance_type,
        "instances": demand.instances,
        "quota": "closed" if way.check.closed else way.check.verdict.value,
        "quota_ids": [check.quota.quota_id for check in way.check.checks],
        "short_by": [check.short_by for check in way.check.checks],
        "reason": way.check.reason,
        "hourly_usd": way.hourly_usd,
        "due_usd": way.due_usd,
        "score": way.score,
        "starts": way.starts,
        "how": way.how,
        "note": way.note,
    }


def _columns() -> list[Column]:
    return [
        Column("kind", "Way", show=lambda row: row["kind"].replace("_", " ")),
        Column(
            "instance_type",
            "Machines",
            show=lambda row: f"{row['instances']} x {row['instance_type']}\n{row['region']}",
        ),
        Column("quota", "Its quota", style=lambda row: _STYLES.get(row["quota"], "")),
        Column("hourly_usd", "$/hour", "right", _price),
        Column("score", "Score", "right"),
        Column("note", "To know"),
    ]


def _price(row: Mapping[str, Any]) -> str:
    return "not known" if row["hourly_usd"] is None else f"{row['hourly_usd']:,.2f}"
