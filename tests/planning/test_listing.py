"""Offers as records, filtered."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from planner.errors import NotFoundError, UnknownNameError
from planner.planning import list_offers

DAY = date(2026, 11, 23)


def offers(**filters: Any) -> list[dict[str, Any]]:
    return list_offers(as_of=DAY, **filters)


def test_a_record_says_what_the_machine_holds() -> None:
    (record,) = offers(instance_types=["g6.48xlarge"], regions=["us-east-1"], limit=1)
    assert (record["accelerator"], record["accelerator_count"]) == ("L4", 8)
    assert record["accelerator_memory_gib"] == 24


def test_offers_come_cheapest_first() -> None:
    prices = [r["effective_hourly_usd"] for r in offers(accelerators=["H100"])]
    assert prices == sorted(prices)
    assert [r["effective_hourly_usd"] for r in offers(accelerators=["H100"], limit=4)] == prices[:4]


@pytest.mark.parametrize(
    ("filters", "field", "allowed"),
    [
        ({"clouds": ["gcp"]}, "cloud", {"gcp"}),
        ({"regions": ["uksouth"]}, "region", {"uksouth"}),
        ({"accelerators": ["A100-80GB"]}, "accelerator", {"A100-80GB"}),
        ({"instance_types": ["G5.XLARGE"]}, "instance_type", {"g5.xlarge"}),
        ({"pricing_models": ["spot"]}, "pricing_model", {"spot"}),
        ({"commitments": ["savings_plan"]}, "commitment", {"savings_plan"}),
        ({"term_years": ["3"]}, "term_years", {3}),
    ],
)
def test_a_filter_keeps_what_it_names(filters: Any, field: str, allowed: set[Any]) -> None:
    assert {record[field] for record in offers(**filters)} == allowed


def test_accelerator_and_instance_type_narrow_each_other() -> None:
    both = offers(accelerators=["L4"], instance_types=["g6.xlarge", "g5.xlarge"])
    assert {record["instance_type"] for record in both} == {"g6.xlarge"}
    with pytest.raises(NotFoundError):
        offers(accelerators=["H100"], instance_types=["g5.xlarge"])


@pytest.mark.parametrize(
    ("filters", "nearest"),
    [
        ({"regions": ["us-eest-1"]}, "us-east-1"),
        ({"accelerators": ["A1000"]}, "A100-80GB"),
        ({"instance_types": ["p4d.24large"]}, "p4d.24xlarge"),
        ({"geo": "euu"}, "eu"),
    ],
)
def test_an_unknown_name_brings_the_nearest(filters: Any, nearest: str) -> None:
    with pytest.raises(UnknownNameError) as caught:
        offers(**filters)
    assert nearest in caught.value.nearest


def test_what_matches_nothing_is_not_an_empty_list() -> None:
    with pytest.raises(NotFoundError):
        offers(regions=["uksouth"], clouds=["aws"])
