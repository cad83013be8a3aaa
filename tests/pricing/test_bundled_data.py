"""The bundled snapshots against the tabular input, row by row, read without planner's code."""

from __future__ import annotations

import csv
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from planner.bundled import pricing_data
from planner.pricing import estimates, gates, ingest, snapshots
from planner.pricing.catalog import Catalog, Query
from planner.pricing.instance_types import bundled

if TYPE_CHECKING:
    from collections.abc import Iterable

Key = tuple[str, ...]
KEY = (
    *("cloud", "service", "region", "instance_type"),
    *("pricing_model", "commitment", "term_years", "payment_option"),
)


@pytest.fixture(scope="module")
def bundled_rows() -> list[dict[str, str]]:
    """Every row of every bundled Parquet file, as text, read by pyarrow."""
    from pyarrow import parquet

    rows: list[dict[str, object]] = []
    for path in sorted((pricing_data() / "offers").glob("*/*.parquet")):
        rows += parquet.read_table(path).to_pylist()
    return [{k: "" if v is None else str(v) for k, v in row.items()} for row in rows]


def _by_key(rows: Iterable[dict[str, str]]) -> dict[Key, dict[str, str]]:
    return {(*(row[name] for name in KEY), row["as_of"]): row for row in rows}


def test_every_bundled_price_is_the_published_one(
    published_prices: list[dict[str, str]], bundled_rows: list[dict[str, str]]
) -> None:
    published = _by_key(published_prices)
    assert len(published) == len(published_prices), "two published prices for one thing"
    wrong = [
        (key, row["effective_hourly_usd"], published[key]["usd"])
        for key, row in _by_key(bundled_rows).items()
        if Decimal(row["effective_hourly_usd"]) != Decimal(published[key]["usd"])
        or row["source"] != published[key]["source"]
        or row["currency"] != "USD"
    ]
    assert wrong == []


def test_every_published_price_is_bundled(
    published_prices: list[dict[str, str]], bundled_rows: list[dict[str, str]]
) -> None:
    """Only an undated one gives way, where a dated source speaks of the same thing."""
    have = _by_key(bundled_rows)
    assert len(have) == len(bundled_rows)
    missing = [row for key, row in _by_key(published_prices).items() if key not in have]
    dated = {tuple(row[name] for name in KEY) for row in published_prices if row["dated"]}
    for row in missing:
        assert not row["dated"]
        assert tuple(row[name] for name in KEY) in dated
    assert len(bundled_rows) == len(published_prices) - len(missing)
    assert len(missing) < len([row for row in published_prices if not row["dated"]])


@pytest.mark.long
def test_a_stated_upfront_payment_is_the_price_of_the_whole_term(
    published_prices: list[dict[str, str]], bundled_rows: list[dict[str, str]]
) -> None:
    stated = [row for row in published_prices if row["upfront_usd"] not in ("", "0")]
    assert len(stated) == 55, "every Azure reservation"
    have = _by_key(bundled_rows)
    for row in stated:
        bundled_row = have[(*(row[name] for name in KEY), row["as_of"])]
        hours = 8760 * int(row["term_years"])
        amortised = Decimal(row["upfront_usd"]) / hours
        assert abs(Decimal(bundled_row["effective_hourly_usd"]) - amortised) < Decimal("1e-6")


def test_all_upfront_leaves_nothing_to_pay_by_the_hour(bundled_rows: list[dict[str, str]]) -> None:
    rows = [row for row in bundled_rows if row["payment_option"] == "all_upfront"]
    assert len(rows) > 3000
    for row in rows:
        assert Decimal(row["hourly_usd"]) == 0
        hours = 8760 * int(row["term_years"])
        assert Decimal(row["upfront_usd"]) == Decimal(row["effective_hourly_usd"]) * hours


def test_how_a_partial_payment_is_split_is_left_unknown(
    bundled_rows: list[dict[str, str]],
) -> None:
    rows = [row for row in bundled_rows if row["payment_option"] == "partial_upfront"]
    assert len(rows) > 3000
    assert {(row["hourly_usd"], row["upfront_usd"]) for row in rows} == {("", "")}


def test_low_confidence_rows_are_marked_and_say_why(bundled_rows: list[dict[str, str]]) -> None:
    low = [row for row in bundled_rows if row["confidence"] == "low"]
    assert {row["instance_type"] for row in low} == {"ml.g7e.2xlarge", "Standard_NC48ads_A100_v4"}
    for row in bundled_rows:
        assert row["confidence"] in ("high", "medium", "low")
        assert row["note"] or row["confidence"] == "high"


def test_stand_ins_for_sagemaker_hosting_say_so(bundled_rows: list[dict[str, str]]) -> None:
    rows = [row for row in bundled_rows if row["region"] == "us-west-2"]
    stand_ins = [row for row in rows if row["service"] == "sagemaker"]
    assert len(stand_ins) >= 20
    assert all("standing in for hosting" in row["note"] for row in stand_ins)


def test_every_cloud_and_service_has_a_history_from_autumn_2023_to_2026(
    bundled_rows: list[dict[str, str]],
) -> None:
    dates: dict[str, list[str]] = {}
    for row in bundled_rows:
        dates.setdefault(row["service"], []).append(row["as_of"])
    for service in ("ec2", "azure-vm", "gce"):
        assert min(dates[service]) < "2023-10-31", service
        assert max(dates[service]) > "2026-01-01", service
    assert min(dates["sagemaker"]) == "2025-01-26"


def test_no_bundled_file_was_changed_after_it_was_published() -> None:
    files = snapshots.find(pricing_data())
    assert len(files) == len(list((pricing_data() / "offers").glob("*/*.parquet")))
    for _, _, path in files:
        snapshots.verify(path)


def test_no_bundled_row_is_an_estimate(bundled_rows: list[dict[str, str]]) -> None:
    assert not [row for row in bundled_rows if row["source"].startswith("estimate")]
    assert "estimated" not in bundled_rows[0]


@pytest.mark.long
def test_every_accepted_exception_is_needed_and_has_a_reason() -> None:
    """That the others pass, test_ingest shows: it builds them all again."""
    from planner.serving.accelerators import all_accelerators

    memory = {a.accelerator: a.memory_gib for a in all_accelerators()}
    path = pricing_data() / "accepted.csv"
    with path.open(encoding="utf-8", newline="") as file:
        assert all(len(row["reason"]) > 20 for row in csv.DictReader(file))
    catalog = Catalog()
    for (cloud, day), exceptions in ingest.read_accepted(path).items():
        (snapshot,) = (s for s in catalog.snapshots if (s.cloud, s.as_of) == (cloud, day))
        known = catalog.offers(Query(as_of=day, clouds=(cloud,)))
        before = catalog.offers(Query(as_of=day - timedelta(days=1), clouds=(cloud,)))
        candidate = gates.Candidate(
            offers=[o for o in known if o.as_of == day],
            coverage=snapshot.coverage,
            instance_types=bundled(),
            accelerator_memory_gib=memory,
            previous=before,
        )
        broken = {(v.gate, v.subject) for v in gates.check(candidate)}
        assert broken == set(exceptions)


def test_estimates_are_made_of_the_bundled_data_and_stay_out_of_it() -> None:
    catalog = Catalog()
    offers = catalog.offers(Query(clouds=("azure",)))
    assert estimates.estimate(offers)
    assert not [o for o in catalog.offers(Query(clouds=("azure",))) if o.estimated]
