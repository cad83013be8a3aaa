"""``planner logs``: what the container of an endpoint writes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from planner.cli.duration import to_duration
from planner.cli.endpoints.named import named, where_options
from planner.cli.quota.options import use_accounts

if TYPE_CHECKING:
    from datetime import timedelta

    from planner.endpoints.model import Endpoint

_PAUSE_S = 5


@click.command()
@click.argument("name")
@click.option(
    "--since",
    metavar="DURATION",
    callback=to_duration,
    default="1d",
    show_default=True,
    help="Only lines of this last time.",
)
@click.option("--follow", "-f", is_flag=True, help="Go on until Ctrl-C.")
@where_options
def logs(
    name: str,
    since: timedelta,
    follow: bool,
    region: str,
    **options: Any,  # noqa: ANN401 - mirrors the options
) -> None:
    """Print the container's log of the endpoint NAME, oldest line first."""
    use_accounts(options)
    from planner.endpoints.watching import locate

    found, _ = named(name, region)
    start = locate.now(found.service) - since
    printed = _print(found, start, 0)
    if not printed and not follow:
        click.echo(f"{name} has written nothing yet.", err=True)
    while follow:
        time.sleep(_PAUSE_S)
        printed = _print(found, start, printed)


def _print(endpoint: Endpoint, since: Any, already: int) -> int:  # noqa: ANN401 - a datetime
    from planner.clouds.redact import redact
    from planner.endpoints.interface import adapter

    lines = adapter(endpoint.service).logs(endpoint, since)
    for line in lines[already:]:
        click.echo(f"{line.at:%Y-%m-%d %H:%M:%S}  {redact(line.text)}")
    return max(already, len(lines))
