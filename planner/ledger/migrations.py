"""The ledger's schema, step by step (sqlite-utils migrations).

Steps are only ever added. The module is imported when a file is behind, because sqlite-utils
takes half a second to import (it looks for pandas).
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from filelock import FileLock
from sqlite_utils import Database, Migrations

if TYPE_CHECKING:
    from pathlib import Path

migrations = Migrations("planner-ledger")


@migrations()
def m001_requests_and_resources(db: Database) -> None:
    """Make the tables of the first release."""
    db.table("quota_requests").create(
        {
            "id": int,
            "cloud": str,
            "account": str,
            "region": str,
            "service": str,
            "quota_id": str,
            "quota_name": str,
            "dimensions": str,
            "unit": str,
            "old_limit": float,
            "desired": float,
            "granted": float,
            "native_id": str,
            "native_state": str,
            "state": str,
            "reason": str,
            "model": str,
            "instance_type": str,
            "instances": int,
            "spot": int,
            "justification": str,
            "is_open": int,
            "filed_at": str,
            "checked_at": str,
            "closed_at": str,
        },
        pk="id",
        not_null={"cloud", "account", "region", "service", "quota_id", "dimensions", "state"},
    )
    # sqlite-utils has no partial indexes; this one is what makes requests idempotent.
    db.execute(
        "CREATE UNIQUE INDEX one_open_request_per_quota ON quota_requests "
        "(cloud, account, region, service, quota_id, dimensions) WHERE is_open = 1"
    )
    db.table("state_changes").create(
        {"id": int, "request_id": int, "at": str, "state": str, "native_state": str},
        pk="id",
        foreign_keys=[("request_id", "quota_requests", "id")],
    )
    db.table("resources").create(
        {
            "id": str,
            "endpoint": str,
            "cloud": str,
            "account": str,
            "region": str,
            "kind": str,
            "native_id": str,
            "hourly_usd": str,
            "tags": str,
            "recorded_at": str,
            "created_at": str,
            "removed_at": str,
            "expires_at": str,
        },
        pk="id",
        not_null={"endpoint", "cloud", "region", "kind", "recorded_at"},
    )
    db.table("resources").create_index(["endpoint"])


@migrations()
def m002_tickets_campaigns_and_use(db: Database) -> None:
    """Add what requests need to reach people, campaigns, and the use of quotas over time."""
    requests = db.table("quota_requests")
    for name, kind, default in (
        ("kind", str, "limit"),
        ("wants", str, "{}"),
        ("ticket", str, ""),
        ("is_explained", int, 0),
        ("reply", str, ""),
        ("told", str, ""),
        ("campaign", str, ""),
    ):
        requests.add_column(name, kind, not_null_default=default)
    # What was there before was told, or is too old to tell.
    db.execute("UPDATE quota_requests SET told = state")
    db.table("quota_use").create(
        {
            "id": int,
            "at": str,
            "cloud": str,
            "account": str,
            "region": str,
            "service": str,
            "quota_id": str,
            "quota_name": str,
            "dimensions": str,
            "unit": str,
            "limit_value": float,
            "usage": float,
        },
        pk="id",
    )
    db.table("quota_use").create_index(["cloud", "account", "quota_id"])
    db.table("campaigns").create(
        {"name": str, "created_at": str, "plan": str, "state": str, "ended_at": str}, pk="name"
    )


def migrate(path: Path, version: int) -> None:
    """Apply the steps that are missing; one process at a time."""
    with FileLock(f"{path}.lock"), closing(Database(path)) as db:
        db.enable_wal()
        migrations.apply(db)
        db.execute(f"PRAGMA user_version = {version:d}")
