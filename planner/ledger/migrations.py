"""The ledger's schema, step by step. Steps are only ever added.

The number of a file's last step is its ``user_version``. They are plain SQL: the libraries that
migrate SQLite files import pandas, which takes longer than most commands.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from filelock import FileLock

if TYPE_CHECKING:
    from pathlib import Path

_REQUESTS_AND_RESOURCES = (
    """
    CREATE TABLE quota_requests (
        id INTEGER PRIMARY KEY,
        cloud TEXT NOT NULL,
        account TEXT NOT NULL,
        region TEXT NOT NULL,
        service TEXT NOT NULL,
        quota_id TEXT NOT NULL,
        quota_name TEXT,
        dimensions TEXT NOT NULL,
        unit TEXT,
        old_limit FLOAT,
        desired FLOAT,
        granted FLOAT,
        native_id TEXT,
        native_state TEXT,
        state TEXT NOT NULL,
        reason TEXT,
        model TEXT,
        instance_type TEXT,
        instances INTEGER,
        spot INTEGER,
        justification TEXT,
        is_open INTEGER,
        filed_at TEXT,
        checked_at TEXT,
        closed_at TEXT
    )
    """,
    # What makes requests idempotent.
    """
    CREATE UNIQUE INDEX one_open_request_per_quota ON quota_requests
        (cloud, account, region, service, quota_id, dimensions) WHERE is_open = 1
    """,
    """
    CREATE TABLE state_changes (
        id INTEGER PRIMARY KEY,
        request_id INTEGER REFERENCES quota_requests(id),
        at TEXT,
        state TEXT,
        native_state TEXT
    )
    """,
    """
    CREATE TABLE resources (
        id TEXT PRIMARY KEY,
        endpoint TEXT NOT NULL,
        cloud TEXT NOT NULL,
        account TEXT,
        region TEXT NOT NULL,
        kind TEXT NOT NULL,
        native_id TEXT,
        hourly_usd TEXT,
        tags TEXT,
        recorded_at TEXT NOT NULL,
        created_at TEXT,
        removed_at TEXT,
        expires_at TEXT
    )
    """,
    "CREATE INDEX idx_resources_endpoint ON resources (endpoint)",
)
_TICKETS_CAMPAIGNS_AND_USE = (
    "ALTER TABLE quota_requests ADD COLUMN kind TEXT NOT NULL DEFAULT 'limit'",
    "ALTER TABLE quota_requests ADD COLUMN wants TEXT NOT NULL DEFAULT '{}'",
    "ALTER TABLE quota_requests ADD COLUMN ticket TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE quota_requests ADD COLUMN is_explained INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE quota_requests ADD COLUMN reply TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE quota_requests ADD COLUMN told TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE quota_requests ADD COLUMN campaign TEXT NOT NULL DEFAULT ''",
    # What was there before was told, or is too old to tell.
    "UPDATE quota_requests SET told = state",
    """
    CREATE TABLE quota_use (
        id INTEGER PRIMARY KEY,
        at TEXT,
        cloud TEXT,
        account TEXT,
        region TEXT,
        service TEXT,
        quota_id TEXT,
        quota_name TEXT,
        dimensions TEXT,
        unit TEXT,
        limit_value FLOAT,
        usage FLOAT
    )
    """,
    "CREATE INDEX idx_quota_use_quota ON quota_use (cloud, account, quota_id)",
    """
    CREATE TABLE campaigns (
        name TEXT PRIMARY KEY,
        created_at TEXT,
        plan TEXT,
        state TEXT,
        ended_at TEXT
    )
    """,
)
_SERVED_WORK = (
    """
    CREATE TABLE served_hours (
        endpoint TEXT NOT NULL,
        hour TEXT NOT NULL,
        source TEXT NOT NULL,
        seconds FLOAT NOT NULL,
        requests FLOAT,
        input_tokens FLOAT,
        output_tokens FLOAT,
        cached_tokens FLOAT,
        input_tokens_p95 FLOAT,
        output_tokens_p95 FLOAT,
        ttft_p95_s FLOAT,
        tpot_p95_s FLOAT,
        PRIMARY KEY (endpoint, hour, source)
    )
    """,
    """
    CREATE TABLE metric_samples (
        endpoint TEXT PRIMARY KEY,
        at TEXT NOT NULL,
        counters TEXT NOT NULL
    )
    """,
)
STEPS = (_REQUESTS_AND_RESOURCES, _TICKETS_CAMPAIGNS_AND_USE, _SERVED_WORK)


def migrate(path: Path) -> None:
    """Apply the steps that are missing, each whole or not at all; one process at a time."""
    with FileLock(f"{path}.lock"), closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        (done,) = db.execute("PRAGMA user_version").fetchone()
        for number, step in enumerate(STEPS[done:], start=done + 1):
            db.execute("BEGIN IMMEDIATE")
            for statement in step:
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {number:d}")
            db.execute("COMMIT")
