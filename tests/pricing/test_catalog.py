"""What the catalog answers as of a date, and what it says of files it cannot trust."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import replace
from datetime import date
from decimal import Decimal
from fnmatch import fnmatchcase
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.bundled import pricing_data
from planner.errors import DataError, NotFoundError
from planner.pricing import snapshots
from planner.pricing.catalog import Catalog, Query
from planner.pricing.offer import Commitment, Offer, PaymentOption, PricingModel

if TYPE_CHECKING:
    from collections.abc import Callable

JANUARY, JULY, AUGUST = date(2026, 1, 1), date(2026, 7, 1), date(2026, 8, 1)
RESERVED = {"commitment": Commitment.RESERVED_INSTANCE}


def publish(root: Path, day: date, *offers: Offer, scope: str | None = "*") -> Path:
    dated = [replace(o, as_of=day) for o in offers]
    return snapshots.write(root, dated, snapshots.coverage_of(dated, scope))


def known(root: Path, day: date, *more: Path) -> set[tuple[str, str, str, date]]:
    return {
        (o.instance_type, o.region, str(o.commitment or o.pricing_model), o.as_of)
        for o in Catalog(root, *more).offers(Query(as_of=day))
    }


def test_a_newer_list_of_one_region_does_not_hide_older_commitments(
    tmp_path: Path, make_offer: Callable[..., Offer]
) -> None:
    publish(
        tmp_path,
        JANUARY,
        make_offer(),
        make_offer(usd="3", **RESERVED),
        make_offer(region="eu-west-1"),
    )
    publish(tmp_path, JULY, make_offer(usd="5"))
    assert known(tmp_path, AUGUST) == {
        ("g5.12xlarge", "us-east-1", "on_demand", JULY),
        ("g5.12xlarge", "us-east-1", "reserved_instance", JANUARY),
        ("g5.12xlarge", "eu-west-1", "on_demand", JANUARY),
    }


def test_a_type_missing_from_a_newer_list_is_gone(
    tmp_path: Path, make_offer: Callable[..., Offer]
) -> None:
    publish(tmp_path, JANUARY, make_offer(), make_offer("p2.16xlarge", "14.4"))
    publish(tmp_path, JULY, make_offer())
    assert known(tmp_path, AUGUST) == {("g5.12xlarge", "us-east-1", "on_demand", JULY)}
    assert ("p2.16xlarge", "us-east-1", "on_demand", JANUARY) in known(tmp_path, JANUARY)


def test_a_sample_hides_only_what_it_names(
    tmp_path: Path, make_offer: Callable[..., Offer]
) -> None:
    publish(tmp_path, JANUARY, make_offer(), make_offer("p4d.24xlarge", "32"))
    publish(tmp_path, JULY, make_offer(usd="5"), scope=None)
    assert known(tmp_path, AUGUST) == {
        ("g5.12xlarge", "us-east-1", "on_demand", JULY),
        ("p4d.24xlarge", "us-east-1", "on_demand", JANUARY),
    }


def test_a_list_of_one_family_hides_that_family_only(
    tmp_path: Path, make_offer: Callable[..., Offer]
) -> None:
    publish(
        tmp_path, JANUARY, make_offer("n1-t4", "1"), make_offer("a2-1g", "4"), make_offer("a2-2g")
    )
    publish(tmp_path, JULY, make_offer("a2-1g", "3.9"), scope="a2-*")
    assert known(tmp_path, AUGUST) == {
        ("n1-t4", "us-east-1", "on_demand", JANUARY),
        ("a2-1g", "us-east-1", "on_demand", JULY),
    }


def test_one_payment_option_does_not_hide_another(
    tmp_path: Path, make_offer: Callable[..., Offer]
) -> None:
    upfront = make_offer(usd="3", payment_option=PaymentOption.ALL_UPFRONT, **RESERVED)
    publish(tmp_path, JANUARY, upfront, make_offer(usd="3.3", **RESERVED))
    publish(tmp_path, JULY, make_offer(usd="3.2", **RESERVED))
    found = Catalog(tmp_path).offers(Query(as_of=AUGUST))
    assert [(o.effective_hourly_usd, o.as_of) for o in found] == [
        (Decimal(3), JANUARY),
        (Decimal("3.2"), JULY),
    ]


def test_the_day_itself_counts_and_the_day_before_does_not(
    tmp_path: Path, make_offer: Callable[..., Offer]
) -> None:
    publish(tmp_path, JANUARY, make_offer())
    publish(tmp_path, JULY, make_offer(usd="5"))
    assert {day for *_, day in known(tmp_path, JULY)} == {JULY}
    assert {day for *_, day in known(tmp_path, date(2026, 6, 30))} == {JANUARY}


def test_a_date_before_the_first_snapshot_names_the_first(
    tmp_path: Path, make_offer: Callable[..., Offer]
) -> None:
    publish(tmp_path, JANUARY, make_offer())
    with pytest.raises(NotFoundError) as caught:
        Catalog(tmp_path).offers(Query(as_of=date(2025, 12, 31)))
    assert caught.value.advice == "--as-of 2026-01-01"


def test_the_later_root_counts_for_the_same_cloud_and_date(
    tmp_path: Path, make_offer: Callable[..., Offer]
) -> None:
    bundled, own = tmp_path / "bundled", tmp_path / "own"
    publish(bundled, JANUARY, make_offer(), make_offer(region="eu-west-1"))
    publish(own, JANUARY, make_offer("p4d.24xlarge", "20"))
    expected = {("p4d.24xlarge", "us-east-1", "on_demand", JANUARY)}
    assert known(bundled, JULY, own) == expected
    assert len(known(own, JULY, bundled)) == 2


def test_publishing_a_date_again_supersedes_it(
    tmp_path: Path, make_offer: Callable[..., Offer]
) -> None:
    publish(tmp_path, JANUARY, make_offer())
    publish(tmp_path, JANUARY, make_offer(usd="5"))
    assert [o.effective_hourly_usd for o in Catalog(tmp_path).offers()] == [5]


def test_an_offer_comes_back_as_it_was_written(
    tmp_path: Path, make_offer: Callable[..., Offer]
) -> None:
    offers = [
        make_offer(usd="5.672000001", note='it\'s "quoted"', sku="BoxUsage"),
        make_offer(
            usd="0.000000001",
            payment_option=PaymentOption.PARTIAL_UPFRONT,
            hourly_usd=None,
            upfront_usd=None,
            **RESERVED,
        ),
    ]
    publish(tmp_path, JANUARY, *offers)
    assert Catalog(tmp_path).offers() == [replace(o, as_of=JANUARY) for o in reversed(offers)]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (Query(clouds=("gcp",)), 0),
        (Query(services=("ec2",)), 4),
        (Query(regions=("eu-west-1",)), 1),
        (Query(regions=("eu-west-1", "us-east-1")), 4),
        (Query(instance_types=("p4d.24xlarge",)), 1),
        (Query(instance_types=("' OR 1=1 --",)), 0),
        (Query(pricing_models=(PricingModel.COMMITTED,)), 1),
        (Query(commitments=(Commitment.SAVINGS_PLAN,)), 0),
        (Query(term_years=(1,)), 1),
        (Query(payment_options=(PaymentOption.NO_UPFRONT,)), 1),
        (Query(limit=2), 2),
    ],
)
def test_each_filter_keeps_what_it_names(
    tmp_path: Path, make_offer: Callable[..., Offer], query: Query, expected: int
) -> None:
    publish(
        tmp_path,
        JANUARY,
        make_offer(),
        make_offer("p4d.24xlarge", "32"),
        make_offer(region="eu-west-1"),
        make_offer(usd="3", **RESERVED),
    )
    found = Catalog(tmp_path).offers(query)
    assert len(found) == expected
    prices = [o.effective_hourly_usd for o in found]
    assert prices == sorted(prices)


def test_the_dataframe_holds_the_same_rows_with_money_as_numbers() -> None:
    query = Query(as_of=date(2023, 10, 31), clouds=("azure",))
    catalog = Catalog()
    frame = catalog.to_dataframe(query)
    offers = catalog.offers(query)
    assert list(frame.columns) == list(snapshots.SCHEMA)
    assert list(frame["effective_hourly_usd"]) == [float(o.effective_hourly_usd) for o in offers]


# A reference of the rule, as plainly as it can be said, against random worlds.
DAYS = (date(2026, 1, 1), date(2026, 2, 1), date(2026, 3, 1))
KINDS: tuple[dict[str, object], ...] = ({}, dict(RESERVED))
cells = st.sampled_from(list(product(("a2-1g", "a2-2g", "n1"), ("x", "y"), range(len(KINDS)))))
worlds = st.lists(
    st.tuples(
        st.sets(cells, min_size=1, max_size=6),
        st.sampled_from(["*", "a2-*", None]),
    ),
    min_size=1,
    max_size=3,
)


@pytest.mark.long
@settings(max_examples=25, deadline=None)
@given(world=worlds, day=st.sampled_from(DAYS))
def test_an_offer_counts_until_a_newer_snapshot_covers_it(
    world: list[tuple[set[tuple[str, str, int]], str | None]], day: date
) -> None:
    rows = []
    with TemporaryDirectory() as folder:
        for as_of, (held, scope) in zip(DAYS, world, strict=False):
            offers = [_cell(cell, as_of) for cell in sorted(held)]
            covered = {(r, k, scope or t) for t, r, k in held}
            rows += [(as_of, cell, covered) for cell in held]
            coverage = snapshots.coverage_of(offers, scope)
            snapshots.write(Path(folder), offers, coverage)
        found = {
            (o.instance_type, o.region, int(o.commitment is not None), o.as_of)
            for o in Catalog(Path(folder)).offers(Query(as_of=day))
        }
    expected = {
        (*cell, as_of)
        for as_of, cell, _ in rows
        if as_of <= day
        and not any(
            as_of < newer <= day
            and any(
                (region, kind) == cell[1:] and fnmatchcase(cell[0], glob)
                for region, kind, glob in covered
            )
            for newer, _, covered in rows
        )
    }
    assert found == expected


def _cell(cell: tuple[str, str, int], as_of: date) -> Offer:
    instance_type, region, kind = cell
    committed = bool(KINDS[kind])
    return Offer(
        cloud="gcp",
        service="gce",
        region=region,
        instance_type=instance_type,
        pricing_model=PricingModel.COMMITTED if committed else PricingModel.ON_DEMAND,
        commitment=Commitment.COMMITTED_USE_DISCOUNT if committed else None,
        term_years=1 if committed else None,
        payment_option=PaymentOption.NO_UPFRONT if committed else None,
        hourly_usd=Decimal(1),
        upfront_usd=Decimal(0),
        effective_hourly_usd=Decimal(1),
        currency="USD",
        as_of=as_of,
        source="a list",
    )


# Files that cannot be trusted.


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a folder with a copy of the bundled Azure snapshots."""
    shutil.copytree(pricing_data() / "offers" / "azure", tmp_path / "offers" / "azure")
    return tmp_path


