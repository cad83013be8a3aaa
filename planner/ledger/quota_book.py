"""The half of the ledger about quotas: requests, campaigns, and how much was in use when."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from planner.ledger.rows import from_row, to_json, to_row


@dataclass(frozen=True, slots=True)
class QuotaRequest:
    """One request for more quota, as planner last saw it.

    Attributes:
        id: The ledger's own number; 0 until it is recorded.
        region: Empty for a quota of the whole account.
        dimensions: Beside the region: ``{"gpu_family": "NVIDIA_H100"}``.
        old_limit: The limit when the request was filed; None where it could not be read.
        desired: The new total that was asked for, in ``unit``.
        granted: What the limit became, once the request is closed.
        native_id: The cloud's id of the request; empty until the cloud has answered.
        native_state: The cloud's own word for where it stands.
        state: ``PENDING``, ``NEEDS_HUMAN``, ``APPROVED``, ``PARTIAL``, ``DENIED``, ``UNKNOWN``.
        reason: Why, in the cloud's words or planner's.
        model: What it is for; ``instance_type`` and ``instances`` likewise.
        is_open: Whether it still waits for its end.
        checked_at: When the cloud was last asked.
        kind: ``limit``, or ``access`` to a region or a size.
        wants: What it makes room for: machine -> how much of ``unit``.
        ticket: The cloud's name of the support ticket or case about it.
        is_explained: Whether the justification has been put into the case.
        reply: What a person at the cloud last wrote, without account numbers.
        told: The state that the user was last notified of.
        campaign: The campaign that it belongs to.
    """

    cloud: str
    account: str
    region: str
    service: str
    quota_id: str
    quota_name: str
    unit: str
    desired: float
    filed_at: datetime
    dimensions: dict[str, str] = field(default_factory=dict)
    old_limit: float | None = None
    granted: float | None = None
    native_id: str = ""
    native_state: str = ""
    state: str = "PENDING"
    reason: str = ""
    model: str = ""
    instance_type: str = ""
    instances: int = 1
    spot: bool = False
    justification: str = ""
    is_open: bool = True
    checked_at: datetime | None = None
    closed_at: datetime | None = None
    kind: str = "limit"
    wants: dict[str, int] = field(default_factory=dict)
    ticket: str = ""
    is_explained: bool = False
    reply: str = ""
    told: str = ""
    campaign: str = ""
    id: int = 0

    @property
    def key(self) -> tuple[str, ...]:
        """Return what identifies the quota; one open request is admitted per key."""
        return (
            self.cloud,
            self.account,
            self.region,
            self.service,
            self.quota_id,
            to_json(self.dimensions),
        )


@dataclass(frozen=True, slots=True)
class QuotaUse:
    """How much of a quota was in use at one time.

    Attributes:
        region: Empty for a quota of the whole account.
        limit_value: None where there is no limit.
    """

    at: datetime
    cloud: str
    account: str
    region: str
    service: str
    quota_id: str
    quota_name: str
    unit: str
    limit_value: float | None
    usage: float
    dimensions: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Campaign:
    """An effort to get room for a model somewhere, over weeks.

    Attributes:
        plan: What is asked for where, as JSON of ``planner.quotas.campaign``.
        state: ``running``, ``landed``, ``stopped``.
    """

    name: str
    created_at: datetime
    plan: dict[str, Any]
    state: str = "running"
    ended_at: datetime | None = None


class QuotaBook:
    """What the ledger knows of quotas."""

    _db: sqlite3.Connection

    def add_request(self, request: QuotaRequest) -> QuotaRequest | None:
        """Record a request before it is sent.

        Returns:
            The request with its number, or None where one is open for the quota already.
        """
        row = to_row(request)
        del row["id"]
        try:
            number = self._insert("quota_requests", row)
        except sqlite3.IntegrityError:
            return None
        self._log(number, request)
        return replace(request, id=number)

    def save_request(self, request: QuotaRequest) -> None:
        """Write down how a recorded request stands now."""
        row = to_row(request)
        del row["id"]
        assignments = ", ".join(f"{name} = :{name}" for name in row)
        self._db.execute(
            f"UPDATE quota_requests SET {assignments} WHERE id = :id",  # noqa: S608 - our own names
            {**row, "id": request.id},
        )
        self._log(request.id, request)

    def forget_request(self, request: QuotaRequest) -> None:
        """Take back a request that the cloud refused to take in."""
        self._db.execute("DELETE FROM state_changes WHERE request_id = ?", (request.id,))
        self._db.execute("DELETE FROM quota_requests WHERE id = ?", (request.id,))

    def open_request(self, key: tuple[str, ...]) -> QuotaRequest | None:
        """Return the request that is open for a quota."""
        found = [request for request in self.requests(open_only=True) if request.key == key]
        return found[0] if found else None

    def requests(self, *, open_only: bool = False, cloud: str | None = None) -> list[QuotaRequest]:
        """Return the requests, newest first."""
        where = ["1"] + (["is_open"] if open_only else []) + (["cloud = :cloud"] if cloud else [])
        rows = self._db.execute(
            f"SELECT * FROM quota_requests WHERE {' AND '.join(where)} "  # noqa: S608 - our own words
            "ORDER BY filed_at DESC, id DESC",
            {"cloud": cloud},
        )
        return [from_row(QuotaRequest, row) for row in rows]

    def state_changes(self, request_id: int) -> list[tuple[datetime, str, str]]:
        """Return when a request was in which state: (time, state, the cloud's word)."""
        rows = self._db.execute(
            "SELECT at, state, native_state FROM state_changes WHERE request_id = ? ORDER BY id",
            (request_id,),
        )
        return [(datetime.fromisoformat(at), now, native) for at, now, native in rows]

    def _log(self, request_id: int, request: QuotaRequest) -> None:
        last = self._db.execute(
            "SELECT state, native_state FROM state_changes WHERE request_id = ? "
            "ORDER BY id DESC LIMIT 1",
            (request_id,),
        ).fetchone()
        now = (request.state, request.native_state)
        if last is None or tuple(last) != now:
            at = (request.checked_at or request.filed_at).isoformat()
            row = {"request_id": request_id, "at": at, "state": now[0], "native_state": now[1]}
            self._insert("state_changes", row)

    # How much was in use

    def add_use(self, use: QuotaUse) -> None:
        """Write down how much of a quota is in use, where it is not what it was."""
        last = self._db.execute(
            "SELECT limit_value, usage FROM quota_use WHERE cloud = :cloud AND account = :account "
            "AND region = :region AND quota_id = :quota_id AND dimensions = :dimensions "
            "ORDER BY id DESC LIMIT 1",
            row := to_row(use),
        ).fetchone()
        if last is None or tuple(last) != (use.limit_value, use.usage):
            self._insert("quota_use", row)

    def uses(self, *, cloud: str | None = None, since: datetime | None = None) -> list[QuotaUse]:
        """Return what was written down, oldest first."""
        rows = self._db.execute(
            "SELECT * FROM quota_use WHERE (:cloud IS NULL OR cloud = :cloud) "
            "AND (:since IS NULL OR at >= :since) ORDER BY id",
            {"cloud": cloud, "since": since.isoformat() if since else None},
        )
        return [from_row(QuotaUse, row) for row in rows]

    # Campaigns

    def save_campaign(self, campaign: Campaign) -> None:
        """Write down a campaign, new or changed."""
        row = to_row(campaign)
        names = ", ".join(row)
        values = ", ".join(f":{name}" for name in row)
        self._db.execute(
            f"INSERT OR REPLACE INTO campaigns ({names}) VALUES ({values})",  # noqa: S608 - our own names
            row,
        )

    def campaigns(self) -> list[Campaign]:
        """Return all campaigns, newest first."""
        rows = self._db.execute("SELECT * FROM campaigns ORDER BY created_at DESC, name")
        return [from_row(Campaign, row) for row in rows]

    def _insert(self, table: str, row: dict[str, Any]) -> int:
        names = ", ".join(row)
        values = ", ".join(f":{name}" for name in row)
        done = self._db.execute(f"INSERT INTO {table} ({names}) VALUES ({values})", row)  # noqa: S608 - our own names
        return int(done.lastrowid or 0)
