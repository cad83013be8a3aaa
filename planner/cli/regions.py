"""``planner regions``: the regions planner knows, and how much is priced in each."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import click

from planner.cli.options import as_of_option, geo_option
from planner.cli.output import emit, format_option
from planner.cli.tables import Column
from planner.cli.words import CLOUD_WORDS, Choice

if TYPE_CHECKING:
    from datetime import date

_CLOUDS = ("aws", "azure", "gcp")
_COLUMNS = (
    Column("cloud", "Cloud"),
    Column("region", "Region"),
    Column("geo", "Geo"),
    Column("on_demand_types", "Priced on demand", "right"),
    Column("committed_types", "With a commitment", "right"),
)


@click.command()
@click.option(
    "--cloud",
    "--provider",
    "clouds",
    multiple=True,
    type=Choice(_CLOUDS, CLOUD_WORDS),
    help="Only this cloud (repeatable).",
)
@geo_option
@as_of_option
@format_option
def regions(clouds: tuple[str, ...], geo: str, as_of: date | None, output_format: str) -> None:
    """List the regions planner knows, with the instance types priced in each.

    A region without a price is known by name alone: quotas can be asked there.

    \b
    planner regions --geo eu
    planner regions --geo all --cloud azure --format json
    """  # noqa: D301 - click reads the backspace as "keep these lines"
    emit(_records(clouds or _CLOUDS, geo, as_of), _COLUMNS, output_format)


def _records(clouds: tuple[str, ...], geo: str, as_of: date | None) -> list[dict[str, Any]]:
    from planner.pricing import regions as known
    from planner.pricing.catalog import Catalog, Query

    priced: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    wanted = ("on_demand", "committed")
    for offer in Catalog().offers(Query(as_of=as_of, clouds=clouds, pricing_models=wanted)):
        priced[offer.cloud, offer.region, offer.pricing_model].add(offer.instance_type)
    return [
        {
            "cloud": cloud,
            "region": region,
            "geo": known.geo(cloud, region),
            "on_demand_types": len(priced[cloud, region, "on_demand"]),
            "committed_types": len(priced[cloud, region, "committed"]),
        }
        for cloud in clouds
        for region in known.of_cloud(cloud, geo)
    ]
