"""Whatever happens to a refresh, the catalog opens and holds the old prices or the new."""

from __future__ import annotations

import random
import shutil
import time
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

import forked
import killed_refresh
import price_lists
import pytest
from fake_price_servers import PriceServer, serve

from planner.pricing import snapshots
from planner.pricing.catalog import Catalog
from planner.pricing.offer import Offer, PricingModel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.context import ForkServerContext
    from pathlib import Path

KILLS = 50
OLD = Offer("aws", "ec2", "us-east-1", "p4d.24xlarge", PricingModel.ON_DEMAND, None, None, None,
            Decimal(19), Decimal(0), Decimal(19), "USD", date(2026, 1, 1), "test")  # fmt: skip


@pytest.fixture(scope="module")
def processes() -> ForkServerContext:
    """Return a maker of processes that need not import planner first."""
    forked.start_server()
    return forked.CONTEXT


@pytest.fixture(scope="module")
def server() -> Iterator[PriceServer]:
    with serve(price_lists.price_server()) as running:
        yield running


def _folder_with_old_prices(folder: Path) -> Path:
    snapshots.write(folder / "data", [OLD], snapshots.coverage_of([OLD]))
    return folder


def _prices(folder: Path) -> frozenset[tuple[object, ...]]:
    offers = Catalog(folder / "data").offers()
    return frozenset((*o.key, o.effective_hourly_usd) for o in offers)


@pytest.mark.long
def test_a_kill_at_any_moment_leaves_the_old_prices_or_the_new(
    processes: ForkServerContext, server: PriceServer, tmp_path: Path
) -> None:
    template = _folder_with_old_prices(tmp_path / "template")
    old = _prices(template)
    whole = shutil.copytree(template, tmp_path / "whole")
    _run(processes, server, whole)  # starts the fork server, so that the next run is timed alone
    shutil.rmtree(whole)
    shutil.copytree(template, whole)
    start = time.monotonic()
    _run(processes, server, whole)
    longest = time.monotonic() - start
    new = _prices(whole)
    assert new != old
    moments = random.Random()  # noqa: S311 - not a secret
    seen = set()
    for number in range(KILLS):
        folder = shutil.copytree(template, tmp_path / str(number))
        moment = moments.uniform(0, longest)
        process = processes.Process(
            target=killed_refresh.refresh, args=(server.url, str(folder)), daemon=True
        )
        process.start()
        process.join(moment)
        process.kill()
        process.join()
        after = _prices(folder)
        assert after in (old, new), f"killed after {moment:.3f} s"
        seen.add(after)
        shutil.rmtree(folder)
    assert old in seen


@pytest.mark.long
def test_after_a_kill_the_next_refresh_publishes(
    processes: ForkServerContext, server: PriceServer, tmp_path: Path
) -> None:
    folder = _folder_with_old_prices(tmp_path)
    process = processes.Process(target=killed_refresh.refresh, args=(server.url, str(folder)))
    process.start()
    process.join(0.1)
    process.kill()
    process.join()
    _run(processes, server, folder)
    assert len(_prices(folder)) > 1


@pytest.mark.long
def test_two_refreshes_at_once_publish_one_sound_catalog(
    processes: ForkServerContext, server: PriceServer, tmp_path: Path
) -> None:
    folder = _folder_with_old_prices(tmp_path)
    both = [
        processes.Process(target=killed_refresh.refresh, args=(server.url, str(folder)))
        for _ in range(2)
    ]
    for process in both:
        process.start()
    for process in both:
        process.join()
    assert [process.exitcode for process in both] == [0, 0]
    assert len(_prices(folder)) > 1


def _run(processes: ForkServerContext, server: PriceServer, folder: Path) -> None:
    process = processes.Process(target=killed_refresh.refresh, args=(server.url, str(folder)))
    process.start()
    process.join()
    assert process.exitcode == 0
