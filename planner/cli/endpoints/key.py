"""``planner key``: what an application shows to an endpoint."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import click

from planner.cli.duration import to_duration
from planner.cli.endpoints.named import named, where_options
from planner.cli.output import note
from planner.cli.quota.options import use_accounts


class _Group(click.Group):
    """``planner key NAME`` is short for ``planner key show NAME``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put ``show`` in where no command is named."""
        asks_for_help = bool(args) and args[0] in self.get_help_option_names(ctx)
        if args and args[0] not in self.commands and not asks_for_help:
            args = ["show", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_Group)
def key() -> None:
    """Print or rotate the key of an endpoint.

    \b
    export OPENAI_API_KEY=$(planner key llama-2-70b)
    planner key rotate llama-2-70b
    """  # noqa: D301 - click reads the backspace as "keep these lines"


@key.command()
@click.argument("name")
@click.option(
    "--for",
    "lasts",
    metavar="DURATION",
    callback=to_duration,
    help="How long a key of SageMaker's is good for: at most 12h, and no longer than your own "
    "sign-in.  [default: 1h]",
)
@where_options
def show(
    name: str,
    lasts: timedelta | None,
    region: str,
    **options: Any,  # noqa: ANN401 - mirrors the options
) -> None:
    """Print a key for the endpoint NAME, to stdout and nowhere else.

    SageMaker's keys are signed on this computer with your own sign-in: whoever holds one may ask
    every endpoint that you may ask in the region, until it ends. The key of a machine with
    --access public or private is read from its cloud's store; it is good until it is rotated.
    planner keeps none.

    \b
    export OPENAI_API_KEY=$(planner key llama-2-70b --for 15m)
    """  # noqa: D301 - click reads the backspace as "keep these lines"
    use_accounts(options)
    endpoint, adapter = named(name, region)
    click.echo(adapter.key(endpoint, lasts).reveal())
    if endpoint.access:
        note(f"It opens this endpoint alone, until planner key rotate {endpoint.name}.")
        return
    note(
        "It may do what you may (sagemaker:InvokeEndpoint, sagemaker:CallWithBearerToken): "
        "give an application a role of its own."
    )


@key.command()
@click.argument("name")
@click.option(
    "--overlap",
    metavar="DURATION",
    callback=to_duration,
    default="1h",
    show_default=True,
    help="How long the key before stays good, for applications to change over.",
)
@click.option("--at-once", is_flag=True, help="The keys before are refused within a minute.")
@where_options
def rotate(
    name: str,
    overlap: timedelta,
    at_once: bool,
    region: str,
    **options: Any,  # noqa: ANN401 - mirrors the options
) -> None:
    """Make a new key for the machine NAME (--access public or private), and print it.

    \b
    planner key rotate llama-2-70b --overlap 24h
    planner key rotate llama-2-70b --at-once
    """  # noqa: D301 - click reads the backspace as "keep these lines"
    use_accounts(options)
    endpoint, adapter = named(name, region)
    made = adapter.rotate_key(endpoint, timedelta() if at_once else overlap)
    click.echo(made.reveal())
    before = "is refused" if at_once else f"stays good for {overlap}"
    note(f"The machine knows it within a minute; the key before {before} from then on.")
