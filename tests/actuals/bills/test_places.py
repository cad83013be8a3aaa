"""A FOCUS export in a bucket: fetched, read and forgotten; through moto's S3."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import boto3
import pytest
from moto.server import ThreadedMotoServer

from planner.actuals.bills import places
from planner.errors import NotFoundError, PlannerError
from tests.rigs.focus_bills import row, write_csv, write_parquet

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Return a bucket on loopback, empty."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://{host}:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    client = boto3.client("s3")
    client.create_bucket(Bucket="billing")
    yield "s3://billing"
    client.close()
    server.stop()


def put(path: Path, key: str) -> None:
    client = boto3.client("s3")
    client.upload_file(str(path), "billing", key)
    client.close()


@pytest.mark.long
def test_a_folder_of_a_bucket_is_read_and_forgotten(bucket: str, tmp_path: Path) -> None:
    parquet = write_parquet(tmp_path / "bill.parquet", [row()])
    put(parquet, "focus/BILLING_PERIOD=2026-10/one.parquet")
    put(parquet, "focus/BILLING_PERIOD=2026-10/two.parquet")
    put(write_csv(tmp_path / "bill.csv", [row()]), "focus/Manifest.csv")
    with places.files(f"{bucket}/focus") as found:
        assert len(found) == 2
        assert {path.read_bytes() for path in found} == {parquet.read_bytes()}
    assert not any(path.exists() for path in found)


def test_one_file_of_a_bucket(bucket: str, tmp_path: Path) -> None:
    made = write_csv(tmp_path / "bill.csv", [row()])
    put(made, "focus/bill.csv")
    with places.files(f"{bucket}/focus/bill.csv") as found:
        assert [path.read_bytes() for path in found] == [made.read_bytes()]


def test_what_is_not_there_is_one_clear_error(bucket: str) -> None:
    with pytest.raises(NotFoundError, match="no bill at"), places.files(f"{bucket}/nothing"):
        pass
    with pytest.raises(PlannerError), places.files("s3://no-such-bucket/focus"):
        pass