def _first(root: Path) -> Path:
    return min((root / "offers" / "azure").iterdir())


def _rename(path: Path) -> Path:
    """Give a file the name that its content would have been published under."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    return path.rename(path.with_name(f"{path.name[:10]}-{digest}.parquet"))


def _refused(root: Path) -> DataError:
    before = {path: path.read_bytes() for path in root.rglob("*.parquet")}
    with pytest.raises(DataError) as caught:
        Catalog(root).offers()
    assert {path: path.read_bytes() for path in root.rglob("*.parquet")} == before
    assert caught.value.advice
    return caught.value


def test_a_truncated_file_is_named(copy: Path) -> None:
    path = _first(copy)
    path.write_bytes(path.read_bytes()[:-100])
    assert path.name in str(_refused(copy))


def test_a_file_with_one_changed_byte_is_named(copy: Path) -> None:
    path = _first(copy)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    error = _refused(copy)
    assert path.name in str(error)
    assert "changed after it was published" in str(error)


def test_an_empty_file_is_named(copy: Path) -> None:
    path = _first(copy)
    path.write_bytes(b"")
    assert path.name in str(_refused(copy))


def test_a_truncated_file_with_a_fitting_name_is_named(copy: Path) -> None:
    path = _first(copy)
    path.write_bytes(path.read_bytes()[:-100])
    renamed = _rename(path)
    error = _refused(copy)
    assert renamed.name in f"{error} {error.why}"


def test_a_parquet_file_without_coverage_is_no_snapshot(copy: Path) -> None:
    from pyarrow import parquet

    path = _first(copy)
    parquet.write_table(parquet.read_table(path).replace_schema_metadata(None), path)
    renamed = _rename(path)
    error = _refused(copy)
    assert renamed.name in str(error)
    assert "declares no coverage" in error.why


@pytest.mark.parametrize("garbage", ["not json", '[["ec2"]]', '{"a": 1}', "7", "null"])
def test_garbage_in_the_coverage_is_a_clear_error(copy: Path, garbage: str) -> None:
    from pyarrow import parquet

    path = _first(copy)
    table = parquet.read_table(path)
    table = table.replace_schema_metadata({snapshots.COVERAGE_KEY: garbage})
    parquet.write_table(table, path)
    renamed = _rename(path)
    error = _refused(copy)
    assert renamed.name in f"{error} {error.why}"


def test_a_folder_without_snapshots_is_a_clear_error(tmp_path: Path) -> None:
    error = _refused(tmp_path)
    assert "there are no price snapshots" in str(error)
    assert str(tmp_path) in error.why


def test_files_that_are_no_snapshots_are_left_alone(copy: Path) -> None:
    whole = Catalog(copy).offers()
    (copy / "offers" / "azure" / "notes.txt").write_text("mine", encoding="utf-8")
    (copy / "offers" / "azure" / "draft.parquet").write_bytes(b"PAR1")
    assert Catalog(copy).offers() == whole


def test_a_file_of_before_a_column_came_is_read_beside_newer_ones(
    tmp_path: Path, make_offer: Callable[..., Offer]
) -> None:
    import duckdb

    new = replace(make_offer(), undated=True)
    snapshots.write(tmp_path, [new], snapshots.coverage_of([new]))
    old = replace(make_offer(region="us-west-2"), as_of=new.as_of.replace(year=2024))
    path = snapshots.write(tmp_path, [old], snapshots.coverage_of([old]))
    with duckdb.connect() as connection:
        (coverage,) = connection.execute(
            "SELECT decode(value) FROM parquet_kv_metadata(?) WHERE decode(key) = ?",
            [str(path), snapshots.COVERAGE_KEY],
        ).fetchone() or ("",)
        draft = tmp_path / "draft.parquet"
        quoted = coverage.replace("'", "''")
        connection.execute(
            f"COPY (SELECT * EXCLUDE undated FROM read_parquet('{path}')) TO '{draft}'"  # noqa: S608 - paths of the test
            f" (FORMAT parquet, KV_METADATA {{'{snapshots.COVERAGE_KEY}': '{quoted}'}})"
        )
    digest = hashlib.sha256(draft.read_bytes()).hexdigest()[:16]
    draft.rename(path.with_name(f"{old.as_of}-{digest}.parquet"))
    path.unlink(missing_ok=True)
    found = {o.region: o.undated for o in Catalog(tmp_path).offers()}
    assert found == {"us-east-1": True, "us-west-2": False}
