"""``planner sweep``: is there anything that should not be? For people, and for cron."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from planner.cli.output import emit, format_option, note
from planner.cli.quota.options import account_options, use_accounts
from planner.cli.tables import Column

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.endpoints.watching.locate import Found
    from planner.endpoints.watching.sweeping import Finding
    from planner.ledger import Ledger

_FOUND = 7


@click.command()
@click.option("--region", "regions", multiple=True, metavar="NAME", help="Only here (repeatable).")
@click.option("--remove", is_flag=True, help="Remove it, after asking.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@account_options
@format_option
def sweep(
    regions: tuple[str, ...],
    remove: bool,
    yes: bool,
    output_format: str,
    **options: Any,  # noqa: ANN401 - mirrors the options
) -> int:
    """Look in every region of every cloud for what should not be there.

    Parts that are left over, endpoints that have failed or are overdue, endpoints that nothing
    ends: by the clouds' own tags, whichever computer made them. What the ledger still lists and
    no cloud has is forgotten. Exit codes: 0 nothing found, or all removed; 5 a cloud could not
    be asked; 7 something found.

    \b
    planner sweep
    planner sweep --remove --yes
    planner sweep --format json      (for cron)
    """  # noqa: D301 - click reads the backspace as "keep these lines"
    use_accounts(options)
    from planner.endpoints.watching import locate, sweeping
    from planner.ledger import Ledger as Book

    with Book() as ledger:
        found = locate.all_endpoints(ledger, regions=regions, everywhere=not regions)
        listed = sweeping.findings(found.endpoints, ledger.resources(), locate.now)
        _show(listed, output_format)
        if not regions:
            _forget(found, ledger)
        for place, error in found.failures:
            note(f"{place}: {error}")
        if remove and (going := [item.endpoint for item in listed if item.removable]):
            from planner.cli.endpoints.destroy import take_away

            take_away(going, ledger, yes=yes)
            listed = [item for item in listed if not item.removable]
    if listed:
        return _FOUND
    return next((error.exit_code for _, error in found.failures), 0)


def _show(listed: Sequence[Finding], output_format: str) -> None:
    records = [_record(item) for item in listed]
    if records or output_format != "table":
        emit(records, _COLUMNS, output_format, fields=list(records[0]) if records else None)
    else:
        click.echo("Nothing that should not be there.")
    burn = sum(record["hourly_usd"] or 0 for record in records if record["billed"])
    if burn:
        note(f"All together: ${burn:,.2f} an hour.")
    for item in listed:
        if not item.removable:
            note(f"{item.endpoint.name} has no end: planner extend {item.endpoint.name} 8h")
    if any(item.removable for item in listed):
        note("To remove it: planner sweep --remove")


def _forget(found: Found, ledger: Ledger) -> None:
    """Note in the ledger what no cloud has any more."""
    from planner.clouds import settings
    from planner.endpoints.watching import sweeping

    simulated = settings.current().simulated
    gone = sweeping.lost(found, ledger.resources(), settings.now(), simulated=simulated)
    for item in gone:
        ledger.mark_removed(item.id)
    for name in dict.fromkeys(item.endpoint for item in gone):
        note(f"{name} is in no cloud any more: the ledger forgets it.")


def _record(item: Finding) -> dict[str, Any]:
    endpoint = item.endpoint
    return {
        "name": endpoint.name,
        "cloud": endpoint.cloud,
        "service": endpoint.service,
        "region": endpoint.region,
        "reason": str(item.reason),
        "state": str(endpoint.state),
        "billed": endpoint.billed,
        "hourly_usd": endpoint.hourly_usd,
        "owner": endpoint.owner,
        "expires_at": endpoint.expires_at,
        "parts": list(endpoint.parts),
        "known_here": item.known,
    }


_COLUMNS = [
    Column("name", "Name", min_width=10),
    Column("service", "Service"),
    Column("region", "Region"),
    Column("reason", "Why"),
    Column(
        "hourly_usd",
        "$/hour",
        "right",
        lambda r: f"{r['hourly_usd']:,.2f}" if r["billed"] and r["hourly_usd"] else "0.00",
    ),
    Column("owner", "Owner", drop_below=100),
    Column(
        "known_here",
        "Made",
        drop_below=80,
        show=lambda r: "here" if r["known_here"] else "elsewhere",
    ),
]
