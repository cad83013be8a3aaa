"""From tabular input to snapshots."""

from __future__ import annotations

import gzip
import subprocess
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from planner.errors import DataError, SnapshotRefusedError
from planner.pricing import ingest
from planner.pricing.catalog import Catalog
from planner.pricing.offer import Commitment, Confidence, Offer, PaymentOption, PricingModel

FOUND_ON = date(2026, 11, 23)
SOURCES = [
    ingest.SourceEntry("feed@1", "2025-11-30", "ec2", "spot", ("*",), Confidence.MEDIUM, "avg"),
    ingest.SourceEntry("feed@1", "2025-11-30", "ec2", "*", ("*",), Confidence.HIGH, "a feed"),
    ingest.SourceEntry(
        "list@2", "2026-09-01", "sagemaker-studio-jupyterlab", "*", (), Confidence.MEDIUM, "same"
    ),
    ingest.SourceEntry(
        "file 3", "", "sagemaker-batch-transform", "*", (), Confidence.LOW, "undated"
    ),
]
MEMORY = {"A10G": 24.0, "L4": 24.0}


def row(**changes: str) -> dict[str, str]:
    base = {
        "cloud": "aws",
        "service": "ec2",
        "region": "us-east-1",
        "instance_type": "g5.12xlarge",
        "price_model": "on_demand",
        "hourly_usd": "5.672",
        "upfront_usd": "",
        "as_of": "2025-11-30",
        "source": "feed@1234:file.json",
    }
    return base | changes


def hosting(**changes: str) -> dict[str, str]:
    base = row(
        service="sagemaker-studio-jupyterlab",
        instance_type="ml.g5.12xlarge",
        region="us-west-2",
        hourly_usd="7.09",
        as_of="2026-09-01",
        source="list@2:x",
    )
    return base | changes


UNDATED = {"service": "sagemaker-batch-transform", "as_of": "", "source": "file 3 (a header)"}


def convert(*rows: dict[str, str]) -> list[Offer]:
    found = ingest.convert(rows, SOURCES, found_on=FOUND_ON)
    return [offer for offers, _ in found.values() for offer in offers]


@pytest.mark.parametrize(
    ("words", "commitment", "years", "option"),
    [
        ("reserved_1y", Commitment.RESERVED_INSTANCE, 1, PaymentOption.NO_UPFRONT),
        ("reserved_3y_no_upfront", Commitment.RESERVED_INSTANCE, 3, PaymentOption.NO_UPFRONT),
        (
            "reserved_convertible_1y_all_upfront",
            Commitment.CONVERTIBLE_RESERVED_INSTANCE,
            1,
            PaymentOption.ALL_UPFRONT,
        ),
        ("savings_plan_3y", Commitment.SAVINGS_PLAN, 3, PaymentOption.NO_UPFRONT),
        ("cud_1y", Commitment.COMMITTED_USE_DISCOUNT, 1, PaymentOption.NO_UPFRONT),
    ],
)
def test_the_words_of_the_sources_become_terms(
    words: str, commitment: Commitment, years: int, option: PaymentOption
) -> None:
    (offer,) = convert(row(price_model=words))
    assert offer.terms == (PricingModel.COMMITTED, commitment, years, option)


@pytest.mark.parametrize("words", ["reserved_2y", "reserved", "flat_discount_1y", "ondemand", ""])
def test_other_words_are_refused(words: str) -> None:
    with pytest.raises(DataError, match="unknown price model"):
        convert(row(price_model=words))


def test_an_amortised_all_upfront_price_is_split_into_its_payment() -> None:
    (offer,) = convert(row(price_model="reserved_3y_all_upfront", hourly_usd="2.13"))
    assert offer.hourly_usd == 0
    assert offer.upfront_usd == Decimal("2.13") * 3 * 8760
    assert offer.effective_hourly_usd == Decimal("2.13")


