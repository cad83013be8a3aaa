"""The ledger: requests are filed once, resources are never forgotten."""

from __future__ import annotations

import sqlite3
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import forked
import pytest
from hypothesis import given
from hypothesis import settings as laws
from hypothesis import strategies as st

from planner.clouds import settings
from planner.errors import DataError
from planner.ledger import SCHEMA_VERSION, Ledger, QuotaRequest, Resource, default_path, migrations

if TYPE_CHECKING:
    from pathlib import Path

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
REQUEST = QuotaRequest(
    cloud="aws",
    account="123456789012",
    region="us-east-1",
    service="ec2",
    quota_id="L-417A185B",
    quota_name="Running On-Demand P instances",
    unit="vCPU",
    desired=96,
    filed_at=NOON,
    model="llama-2-70b",
    instance_type="p4d.24xlarge",
)
RESOURCE = Resource(
    id="r1",
    endpoint="chat",
    cloud="aws",
    account="123456789012",
    region="us-east-1",
    kind="sagemaker:endpoint",
    recorded_at=NOON,
    hourly_usd=Decimal("7.09"),
    tags={"planner:endpoint": "chat"},
    expires_at=NOON + timedelta(hours=8),
)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    with Ledger(tmp_path / "ledger.db") as opened:
        yield opened


def test_a_request_comes_back_as_it_was_written(ledger: Ledger) -> None:
    written = ledger.add_request(replace(REQUEST, dimensions={"gpu_family": "NVIDIA_H100"}))
    assert written is not None
    assert written.id == 1
    assert ledger.requests() == [written]


def test_one_quota_has_one_open_request(ledger: Ledger) -> None:
    first = ledger.add_request(REQUEST)
    assert first is not None
    assert ledger.add_request(replace(REQUEST, desired=192)) is None
    assert ledger.open_request(REQUEST.key) == first
    ledger.save_request(replace(first, is_open=False, state="DENIED"))
    assert ledger.open_request(REQUEST.key) is None
    assert ledger.add_request(replace(REQUEST, desired=192)) is not None


@pytest.mark.parametrize(
    "change",
    [
        {"region": "us-west-2"},
        {"account": "210987654321"},
        {"quota_id": "L-DB2E81BA"},
        {"dimensions": {"gpu_family": "NVIDIA_H200"}},
    ],
)
def test_another_quota_may_have_its_own_open_request(
    ledger: Ledger, change: dict[str, object]
) -> None:
    assert ledger.add_request(REQUEST) is not None
    assert ledger.add_request(replace(REQUEST, **change)) is not None


def test_state_changes_are_kept_once_each(ledger: Ledger) -> None:
    request = ledger.add_request(REQUEST)
    assert request is not None
    later = NOON + timedelta(hours=1)
    for native in ("PENDING", "PENDING", "CASE_OPENED"):
        state = "NEEDS_HUMAN" if native == "CASE_OPENED" else "PENDING"
        request = replace(request, native_state=native, state=state, checked_at=later)
        ledger.save_request(request)
    assert ledger.state_changes(request.id) == [
        (NOON, "PENDING", ""),
        (later, "PENDING", "PENDING"),
        (later, "NEEDS_HUMAN", "CASE_OPENED"),
    ]


def test_a_request_that_was_not_taken_in_is_forgotten(ledger: Ledger) -> None:
    request = ledger.add_request(REQUEST)
    assert request is not None
    ledger.forget_request(request)
    assert ledger.requests() == []
    assert ledger.state_changes(request.id) == []


def test_a_resource_is_recorded_before_it_exists_and_until_it_is_gone(ledger: Ledger) -> None:
    ledger.record_resource(RESOURCE)
    assert ledger.resources(endpoint="chat") == [RESOURCE]
    ledger.mark_created("r1", "arn:aws:sagemaker:...:endpoint/chat", NOON)
    (found,) = ledger.resources()
    assert found.created_at == NOON
    assert found.hourly_usd == Decimal("7.09")
    ledger.extend_resource("r1", NOON + timedelta(hours=10))
    ledger.mark_removed("r1", NOON + timedelta(hours=2))
    assert ledger.resources() == []
    (gone,) = ledger.resources(include_removed=True)
    assert gone.removed_at == NOON + timedelta(hours=2)
    assert gone.expires_at == NOON + timedelta(hours=10)


def test_a_resource_is_recorded_once(ledger: Ledger) -> None:
    ledger.record_resource(RESOURCE)
    with pytest.raises(DataError, match="recorded already"):
        ledger.record_resource(RESOURCE)


def test_marking_an_unknown_resource_is_an_error(ledger: Ledger) -> None:
    with pytest.raises(DataError, match="not in the ledger"):
        ledger.mark_removed("nothing")


