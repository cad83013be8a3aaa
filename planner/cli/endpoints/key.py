"""``planner key``: what an application shows to an endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from planner.cli.duration import to_duration
from planner.cli.endpoints.named import named, where_options
from planner.cli.output import note
from planner.cli.quota.options import use_accounts

if TYPE_CHECKING:
    from datetime import timedelta


@click.command()
@click.argument("name")
@click.option(
    "--for",
    "lasts",
    metavar="DURATION",
    callback=to_duration,
    default="1h",
    show_default=True,
    help="How long it is good for: at most 12h, and no longer than your own sign-in.",
)
@where_options
def key(
    name: str,
    lasts: timedelta,
    region: str,
    **options: Any,  # noqa: ANN401 - mirrors the options
) -> None:
    """Print a key for the endpoint NAME, to stdout and nowhere else.

    SageMaker's keys are signed on this computer with your own sign-in: whoever holds one may ask
    every endpoint that you may ask in the region, until it ends. planner keeps none.

    \b
    export OPENAI_API_KEY=$(planner key llama-2-70b --for 15m)
    """  # noqa: D301 - click reads the backspace as "keep these lines"
    use_accounts(options)
    endpoint, adapter = named(name, region)
    click.echo(adapter.key(endpoint, lasts).reveal())
    note(
        "It may do what you may (sagemaker:InvokeEndpoint, sagemaker:CallWithBearerToken): "
        "give an application a role of its own."
    )
