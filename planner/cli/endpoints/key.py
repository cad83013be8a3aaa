"""``planner key``: what an application shows to an endpoint."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from planner.cli.duration import to_duration
from planner.cli.endpoints.named import named, where_options
from planner.cli.output import note
from planner.cli.quota.options import use_accounts

if TYPE_CHECKING:
    from planner.endpoints.interface import EndpointAdapter
    from planner.endpoints.model import Endpoint

_ROTATE = "rotate"
_OVERLAP = timedelta(hours=1)


@click.command()
@click.argument("words", nargs=-1, required=True, metavar="[rotate] NAME")
@click.option(
    "--for",
    "lasts",
    metavar="DURATION",
    callback=to_duration,
    help="How long a key of SageMaker's is good for: at most 12h, and no longer than your own "
    "sign-in.  [default: 1h]",
)
@click.option(
    "--overlap",
    metavar="DURATION",
    callback=to_duration,
    help="With rotate: how long the key before stays good, for applications to change over.  "
    "[default: 1h]",
)
@click.option(
    "--at-once", is_flag=True, help="With rotate: the keys before are refused within a minute."
)
@where_options
def key(
    words: tuple[str, ...],
    lasts: timedelta | None,
    overlap: timedelta | None,
    at_once: bool,
    region: str,
    **options: Any,  # noqa: ANN401 - mirrors the options
) -> None:
    """Print a key for the endpoint NAME, to stdout and nowhere else; rotate makes a new one.

    SageMaker's keys are signed on this computer with your own sign-in: whoever holds one may ask
    every endpoint that you may ask in the region, until it ends. The key of a machine with
    --access public or private is read from its cloud's store; it is good until it is rotated.
    planner keeps none.

    \b
    export OPENAI_API_KEY=$(planner key llama-2-70b)
    planner key rotate llama-2-70b --overlap 24h
    planner key rotate llama-2-70b --at-once
    """  # noqa: D301 - click reads the backspace as "keep these lines"
    *first, name = words
    rotates = first == [_ROTATE]
    if first and not rotates:
        raise click.UsageError(f"planner key takes one NAME, or {_ROTATE} and one")
    if overlap is not None and at_once:
        raise click.UsageError("--overlap and --at-once say two things")
    if (overlap is not None or at_once) and not rotates:
        raise click.UsageError(f"planner key {_ROTATE} {name} takes --overlap and --at-once")
    if lasts is not None and rotates:
        raise click.UsageError("--for is for keys that end by themselves: leave rotate out")
    use_accounts(options)
    endpoint, adapter = named(name, region)
    if rotates:
        _rotate(endpoint, adapter, timedelta() if at_once else overlap or _OVERLAP)
        return
    click.echo(adapter.key(endpoint, lasts).reveal())
    note(
        f"It opens this endpoint alone, until planner key rotate {name}."
        if endpoint.access
        else "It may do what you may (sagemaker:InvokeEndpoint, sagemaker:CallWithBearerToken): "
        "give an application a role of its own."
    )


def _rotate(endpoint: Endpoint, adapter: EndpointAdapter, overlap: timedelta) -> None:
    click.echo(adapter.rotate_key(endpoint, overlap).reveal())
    hours = overlap.total_seconds() / 3600
    before = f"stays good for {hours:.3g} h from now" if overlap else "is refused from then on"
    note(f"The machine knows it within a minute; the key before {before}.")
