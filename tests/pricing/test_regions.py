"""Regions belong to a geography; every region in the data belongs to one."""

from __future__ import annotations

import pytest

from planner.errors import UnknownNameError
from planner.pricing import regions


def test_every_region_with_a_price_is_listed(published_prices: list[dict[str, str]]) -> None:
    used = {row["region"] for row in published_prices}
    assert used <= set(regions.all_regions())


@pytest.mark.parametrize(
    ("cloud", "region", "geo"),
    [
        ("aws", "us-east-1", "us"),
        ("aws", "us-gov-west-1", "other"),
        ("aws", "eu-central-1", "eu"),
        ("azure", "westus3", "us"),
        ("azure", "uksouth", "eu"),
        ("azure", "japaneast", "ap"),
        ("azure", "brazilsouth", "other"),
        ("gcp", "us-central1", "us"),
        ("gcp", "northamerica-northeast1", "other"),
        ("gcp", "asia-east1", "ap"),
        ("gcp", "moon-base1", "other"),
    ],
)
def test_a_region_has_one_geography(cloud: str, region: str, geo: str) -> None:
    assert regions.geo(cloud, region) == geo
    assert (region in regions.in_geo(geo)) is (region != "moon-base1")


def test_all_means_no_limit() -> None:
    assert regions.in_geo("all") == ()


def test_an_unknown_geography_is_not_taken_for_all() -> None:
    with pytest.raises(UnknownNameError) as caught:
        regions.in_geo("usa")
    assert "us" in caught.value.nearest


def test_a_cloud_has_its_own_regions_only() -> None:
    assert "us-central1" in regions.of_cloud("gcp", "us")
    assert "us-east-1" not in regions.of_cloud("gcp")
    assert set(regions.of_cloud("azure", "us")) < set(regions.in_geo("us"))


def test_a_local_zone_has_prices_but_is_no_region_to_call() -> None:
    assert "us-east-1-dfw-2a" in regions.all_regions()
    assert regions.geo("aws", "us-east-1-dfw-2a") == "us"
    assert "us-east-1-dfw-2a" not in regions.of_cloud("aws")
    assert {"us-east-1", "us-gov-west-1"} <= set(regions.of_cloud("aws"))
