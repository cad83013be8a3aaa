"""Spot points: prices as their sources print them, through what a user types.

``published.csv`` holds figures copied from the sources, some forty a cloud, chosen across
regions, dates and ways of paying; it does not change when the data is built again.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner

from planner.cli.prices.command import prices

FILE = Path(__file__).with_name("published.csv")
PAYMENTS = ("no_upfront", "partial_upfront", "all_upfront")
COMMITMENTS = {
    "reserved": "reserved_instance",
    "reserved_convertible": "convertible_reserved_instance",
    "savings_plan": "savings_plan",
    "cud": "committed_use_discount",
}


def _figures() -> list[dict[str, str]]:
    with FILE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _day(figure: dict[str, str]) -> str:
    """Return the day a figure stood; one without a date stands from the day it was found."""
    return figure["as_of"] if figure["as_of"] not in ("", "unknown") else "2026-11-23"


def _terms(words: str) -> tuple[str, str, str, str]:
    if words in ("on_demand", "spot"):
        return (words, "", "", "")
    option = next((p for p in PAYMENTS if words.endswith(p)), "no_upfront")
    kind, years = words.removesuffix(f"_{option}").rsplit("_", 1)
    return ("committed", COMMITMENTS[kind], years.removesuffix("y"), option)


def test_the_figures_are_chosen_across_clouds_regions_dates_and_ways_of_paying() -> None:
    figures = _figures()
    for cloud, regions, dates, ways in (
        ("aws", 25, 10, 14),
        ("azure", 12, 9, 6),
        ("gcp", 25, 4, 4),
    ):
        mine = [figure for figure in figures if figure["cloud"] == cloud]
        assert len(mine) >= 40
        assert len({figure["region"] for figure in mine}) >= regions
        assert len({figure["as_of"] for figure in mine}) >= dates
        assert len({figure["price_model"] for figure in mine}) >= ways
    assert max(Counter(figure["source"] for figure in figures).values()) < len(figures) / 4


@pytest.mark.parametrize("snapshot", sorted({(f["cloud"], _day(f)) for f in _figures()}))
def test_prices_equal_their_sources_to_the_cent(snapshot: tuple[str, str]) -> None:
    cloud, day = snapshot
    figures = [f for f in _figures() if (f["cloud"], _day(f)) == snapshot]
    arguments = ["--cloud", cloud, "--as-of", day, "--geo", "all", "--format", "csv"]
    for figure in figures:
        arguments += ["--instance-type", figure["instance_type"], "--region", figure["region"]]
    result = CliRunner().invoke(prices, arguments, catch_exceptions=False)
    shown = {
        (
            *(row["region"], row["instance_type"], row["pricing_model"]),
            *(row["commitment"], row["term_years"], row["payment_option"]),
        ): row
        for row in csv.DictReader(io.StringIO(result.stdout))
    }
    for figure in figures:
        row = shown[figure["region"], figure["instance_type"], *_terms(figure["price_model"])]
        printed, published = Decimal(row["effective_hourly_usd"]), Decimal(figure["hourly_usd"])
        assert abs(printed - published) < Decimal("1e-9"), figure
        dated = figure["as_of"] not in ("", "unknown")
        assert (row["as_of"], row["source"]) == (day if dated else "", figure["source"])
        assert row["currency"] == "USD"