def test_a_partial_payment_is_not_split_by_guess() -> None:
    (offer,) = convert(row(price_model="reserved_1y_partial_upfront", hourly_usd="3.4"))
    assert (offer.hourly_usd, offer.upfront_usd) == (None, None)
    assert offer.effective_hourly_usd == Decimal("3.4")


def test_the_narrower_line_of_sources_says_what_a_price_is_worth() -> None:
    spot, on_demand = convert(row(price_model="spot", hourly_usd="2"), row())
    assert (spot.confidence, spot.note) == (Confidence.MEDIUM, "avg")
    assert (on_demand.confidence, on_demand.note) == (Confidence.HIGH, "")


@pytest.mark.parametrize(
    "change", [{"source": "somewhere else"}, {"as_of": "2025-11-29"}, {"service": "gce"}]
)
def test_a_row_whose_source_is_not_listed_is_refused(change: dict[str, str]) -> None:
    with pytest.raises(DataError, match="is not in sources"):
        convert(row(**change))


def test_an_undated_price_stands_from_the_day_it_was_found() -> None:
    (offer,) = convert(hosting(**UNDATED))
    assert (offer.as_of, offer.service) == (FOUND_ON, "sagemaker")
    assert offer.confidence == Confidence.LOW


def test_an_undated_price_gives_way_to_a_dated_one() -> None:
    offers = convert(hosting(**UNDATED, hourly_usd="9"), hosting())
    assert [(o.effective_hourly_usd, o.as_of) for o in offers] == [
        (Decimal("7.09"), date(2026, 9, 1))
    ]


def test_vertex_prediction_is_left_out() -> None:
    assert convert(row(service="vertex-prediction", source="unlisted")) == []


def test_a_sample_covers_only_what_it_names_and_a_list_covers_all() -> None:
    found = ingest.convert([row(), hosting()], SOURCES, found_on=FOUND_ON)
    globs = {coverage.instance_types for _, entries in found.values() for coverage in entries}
    assert globs == {"*", "ml.g5.12xlarge"}


def test_plain_and_gzipped_tables_read_alike(tmp_path: Path) -> None:
    text = ",".join(row()) + "\n" + ",".join(row().values()) + "\n"
    plain, packed = tmp_path / "a.csv", tmp_path / "a.csv.gz"
    plain.write_text(text, encoding="utf-8")
    packed.write_bytes(gzip.compress(text.encode()))
    assert ingest.read_rows(plain) == ingest.read_rows(packed) == [row()]


def test_what_is_built_is_what_the_catalog_finds(tmp_path: Path) -> None:
    found = ingest.convert([row(), hosting()], SOURCES, found_on=FOUND_ON)
    written = ingest.build(found, tmp_path, accelerator_memory_gib=MEMORY, accepted={})
    assert len(written) == 2
    assert {o.instance_type for o in Catalog(tmp_path).offers()} == {
        "g5.12xlarge",
        "ml.g5.12xlarge",
    }


def test_a_refused_snapshot_leaves_the_ones_before_it(tmp_path: Path) -> None:
    rows = [row(), hosting(hourly_usd="0.00001")]
    found = ingest.convert(rows, SOURCES, found_on=FOUND_ON)
    with pytest.raises(SnapshotRefusedError) as caught:
        ingest.build(found, tmp_path, accelerator_memory_gib=MEMORY, accepted={})
    assert "aws snapshot of 2026-09-01 is refused" in str(caught.value)
    assert "price_is_plausible" in caught.value.why
    assert [o.instance_type for o in Catalog(tmp_path).offers()] == ["g5.12xlarge"]


@pytest.mark.long
def test_the_bundled_snapshots_are_what_the_input_builds() -> None:
    script = Path(__file__).resolve().parents[2] / "pricing_data" / "build.py"
    result = subprocess.run(
        [sys.executable, script, "--check"], capture_output=True, text=True, check=False
    )
    assert result.stdout.strip() == "equal", result.stderr
    assert result.returncode == 0
