"""``planner prices``: the offers themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from planner.cli.options import as_of_option, filter_options, geo_option
from planner.cli.output import emit, format_option, note
from planner.cli.tables import Column
from planner.cli.words import Choice

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

# A screenful or two; nobody reads thousands of rows in a terminal.
_ROWS_ON_SCREEN = 100
# The machine formats: the offer, what the machine holds, and how far the source is trusted.
FIELDS = (
    "cloud",
    "service",
    "region",
    "instance_type",
    "pricing_model",
    "commitment",
    "term_years",
    "payment_option",
    "hourly_usd",
    "upfront_usd",
    "effective_hourly_usd",
    "currency",
    "as_of",
    "source",
    "accelerator",
    "accelerator_count",
    "accelerator_memory_gib",
    "confidence",
    "note",
    "later_usd",
    "later_as_of",
)
_STEPS_SHOWN = 5


@click.command()
@filter_options
@geo_option
@as_of_option
@click.option(
    "--pricing-model",
    "pricing_models",
    multiple=True,
    type=Choice(["on_demand", "spot", "committed", "capacity_block", "flex_start"]),
    help="Only this way of paying (repeatable).",
)
@click.option(
    "--commitment",
    "commitments",
    multiple=True,
    type=Choice(
        [
            "reserved_instance",
            "convertible_reserved_instance",
            "savings_plan",
            "ec2_instance_savings_plan",
            "committed_use_discount",
        ]
    ),
    help="Only this kind of commitment (repeatable).",
)
@click.option("--term-years", multiple=True, type=Choice(["1", "3"]), help="Only this term.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the N cheapest.")
@format_option
def prices(
    output_format: str,
    geo: str,
    as_of: date | None,
    limit: int | None,
    **filters: Any,  # noqa: ANN401 - mirrors the options
) -> None:
    """List the price offers themselves, cheapest first.

    \b
    planner prices --accelerator H100 --pricing-model on_demand
    planner prices --instance-type p4d.24xlarge --geo all --format csv
    planner prices --cloud gcp --pricing-model committed --term-years 1 --as-of 2023-10-31
    """  # noqa: D301 - click reads the backspace as "keep these lines"
    from planner.planning import list_offers

    screen = output_format == "table" and limit is None
    # One more than is shown tells whether there are more.
    asked = _ROWS_ON_SCREEN + 1 if screen else limit
    offers = list_offers(geo=geo, as_of=as_of, limit=asked, **filters)
    if screen and len(offers) > _ROWS_ON_SCREEN:
        offers = offers[:_ROWS_ON_SCREEN]
        note(f"The {_ROWS_ON_SCREEN} cheapest; --limit N for more, --format csv for all.")
    emit(offers, _columns(), output_format, fields=FIELDS)
    if output_format == "table" and any(offer["confidence"] == "low" for offer in offers):
        note("? low-confidence source; --format csv tells why.")
    if output_format == "table":
        _tell_steps([offer["step"] for offer in offers if offer["step"]])


def _tell_steps(steps: list[str]) -> None:
    """Say between which days a price moved, where that of the day asked for is not known."""
    if not steps:
        return
    note("~ moved after the list shown and before the next one, nobody knows on which day:")
    for step in steps[:_STEPS_SHOWN]:
        note(f"  {step}.")
    if len(steps) > _STEPS_SHOWN:
        note(f"  and {len(steps) - _STEPS_SHOWN} more: --format csv")


def _columns() -> list[Column]:
    return [
        Column("service", "Service", drop_below=100),
        Column("region", "Region"),
        Column("instance_type", "Instance type"),
        Column("accelerator", "GPUs", show=_gpus, drop_below=90),
        Column("pricing_model", "Price", show=_terms),
        Column("effective_hourly_usd", "$/hour", "right", _hourly),
        Column("upfront_usd", "Upfront $", "right", _upfront, drop_below=130),
        Column("as_of", "As of", drop_below=110, show=lambda r: str(r["as_of"] or "no date")),
        Column("source", "Source", drop_below=160, show=lambda r: r["source"].split("@")[0]),
    ]


def _gpus(record: Mapping[str, Any]) -> str:
    return f"{record['accelerator_count']:g}x {record['accelerator']}"


def _terms(record: Mapping[str, Any]) -> str:
    if record["commitment"] is None:
        return str(record["pricing_model"]).replace("_", " ")
    text = f"{record['term_years']}y {record['commitment']} {record['payment_option']}"
    return text.replace("_", " ")


def _hourly(record: Mapping[str, Any]) -> str:
    mark = ("?" if record["confidence"] == "low" else "") + ("~" if record["step"] else "")
    return f"{mark}{record['effective_hourly_usd']:,.4f}"


def _upfront(record: Mapping[str, Any]) -> str:
    upfront = record["upfront_usd"]
    if record["pricing_model"] == "capacity_block":
        return "the block"
    return "not known" if upfront is None else f"{upfront:,.0f}"
