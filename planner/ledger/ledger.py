"""What planner asked of the clouds and made in them: a SQLite file.

It remembers quota requests and resources, so that a request is filed once and an endpoint is
never forgotten; the clouds' own records and tags stay the truth, and a lost ledger loses
nothing that cannot be read again. It holds account ids and no secrets.

Several processes may use it at once: write-ahead logging, a unique index that admits one open
request per quota, and a lock around migrations. Simulated requests go to a file of their own.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Self, get_type_hints

from planner import state
from planner.clouds import settings
from planner.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

SCHEMA_VERSION = 1
_BUSY_TIMEOUT_S = 30


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
            _json(self.dimensions),
        )


@dataclass(frozen=True, slots=True)
class Resource:
    """One thing in a cloud that belongs to an endpoint and may cost money.

    Attributes:
        id: Chosen by the caller before the resource exists (a UUID or the cloud's name).
        kind: ``sagemaker:endpoint``, ``gce:instance``, ...
        native_id: The cloud's id; empty until it is created.
        hourly_usd: What it costs while it exists; None where it costs nothing by the hour.
        recorded_at: When planner was about to create it.
        created_at: When the cloud said it exists; None: never, or not known.
        removed_at: When the cloud said it is gone.
        expires_at: When it is to be removed.
    """

    id: str
    endpoint: str
    cloud: str
    account: str
    region: str
    kind: str
    recorded_at: datetime
    native_id: str = ""
    hourly_usd: Decimal | None = None
    tags: dict[str, str] = field(default_factory=dict)
    created_at: datetime | None = None
    removed_at: datetime | None = None
    expires_at: datetime | None = None


def default_path() -> Path:
    """Return where the ledger lies: one for the real clouds, one for the sandbox."""
    name = "ledger-sandbox.db" if settings.current().simulated else "ledger.db"
    return state.folder() / name


class Ledger:
    """The file, open. Use it as a context manager, in one thread."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or default_path()
        self._db = sqlite3.connect(self.path, timeout=_BUSY_TIMEOUT_S, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        try:
            self._prepare()
        except sqlite3.DatabaseError as error:
            self.close()
            raise DataError(
                f"cannot open the ledger {self.path}",
                why=str(error),
                advice=f"move it away to start a new one: mv {self.path} {self.path}.old",
            ) from error
        except DataError:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    # Quota requests

    def add_request(self, request: QuotaRequest) -> QuotaRequest | None:
        """Record a request before it is sent.

        Returns:
            The request with its number, or None where one is open for the quota already.
        """
        row = _to_row(request)
        del row["id"]
        try:
            number = self._insert("quota_requests", row)
        except sqlite3.IntegrityError:
            return None
        self._log(number, request)
        return replace(request, id=number)

    def save_request(self, request: QuotaRequest) -> None:
        """Write down how a recorded request stands now."""
        row = _to_row(request)
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
        return [_from_row(QuotaRequest, row) for row in rows]

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

    # Resources

    def record_resource(self, resource: Resource) -> None:
        """Write down a resource before it is created.

        Raises:
            DataError: The id is taken.
        """
        try:
            self._insert("resources", _to_row(resource))
        except sqlite3.IntegrityError as error:
            raise DataError(f"the resource {resource.id} is recorded already") from error

    def mark_created(self, resource_id: str, native_id: str, at: datetime | None = None) -> None:
        """Note that the cloud has made the resource."""
        self._mark(resource_id, native_id=native_id, created_at=at or datetime.now(UTC))

    def mark_removed(self, resource_id: str, at: datetime | None = None) -> None:
        """Note that the resource is gone, or was never made."""
        self._mark(resource_id, removed_at=at or datetime.now(UTC))

    def extend_resource(self, resource_id: str, expires_at: datetime | None) -> None:
        """Note a new expiry."""
        self._mark(resource_id, expires_at=expires_at)

    def resources(
        self, *, endpoint: str | None = None, include_removed: bool = False
    ) -> list[Resource]:
        """Return the resources in the order in which they were recorded."""
        where = ["1"] + (["endpoint = :endpoint"] if endpoint else [])
        where += [] if include_removed else ["removed_at IS NULL"]
        rows = self._db.execute(
            f"SELECT * FROM resources WHERE {' AND '.join(where)} ORDER BY rowid",  # noqa: S608 - our own words
            {"endpoint": endpoint},
        )
        return [_from_row(Resource, row) for row in rows]

    def _mark(self, resource_id: str, **values: object) -> None:
        row = {name: _to_text(value) for name, value in values.items()}
        assignments = ", ".join(f"{name} = :{name}" for name in row)
        changed = self._db.execute(
            f"UPDATE resources SET {assignments} WHERE id = :id",  # noqa: S608 - our own names
            {**row, "id": resource_id},
        )
        if changed.rowcount != 1:
            raise DataError(f"the resource {resource_id} is not in the ledger")

    # The file

    def _insert(self, table: str, row: dict[str, Any]) -> int:
        names = ", ".join(row)
        values = ", ".join(f":{name}" for name in row)
        done = self._db.execute(f"INSERT INTO {table} ({names}) VALUES ({values})", row)  # noqa: S608 - our own names
        return int(done.lastrowid or 0)

    def _prepare(self) -> None:
        """Bring the file to the present schema; a file that is there already costs one read."""
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            raise DataError(
                f"the ledger {self.path} was written by a newer planner",
                advice="pip install --upgrade gpu-planner",
            )
        if version < SCHEMA_VERSION:
            from planner.ledger.migrations import migrate

            migrate(self.path, SCHEMA_VERSION)
        # In write-ahead mode this loses nothing but the last moment before a power cut.
        self._db.execute("PRAGMA synchronous = NORMAL")


def _to_row(record: QuotaRequest | Resource) -> dict[str, Any]:
    return {item.name: _to_text(getattr(record, item.name)) for item in fields(record)}


def _from_row(kind: type[Any], row: sqlite3.Row) -> Any:  # noqa: ANN401 - QuotaRequest or Resource
    hints = get_type_hints(kind)
    return kind(**{name: _from_text(row[name], hints[name]) for name in hints})


def _to_text(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return _json(value)
    if isinstance(value, Decimal):
        return str(value)
    return value


def _from_text(value: Any, hint: Any) -> Any:  # noqa: ANN401 - one of the fields' types
    if value is None:
        return None
    if "datetime" in str(hint):
        return datetime.fromisoformat(value)
    if "dict" in str(hint):
        return json.loads(value)
    if "Decimal" in str(hint):
        return Decimal(value)
    return bool(value) if hint is bool else value


def _json(value: dict[str, str]) -> str:
    return json.dumps(value, sort_keys=True)
