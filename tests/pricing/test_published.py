"""A published catalogue on loopback: what is asked, what is checked, what is kept."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import time
from contextlib import closing
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import forked
import killed_refresh
import pytest
from fake_price_servers import PriceServer, serve

from planner.errors import DataError, SnapshotRefusedError
from planner.pricing import published, publishing, signature, snapshots
from planner.pricing.catalog import Catalog
from planner.pricing.published import Site, Take
from planner.pricing.refresh import Outcome, Status
from planner.pricing.sources.connection import Connection, Manners
from planner.pricing.store import LocalStore
from planner.serving import accelerators

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from planner.pricing.offer import Offer

QUICK = Manners(requests_per_second=1000, attempts=2, first_wait=0.01, timeout=5)
MEMORY = {a.accelerator: a.memory_gib for a in accelerators.all_accelerators()}
FIRST = date(2026, 10, 1)
REGIONS = ("us-east-1", "us-west-2", "eu-west-1")


class World:
    """Someone who publishes, and one who takes."""

    def __init__(self, server: PriceServer, folder: Path) -> None:
        self.server = server
        self.site = folder / "site"
        self.store = LocalStore(folder / "data")
        self._nothing = folder / "none"

    def publish(self, *offers: Offer) -> Path:
        """Add a snapshot to the site and put the site up."""
        path = snapshots.write(self.site, offers, snapshots.coverage_of(offers))
        self.put_up()
        return path

    def put_up(self) -> None:
        publishing.write_index(self.site)
        self.server.files = {
            f"/{path.relative_to(self.site).as_posix()}": path.read_bytes()
            for path in self.site.rglob("*")
            if path.is_file()
        }

    def take(self, *, check: bool = False, identity: str = "") -> Outcome:
        connection = Connection(QUICK)
        run = Take(
            site=Site(self.server.url, connection),
            target=self.store,
            accelerator_memory_gib=MEMORY,
            clouds=("aws",),
            verify=lambda index, find: signature.check(index, find, identity=identity),
            bundled=self._nothing,
        )
        try:
            return run.run(check=check)[0]
        finally:
            connection.http.close()

    def asked(self) -> list[tuple[str, int]]:
        """Return what was asked since the last time."""
        seen = [(request.path, request.status) for request in self.server.seen]
        self.server.seen.clear()
        return seen

    def prices(self) -> set[Decimal]:
        return {o.effective_hourly_usd for o in Catalog(self.store.root).offers()}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with serve(PriceServer()) as server:
        yield World(server, tmp_path)


@pytest.fixture
def day(make_offer: Callable[..., Offer]) -> Callable[..., list[Offer]]:
    def make(number: int = 0, usd: str = "5.672", **changes: Any) -> list[Offer]:
        stood = FIRST + timedelta(days=number)
        return [replace(make_offer("g5.12xlarge", usd, r), as_of=stood, **changes) for r in REGIONS]

    return make


@pytest.mark.long
def test_a_month_of_days_costs_a_request_a_day_and_one_for_each_new_list(
    world: World, day: Callable[..., list[Offer]]
) -> None:
    for number in range(30):
        if number % 3 != 1:  # no new list on every third day
            world.publish(*day(number, f"5.{600 + number}"))
        outcome = world.take()
        paths = world.asked()
        if number % 3 == 1:
            assert paths == [("/index.json", 304)]
            assert outcome.status is Status.CURRENT
        else:
            assert [status for _, status in paths] == [200, 200]
            assert outcome.status is Status.PUBLISHED
    assert world.prices() == {Decimal("5.629")}
    assert len(snapshots.find(world.store.root)) == 20


def test_a_new_user_takes_the_newest_list_only(
    world: World, day: Callable[..., list[Offer]]
) -> None:
    for number in range(3):
        world.publish(*day(number, f"5.{number}"))
    assert world.take().status is Status.PUBLISHED
    assert len(snapshots.find(world.store.root)) == 1
    assert world.prices() == {Decimal("5.2")}


def test_check_takes_nothing(world: World, day: Callable[..., list[Offer]]) -> None:
    world.publish(*day())
    assert world.take(check=True).status is Status.NEWER
    assert not snapshots.find(world.store.root)
    world.take()
    assert world.take(check=True).status is Status.CURRENT


def test_a_file_that_is_gone_here_is_fetched_again(
    world: World, day: Callable[..., list[Offer]]
) -> None:
    world.publish(*day())
    world.take()
    for _, _, path in snapshots.find(world.store.root):
        path.unlink()
    assert world.take().status is Status.PUBLISHED
    assert world.prices() == {Decimal("5.672")}


def test_a_file_with_another_hash_is_refused_and_the_prices_stay(
    world: World, day: Callable[..., list[Offer]]
) -> None:
    world.publish(*day())
    world.take()
    path = world.publish(*day(1, "6"))
    name = f"/{path.relative_to(world.site).as_posix()}"
    world.server.files[name] = world.server.files[name][:-9] + b"tampered!"
    outcome = world.take()
    assert outcome.status is Status.FAILED
    assert isinstance(outcome.error, DataError)
    assert world.prices() == {Decimal("5.672")}
    world.put_up()
    assert world.take().status is Status.PUBLISHED, "the failed index is not remembered"


def test_what_is_no_price_is_refused_whatever_its_hash(
    world: World, day: Callable[..., list[Offer]]
) -> None:
    world.publish(*day())
    world.take()
    zero = Decimal(0)
    world.publish(*day(1, hourly_usd=zero, effective_hourly_usd=zero))
    outcome = world.take()
    assert isinstance(outcome.error, SnapshotRefusedError)
    assert world.prices() == {Decimal("5.672")}


def test_a_jump_that_the_publisher_took_is_taken(
    world: World, day: Callable[..., list[Offer]]
) -> None:
    world.publish(*day())
    world.take()
    world.publish(*day(1, "20"))
    assert world.take().status is Status.PUBLISHED
    assert world.prices() == {Decimal(20)}


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"snapshots": [{"path": "../../etc/passwd", "sha256": "", "bytes": 1}]},
        {"snapshots": [{"path": "offers/aws/2026-10-01-0123456789abcdef.parquet"}]},
        {"snapshots": None},
    ],
)
def test_an_index_that_cannot_be_right_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="index cannot be read"):
        published.parse(json.dumps({"format": 1, "snapshots": []} | change).encode())


def test_new_machines_come_with_their_prices(world: World, day: Callable[..., list[Offer]]) -> None:
    (world.site / "offers").mkdir(parents=True)
    header = "cloud,service,instance_type,accelerator,accelerator_count,accelerator_memory_gib,"
    header += "vcpus,memory_gib,interconnect,local_storage_gb,quota_family,source"
    row = "aws,ec2,g99.xlarge,L4,1,24,4,16,PCIe,,,test"
    (world.site / "instance_types.csv").write_text(f"{header}\n{row}\n", encoding="utf-8")
    world.publish(*day(instance_type="g99.xlarge"))
    assert world.take().status is Status.PUBLISHED
    assert Catalog(world.store.root).instance_types.get("g99.xlarge").accelerator == "L4"
    assert ("/instance_types.csv", 200) in world.asked()
    world.publish(*day(1, "5.7", instance_type="g99.xlarge"))
    world.take()
    assert "/instance_types.csv" not in {path for path, _ in world.asked()}


def test_an_index_that_should_be_signed_and_is_not_is_refused(
    world: World, day: Callable[..., list[Offer]]
) -> None:
    world.publish(*day())
    with pytest.raises(DataError, match="not signed"):
        world.take(identity="https://github.com/acme/prices")
    assert not snapshots.find(world.store.root)


def test_without_an_expected_signer_no_signature_is_asked_for() -> None:
    def find() -> bytes | None:
        raise AssertionError("asked for")

    assert signature.check(b"{}", find, identity="") == ""


def test_an_unchanged_site_keeps_its_index(world: World, day: Callable[..., list[Offer]]) -> None:
    world.publish(*day())
    before = (world.site / "index.json").read_bytes()
    publishing.write_index(world.site)
    assert (world.site / "index.json").read_bytes() == before
    found = json.loads(before)["snapshots"][0]
    content = (world.site / found["path"]).read_bytes()
    assert (found["bytes"], found["sha256"]) == (
        len(content), hashlib.sha256(content).hexdigest(),
    )  # fmt: skip


def test_a_runner_without_a_disk_restores_what_it_published(
    world: World, day: Callable[..., list[Offer]], tmp_path: Path
) -> None:
    for number in range(3):
        world.publish(*day(number))
    fresh = tmp_path / "fresh"
    connection = Connection(QUICK)
    with closing(connection.http):
        site = Site(world.server.url, connection)
        assert publishing.restore(site, fresh) == 3
        assert publishing.restore(site, fresh) == 0
        assert snapshots.find(fresh)[-1][1] == FIRST + timedelta(days=2)
        with serve(PriceServer()) as empty:
            nothing = Site(empty.url, connection)
            assert publishing.restore(nothing, tmp_path / "none") == 0


@pytest.mark.long
def test_a_kill_at_any_moment_leaves_the_old_prices_or_the_new(
    world: World, day: Callable[..., list[Offer]], tmp_path: Path
) -> None:
    forked.start_server()
    template = tmp_path / "template"
    old = day(0)
    snapshots.write(template / "data", old, snapshots.coverage_of(old))
    world.publish(*day(1, "6"))
    url = world.server.url

    def run(folder: Path, seconds: float | None = None) -> set[Decimal]:
        process = forked.CONTEXT.Process(target=killed_refresh.take, args=(url, str(folder)))
        process.start()
        process.join(seconds)
        process.kill()
        process.join()
        return {o.effective_hourly_usd for o in Catalog(folder / "data").offers()}

    run(shutil.copytree(template, tmp_path / "warm"))
    start = time.monotonic()
    assert run(shutil.copytree(template, tmp_path / "whole")) == {Decimal(6)}
    longest = time.monotonic() - start
    moments = random.Random()  # noqa: S311 - not a secret
    seen = set()
    for number in range(50):
        folder = shutil.copytree(template, tmp_path / str(number))
        moment = moments.uniform(0, longest)
        (price,) = run(folder, moment)
        assert price in (Decimal("5.672"), Decimal(6)), f"killed after {moment:.3f} s"
        seen.add(price)
    assert Decimal("5.672") in seen
