"""``planner extend``: give an endpoint more time, or less."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from planner.cli.duration import to_duration
from planner.cli.endpoints.named import where_options
from planner.cli.quota.options import use_accounts

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from planner.endpoints.model import Endpoint


@click.command()
@click.argument("name")
@click.argument("span", metavar="DURATION", required=False, callback=to_duration)
@click.option("--no-expiry", is_flag=True, help="Let it run, and cost, until someone deletes it.")
@click.option("--shorten", is_flag=True, help="Let it end earlier than it would now.")
@where_options
def extend(
    name: str,
    span: timedelta | None,
    no_expiry: bool,
    shorten: bool,
    region: str,
    **options: Any,  # noqa: ANN401 - mirrors the options
) -> None:
    """Let the endpoint NAME live for DURATION from now; the cloud removes it then.

    \b
    planner extend llama-2-70b 8h
    planner extend llama-2-70b 30m --shorten
    """  # noqa: D301 - click reads the backspace as "keep these lines"
    use_accounts(options)
    if (span is None) is not no_expiry:
        raise click.UsageError("say how long (8h), or --no-expiry")
    from planner.endpoints.interface import adapter
    from planner.endpoints.watching import locate
    from planner.ledger import Ledger

    with Ledger() as ledger:
        found = locate.one(name, ledger, region=region)
        now = locate.now(found.service).replace(microsecond=0)
        expires_at = None if span is None else now + span
        if expires_at is not None and not shorten:
            _refuse_earlier(found, expires_at, now)
        adapter(found.service).extend(found, expires_at)
        for item in ledger.resources(endpoint=name):
            if item.region == found.region:
                ledger.extend_resource(item.id, expires_at)
    price = f", at ${found.hourly_usd:.2f} an hour" if found.hourly_usd else ""
    if expires_at is None:
        click.echo(f"{name} in {found.region} has no expiry any more{price}.")
    else:
        click.echo(
            f"{name} in {found.region} is removed at {expires_at:%Y-%m-%d %H:%M} UTC{price}."
        )


def _refuse_earlier(endpoint: Endpoint, expires_at: datetime, now: datetime) -> None:
    """Raise where the new end comes before the present one: extend means more time.

    Raises:
        UsageError: It would be shortened.
    """
    from planner.errors import UsageError

    before = endpoint.expires_at
    if before is None or expires_at >= before:
        return
    left = int((before - now).total_seconds() // 60)
    span = int((expires_at - now).total_seconds() // 60)
    raise UsageError(
        f"{endpoint.name} would end earlier: it has {left // 60} h {left % 60} min left, "
        f"and the new time is {span // 60} h {span % 60} min from now",
        why="extend gives more time unless you say --shorten",
        advice=f"planner extend {endpoint.name} {_duration(span)} --shorten",
    )


def _duration(minutes: int) -> str:
    return f"{minutes}m" if minutes % 60 else f"{minutes // 60}h"
