"""How old the price lists are, and whether that is said."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from planner.pricing import freshness, snapshots
from planner.pricing.catalog import Catalog

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from planner.pricing.offer import Offer


@pytest.mark.parametrize(("age", "told"), [(1, False), (60, False), (61, True)])
def test_lists_older_than_sixty_days_are_told(
    make_offer: Callable[..., Offer], tmp_path: Path, age: int, *, told: bool
) -> None:
    day = datetime.now(UTC).date() - timedelta(days=age)
    offer = replace(make_offer(), as_of=day)
    snapshots.write(tmp_path, [offer], snapshots.coverage_of([offer]))
    said = freshness.reminder(Catalog(tmp_path), {"aws"})
    assert bool(said) is told
    assert not told or ("planner refresh" in said and f"aws {age}" in said)
    assert not freshness.reminder(Catalog(tmp_path), {"gcp"})


def test_a_sample_makes_no_list_newer(make_offer: Callable[..., Offer], tmp_path: Path) -> None:
    today = datetime.now(UTC).date()
    for age, scope in ((90, "*"), (1, None)):
        offer = replace(make_offer(), as_of=today - timedelta(days=age))
        snapshots.write(tmp_path, [offer], snapshots.coverage_of([offer], scope))
    assert freshness.newest(Catalog(tmp_path)) == {"aws": today - timedelta(days=90)}


def test_a_list_of_one_region_makes_the_others_no_newer(
    make_offer: Callable[..., Offer], tmp_path: Path
) -> None:
    today = datetime.now(UTC).date()
    old = [
        replace(make_offer(region=name), as_of=today - timedelta(days=90))
        for name in ("us-east-1", "us-west-2", "eu-west-1")
    ]
    snapshots.write(tmp_path, old, snapshots.coverage_of(old))
    new = replace(make_offer(), as_of=today)
    snapshots.write(tmp_path, [new], snapshots.coverage_of([new]))
    assert freshness.newest(Catalog(tmp_path)) == {"aws": today - timedelta(days=90)}
