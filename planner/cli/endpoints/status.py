"""``planner status``: every endpoint, what it has cost, and how long it has left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from planner.cli.output import emit, format_option, note
from planner.cli.quota.options import account_options, use_accounts
from planner.cli.tables import Column

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from planner.endpoints.model import Endpoint

_DAY_S, _HOUR_S = 86400, 3600


@click.command()
@click.option("--region", "regions", multiple=True, metavar="NAME", help="Only here (repeatable).")
@click.option("--all-regions", is_flag=True, help="Look in every region of the account.")
@account_options
@format_option
def status(
    regions: tuple[str, ...],
    all_regions: bool,
    output_format: str,
    **options: Any,  # noqa: ANN401 - mirrors the options
) -> None:
    """Show every endpoint: state, spend so far, burn per hour, time left, last request.

    Looks where planner made something, by the clouds' own tags; --all-regions finds also what
    another machine made.
    """
    use_accounts(options)
    from planner.endpoints.watching import locate
    from planner.ledger import Ledger

    with Ledger() as ledger:
        # It may be another computer's, or lost: then it says nothing of what runs.
        empty = not (regions or all_regions or ledger.resources(include_removed=True))
        found = locate.all_endpoints(ledger, regions=regions, everywhere=all_regions)
    records = [_record(item, locate.now(item.service)) for item in found.endpoints]
    if records or output_format != "table":
        emit(records, _columns(), output_format, fields=list(records[0]) if records else None)
    else:
        click.echo("No endpoints are known here." if empty else "No endpoints.")
    burn = sum(r["hourly_usd"] or 0 for r in records if r["billed"])
    if burn:
        note(f"All together: ${burn:,.2f} an hour.")
    for item in found.endpoints:
        if item.billed and not item.guarded and item.guard is None:
            note(f"{item.name} in {item.region} has no expiry: planner extend {item.name} 8h")
        if item.asleep:
            note(f"{item.name} has no machine now: planner chat {item.name} --wait wakes it")
        if item.problem:
            note(f"{item.name} in {item.region}: {item.problem}")
    for region, error in found.failures:
        note(f"{region}: {error}")
    if empty:
        note(
            "This computer's ledger has never known an endpoint, so no cloud was looked at: "
            "planner status --all-regions looks everywhere."
        )
    elif not all_regions and not regions:
        note("Looked where planner made something; planner status --all-regions looks everywhere.")


def _record(endpoint: Endpoint, now: datetime) -> dict[str, Any]:
    from planner.endpoints.model import State

    proof = endpoint.guard
    # It has failed and runs no more; until when it did is told nowhere.
    ended = endpoint.state is State.FAILED and not endpoint.billed
    left = None if endpoint.expires_at is None else (endpoint.expires_at - now).total_seconds()
    return {
        "name": endpoint.name,
        "cloud": endpoint.cloud,
        "service": endpoint.service,
        "region": endpoint.region,
        "state": "asleep" if endpoint.asleep else str(endpoint.state),
        "native_state": endpoint.native_state,
        "model": endpoint.model,
        "owner": endpoint.owner,
        "instance_type": endpoint.instance_type,
        "instances": endpoint.instances,
        "hourly_usd": 0 if endpoint.asleep or ended else endpoint.hourly_usd,
        "spent_usd": None if ended else endpoint.spend_usd(now),
        "spent_at_most": endpoint.scales_to_zero,
        "billed": endpoint.billed,
        "created_at": endpoint.created_at,
        "expires_at": endpoint.expires_at,
        "seconds_left": left,
        "guarded": endpoint.guarded,
        "guard": None
        if proof is None
        else {"by": proof.by, "acts_at": proof.acts_at, "may_act": proof.may_act, "why": proof.why},
        "last_request_at": endpoint.last_request_at,
        "last_request_s": None
        if endpoint.last_request_at is None
        else (now - endpoint.last_request_at).total_seconds(),
        "last_request_known": endpoint.use_known,
        "access": endpoint.access or None,
        "problem": endpoint.problem,
    }


def _columns() -> list[Column]:
    return [
        Column("name", "Name", min_width=10),
        Column("region", "Region"),
        Column(
            "state", "State", style=lambda r: "green" if r["state"] == "in service" else "yellow"
        ),
        Column("instance_type", "Machine", drop_below=90),
        Column("hourly_usd", "$/hour", "right", lambda r: _money(r, "hourly_usd")),
        Column("spent_usd", "Spent $", "right", _spent),
        Column("seconds_left", "Left", "right", _left),
        Column("guard", "Guard", show=_guard, drop_below=100),
        Column("last_request_s", "Last request", "right", _last),
        Column("owner", "Owner", drop_below=110),
        Column("access", "Access", show=lambda r: r["access"] or "", drop_below=120),
    ]


def _money(record: Mapping[str, Any], key: str) -> str:
    if record["state"] == "leftover":
        return "0.00" if key == "hourly_usd" else ""
    return "not known" if record[key] is None else f"{record[key]:,.2f}"


def _spent(record: Mapping[str, Any]) -> str:
    """Show what it has cost; for what is often at zero machines, the most it can have."""
    known = record["spent_at_most"] and record["spent_usd"] is not None
    return f"{'<= ' if known else ''}{_money(record, 'spent_usd')}"


def _left(record: Mapping[str, Any]) -> str:
    if record["state"] == "leftover":
        return ""
    if record["seconds_left"] is None:
        return "no expiry"
    return _span(record["seconds_left"]) if record["seconds_left"] > 0 else "is due"


def _guard(record: Mapping[str, Any]) -> str:
    """Say whether what ends it was proved just now to be there and to be allowed to."""
    if not record["billed"]:
        return ""
    if not record["guarded"]:
        return "none" if record["guard"] is None else "may not act"
    known = record["guard"] is not None and record["guard"]["may_act"]
    return "verified" if known else "not known"


def _last(record: Mapping[str, Any]) -> str:
    if record["state"] not in {"in service", "asleep"}:
        return ""
    span = record["last_request_s"]
    if span is None:
        return "none in 24 h" if record["last_request_known"] else "not known"
    return f"{_span(max(0, span))} ago"


def _span(seconds: float) -> str:
    if seconds >= 2 * _DAY_S:
        return f"{seconds / _DAY_S:.0f} d"
    if seconds >= _HOUR_S:
        return f"{seconds // _HOUR_S:.0f} h {seconds % _HOUR_S // 60:.0f} min"
    return f"{seconds // 60:.0f} min"
