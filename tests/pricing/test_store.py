"""A team's price store on S3: what one publishes, everyone sees."""

from __future__ import annotations

import os
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import boto3
import price_lists
import pytest
from fake_price_servers import serve
from moto.server import ThreadedMotoServer

from planner.clouds import aws
from planner.errors import DataError
from planner.pricing import snapshots, store
from planner.pricing.catalog import Catalog
from planner.pricing.offer import Offer, PricingModel
from planner.pricing.refresh import Refresh, Status
from planner.pricing.sources.aws import AwsSource
from planner.pricing.sources.azure import AzureSource
from planner.pricing.sources.download import Downloads
from planner.pricing.store import LocalStore, RemoteStore
from planner.serving import accelerators

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DAY = date(2026, 1, 1)
URL = "s3://team/prices"
FIRST = Offer("aws", "ec2", "us-east-1", "p4d.24xlarge", PricingModel.ON_DEMAND, None, None, None,
              Decimal(19), Decimal(0), Decimal(19), "USD", DAY, "test")  # fmt: skip


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """Run moto's S3 on loopback."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    yield f"http://127.0.0.1:{port}"
    server.stop()


@pytest.fixture(autouse=True)
def bucket(s3: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Make an empty bucket, and a user without a mirror of it."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "PLANNER_DATA")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    aws.forget()  # clients made with other credentials
    client = boto3.client("s3")
    if "team" in {b["Name"] for b in client.list_buckets()["Buckets"]}:
        for item in client.list_objects_v2(Bucket="team").get("Contents", ()):
            client.delete_object(Bucket="team", Key=item["Key"])
    else:
        client.create_bucket(Bucket="team")
    client.close()


@pytest.fixture
def colleague(tmp_path: Path) -> RemoteStore:
    """Return the same store as another machine sees it."""
    return RemoteStore(URL, tmp_path / "colleague")


def publish(target: RemoteStore, usd: str = "19", day: date = DAY) -> Path:
    offer = Offer("aws", "ec2", "us-east-1", "p4d.24xlarge", PricingModel.ON_DEMAND, None, None,
                  None, Decimal(usd), Decimal(0), Decimal(usd), "USD", day, "test")  # fmt: skip
    path = snapshots.write(target.root, [offer], snapshots.coverage_of([offer]))
    target.push(path)
    return path


def prices(target: RemoteStore) -> list[Decimal]:
    target.pull()
    return [o.effective_hourly_usd for o in Catalog(target.root).offers()]


def test_what_one_publishes_another_reads(colleague: RemoteStore, tmp_path: Path) -> None:
    publish(RemoteStore(URL, tmp_path / "mine"))
    assert prices(colleague) == [Decimal(19)]


def test_a_published_file_is_fetched_once(colleague: RemoteStore, tmp_path: Path) -> None:
    publish(RemoteStore(URL, tmp_path / "mine"))
    prices(colleague)
    (file,) = colleague.root.rglob("*.parquet")
    first = file.stat().st_ino
    prices(colleague)
    assert file.stat().st_ino == first


def test_the_newest_of_two_published_on_one_day_counts_for_everyone(
    colleague: RemoteStore, tmp_path: Path
) -> None:
    mine = RemoteStore(URL, tmp_path / "mine")
    first = publish(mine, "19")
    os.utime(first, (1, 1))
    client = boto3.client("s3")
    newer = publish(mine, "20")
    key = f"prices/{first.relative_to(mine.root).as_posix()}"
    client.delete_object(Bucket="team", Key=key)
    client.close()
    assert newer != first
    assert prices(colleague) == [Decimal(20)]


def test_retention_removes_old_snapshots_for_everyone(
    colleague: RemoteStore, tmp_path: Path
) -> None:
    mine = RemoteStore(URL, tmp_path / "mine")
    for week in range(3):
        publish(mine, "19", DAY + timedelta(weeks=week))
    prices(colleague)
    assert store.prune(mine, "aws", keep=1) == [DAY, DAY + timedelta(weeks=1)]
    prices(colleague)
    assert len(list(colleague.root.rglob("*.parquet"))) == 1


@pytest.mark.long
def test_a_refresh_publishes_into_the_bucket_with_its_instance_types(
    s3: str, colleague: RemoteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve(price_lists.price_server()) as server:
        # Where there are credentials EC2 is asked for spot prices; moto has some.
        monkeypatch.setenv("AWS_ENDPOINT_URL_EC2", s3)
        run = Refresh(
            sources=[AwsSource(server.url), AzureSource(f"{server.url}/api/retail/prices")],
            files=lambda _: Downloads(tmp_path / "downloads", lambda *_: None),
            target=RemoteStore(URL, tmp_path / "mine"),
            accelerator_memory_gib={
                a.accelerator: a.memory_gib for a in accelerators.all_accelerators()
            },
            # moto's spot price is the same for every machine: 0.00001.
            accepted=[("price_is_plausible", "ec2 us-east-1 * spot")],
            bundled=tmp_path / "none",
        )
        outcomes = run.run()
    assert [o.status for o in outcomes] == [Status.PUBLISHED] * 2, [
        (o.error, o.error and o.error.why) for o in outcomes
    ]
    colleague.pull()
    catalog = Catalog(colleague.root)
    assert {o.cloud for o in catalog.offers()} == {"aws", "azure"}
    spot = [o for o in catalog.offers() if o.cloud == "aws" and o.pricing_model == "spot"]
    assert {o.instance_type for o in spot} == {"p4d.24xlarge", "g5.xlarge"}
    assert all("the cheapest of" in o.note for o in spot)
    assert catalog.instance_types.get("g5.32xlarge").accelerator == "A10G"


def test_the_data_folder_may_be_a_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(RemoteStore(URL, tmp_path / "mine"), "17", date(2026, 11, 1))
    monkeypatch.setenv("PLANNER_DATA_DIR", f"{URL}/")
    assert isinstance(store.open_store(), RemoteStore)
    offers = [o for o in Catalog().offers() if o.source == "test"]
    assert [o.effective_hourly_usd for o in offers] == [Decimal(17)]


def test_a_bucket_that_is_not_there_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"s3://nobody/prices") as raised:
        RemoteStore("s3://nobody/prices", tmp_path).pull()
    assert "PLANNER_DATA_DIR" in raised.value.advice


def test_the_data_folder_may_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PLANNER_DATA_DIR", str(tmp_path))
    assert store.open_store() == LocalStore(tmp_path)


def test_without_a_data_folder_only_bundled_prices_count(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PLANNER_DATA_DIR", str(tmp_path / "nothing"))
    assert len(store.roots()) == 1
    assert not (tmp_path / "nothing").exists(), "reading makes no folder"


@pytest.mark.long
def test_refreshed_prices_count_beside_bundled_ones(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PLANNER_DATA_DIR", str(tmp_path))
    snapshots.write(tmp_path, [FIRST], snapshots.coverage_of([FIRST]))
    assert any(o.source == "test" for o in Catalog().history())
