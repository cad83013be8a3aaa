"""``planner regions``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from planner.pricing import regions
from planner.pricing.catalog import Catalog, Query

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Result


def test_every_region_of_a_cloud_is_there_with_what_is_priced(
    planner: Callable[..., Result],
) -> None:
    rows = json.loads(planner("regions", "--cloud", "aws", "--geo", "all", "--format", "json").out)
    assert [row["region"] for row in rows] == list(regions.of_cloud("aws"))
    offers = Catalog().offers(
        Query(clouds=("aws",), regions=("us-east-1",), pricing_models=("on_demand",))
    )
    (row,) = (row for row in rows if row["region"] == "us-east-1")
    assert row["on_demand_types"] == len({offer.instance_type for offer in offers}) > 10
    assert row["geo"] == "us"


def test_a_geo_in_other_words_and_all_clouds(planner: Callable[..., Result]) -> None:
    text = planner("regions", "--geo", "Europe", columns=80).out
    for name in ("eu-west-1", "westeurope", "europe-west4"):
        assert name in text
    assert "us-east-1" not in text
