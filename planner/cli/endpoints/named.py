"""What the commands about one endpoint share: where it is, whose it is, and which is meant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from planner.cli.quota.options import account_options
from planner.cli.words import Choice

if TYPE_CHECKING:
    from collections.abc import Callable

    from planner.endpoints.interface import EndpointAdapter
    from planner.endpoints.model import Endpoint


def where_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add --region, --profile, --subscription and --project."""
    region = click.option(
        "--region", default="", metavar="NAME", help="Where it is, if there are several."
    )
    return region(account_options(function))


def text_format_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add --format for an answer that is no table."""
    return click.option(
        "--format",
        "output_format",
        type=Choice(["text", "json"]),
        default="text",
        show_default=True,
        help="For people or for programs.",
    )(function)


def named(name: str, region: str) -> tuple[Endpoint, EndpointAdapter]:
    """Return the endpoint that a command names, and the adapter of its service.

    Raises:
        UnknownNameError: There is none of that name.
        UsageError: There are several.
    """
    from planner.endpoints.interface import adapter
    from planner.endpoints.watching import locate
    from planner.ledger import Ledger

    with Ledger() as ledger:
        endpoint = locate.one(name, ledger, region=region)
    return endpoint, adapter(endpoint.service)
