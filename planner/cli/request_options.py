"""The options that make a comparison's request, for every command that compares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from planner.cli.layout_options import engine_options, load_options, memory_options
from planner.cli.options import (
    as_of_option,
    filter_options,
    geo_option,
    model_argument,
    placement_options,
)
from planner.cli.words import Choice

if TYPE_CHECKING:
    from collections.abc import Callable


def request_options(
    function: Callable[..., Any], *, model: Callable[..., Any] = model_argument
) -> Callable[..., Any]:
    """Add MODEL and all options that ``request_of`` reads."""
    options = (
        model,
        placement_options,
        filter_options,
        geo_option,
        click.option(
            "--all-regions", is_flag=True, help="A row per region, not the cheapest only."
        ),
        as_of_option,
        load_options,
        engine_options,
        memory_options,
        click.option(
            "--utilization",
            type=float,
            default=1.0,
            show_default=True,
            help="Share of the capacity that is really used, for the cost of tokens.",
        ),
        click.option(
            "--hours-per-month",
            type=float,
            default=730,
            show_default=True,
            help="Hours an on-demand machine runs; a commitment is paid around the clock.",
        ),
        click.option(
            "--max-monthly",
            "--budget",
            type=float,
            metavar="USD",
            help="Leave out what costs more a month.",
        ),
        click.option("--spot", is_flag=True, help="The same as --pricing-model spot."),
        click.option(
            "--payment-option",
            "payment_options",
            multiple=True,
            type=Choice(["no_upfront", "partial_upfront", "all_upfront", "any"]),
            help="Only commitments paid this way; any: the cheapest of all (repeatable).  "
            "[default: no upfront where it is sold]",
        ),
        click.option(
            "--pricing-model",
            type=Choice(["on_demand", "spot", "capacity_block", "flex_start"]),
            default="on_demand",
            show_default=True,
            help="How the machines are bought; a commitment stands beside on demand.",
        ),
        click.option("--no-estimates", is_flag=True, help="Hide estimated prices (marked ~)."),
        click.option(
            "--include-local",
            "local_cards",
            multiple=True,
            metavar="CARD",
            help="A card you own: RTX-4090 or 2xRTX-4090 (repeatable).",
        ),
        click.option("--purchase-usd", type=float, metavar="USD", help="What one such card costs."),
        click.option(
            "--usd-per-kwh", type=float, metavar="USD", help="What your electricity costs."
        ),
        click.option(
            "--amortize-months",
            type=int,
            default=36,
            show_default=True,
            help="Months over which the card is written off.",
        ),
        click.option(
            "--sort",
            type=Choice(["on-demand", "committed", "tokens"]),
            default="on-demand",
            show_default=True,
            help="What ranks the rows.",
        ),
        click.option(
            "--top", type=click.IntRange(min=1), metavar="N", help="Only the first N rows."
        ),
    )
    for option in reversed(options):
        function = option(function)
    return function


def request_of(options: dict[str, Any]) -> Any:  # noqa: ANN401 - imported only when used
    """Return the request that the options of a command mean."""
    from decimal import Decimal

    from planner.planning import LocalCards, Request

    def money(value: float | None) -> Decimal | None:
        return None if value is None else Decimal(str(value))

    if options.pop("spot"):
        options["pricing_model"] = "spot"
    local = LocalCards(
        cards=options.pop("local_cards"),
        purchase_usd=money(options.pop("purchase_usd")),
        usd_per_kwh=money(options.pop("usd_per_kwh")),
        amortization_months=options.pop("amortize_months"),
    )
    return Request(
        estimates=not options.pop("no_estimates"),
        every_region=options.pop("all_regions"),
        max_monthly=money(options.pop("max_monthly")),
        hours_per_month=Decimal(str(options.pop("hours_per_month"))),
        local=local,
        **options,
    )