@laws(max_examples=30, deadline=None)  # the first example makes the file
@given(
    desired=st.floats(min_value=0, max_value=1e10, allow_nan=False),
    old=st.none() | st.floats(min_value=0, max_value=1e10, allow_nan=False),
    reason=st.text(st.characters(codec="utf-8")),
    spot=st.booleans(),
)
def test_whatever_is_written_is_read_again(
    tmp_path_factory: pytest.TempPathFactory,
    desired: float,
    old: float | None,
    reason: str,
    *,
    spot: bool,
) -> None:
    path = tmp_path_factory.getbasetemp() / "laws.db"
    asked = replace(
        REQUEST, desired=desired, old_limit=old, reason=reason, spot=spot, is_open=False
    )
    with Ledger(path) as ledger:
        written = ledger.add_request(asked)
        assert written is not None
        assert written in ledger.requests()


def _file_one(path: Path, start: object, results: object) -> None:
    start.wait()  # type: ignore[attr-defined]
    with Ledger(path) as ledger:
        results.put(ledger.add_request(REQUEST) is not None)  # type: ignore[attr-defined]


def test_two_processes_at_once_make_one_ledger_and_one_open_request(tmp_path: Path) -> None:
    forked.start_server()
    start, results = forked.CONTEXT.Barrier(2), forked.CONTEXT.Queue()
    workers = [forked.process(_file_one, tmp_path / "ledger.db", start, results) for _ in range(2)]
    for worker in workers:
        worker.start()
    outcomes = sorted(results.get(timeout=forked.LONGEST_S) for _ in workers)
    for worker in workers:
        worker.join()
    assert outcomes == [False, True]


def test_the_file_is_in_write_ahead_mode(ledger: Ledger) -> None:
    with sqlite3.connect(ledger.path) as raw:
        assert raw.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    raw.close()


def test_a_file_that_is_no_ledger_is_one_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.write_text("not a database, but long enough to be read as one " * 10)
    with pytest.raises(DataError, match="cannot open the ledger") as caught:
        Ledger(path)
    assert caught.value.advice.startswith("move it away")


def test_a_newer_ledger_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with sqlite3.connect(path) as raw:
        raw.execute("PRAGMA user_version = 99")
    raw.close()
    with pytest.raises(DataError, match="newer planner"):
        Ledger(path)


def test_the_sandbox_has_a_ledger_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLANNER_STATE_DIR", str(tmp_path))
    real = default_path()
    settings.use(settings.CloudSettings(simulated=True))
    try:
        assert default_path() != real
        assert default_path().parent == real.parent == tmp_path
    finally:
        settings.use(None)


def test_every_field_has_its_column(ledger: Ledger) -> None:
    with sqlite3.connect(ledger.path) as raw:
        for kind, table in ((QuotaRequest, "quota_requests"), (Resource, "resources")):
            columns = {row[1] for row in raw.execute(f"PRAGMA table_info({table})")}
            assert columns == {item.name for item in fields(kind)}
    raw.close()


def test_a_step_that_fails_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ledger.db"
    Ledger(path).close()
    broken = ("CREATE TABLE half (id TEXT)", "CREATE TABLE resources (id TEXT)")
    monkeypatch.setattr(migrations, "STEPS", (*migrations.STEPS, broken))
    with pytest.raises(sqlite3.OperationalError, match="already exists"):
        migrations.migrate(path)
    with sqlite3.connect(path) as raw:
        assert raw.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
        assert not raw.execute("SELECT 1 FROM sqlite_master WHERE name = 'half'").fetchall()
    raw.close()


def test_a_ledger_of_the_first_schema_keeps_its_requests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ledger.db"
    with monkeypatch.context() as before:
        before.setattr(migrations, "STEPS", migrations.STEPS[:1])
        migrations.migrate(path)
    with sqlite3.connect(path) as raw:
        raw.execute(
            "INSERT INTO quota_requests (cloud, account, region, service, quota_id, quota_name, "
            "unit, dimensions, desired, state, instances, spot, is_open, filed_at) VALUES "
            "('aws', '1', 'us-east-1', 'ec2', 'L-1', 'P', 'vCPU', '{}', 96, 'PENDING', 1, 0, 1, "
            "'2026-01-01T00:00:00+00:00')"
        )
    raw.close()
    with Ledger(path) as now:
        (kept,) = now.requests()
    assert (kept.desired, kept.kind, kept.wants, kept.told) == (96, "limit", {}, "PENDING")
    assert (kept.is_open, kept.spot) == (True, False)


def test_there_is_a_step_for_each_version() -> None:
    assert len(migrations.STEPS) == SCHEMA_VERSION
