"""What planner asked of the clouds and made in them: a SQLite file.

It remembers quota requests and resources, so that a request is filed once and an endpoint is
never forgotten; the clouds' own records and tags stay the truth, and a lost ledger loses
nothing that cannot be read again. It holds account ids and no secrets.

Several processes may use it at once: write-ahead logging, a unique index that admits one open
request per quota, and a lock around migrations. Simulated requests go to a file of their own.
"""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime  # noqa: TC003 - as the next
from decimal import Decimal  # noqa: TC003 - the types of fields are read at run time
from typing import TYPE_CHECKING, Self

from planner import state
from planner.clouds import settings
from planner.errors import DataError
from planner.ledger.quota_book import QuotaBook
from planner.ledger.rows import from_row, to_row, to_text
from planner.ledger.work_book import WorkBook

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

SCHEMA_VERSION = 3
_BUSY_TIMEOUT_S = 30


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


class Ledger(QuotaBook, WorkBook):
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

    # Resources

    def record_resource(self, resource: Resource) -> None:
        """Write down a resource before it is created.

        Raises:
            DataError: The id is taken.
        """
        try:
            with self._writing():
                self._insert("resources", to_row(resource))
        except sqlite3.IntegrityError as error:
            raise DataError(f"the resource {resource.id} is recorded already") from error

    def mark_created(self, resource_id: str, native_id: str, at: datetime | None = None) -> None:
        """Note that the cloud has made the resource."""
        self._mark(resource_id, native_id=native_id, created_at=at or settings.now())

    def mark_removed(self, resource_id: str, at: datetime | None = None) -> None:
        """Note that the resource is gone, or was never made."""
        self._mark(resource_id, removed_at=at or settings.now())

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
        return [from_row(Resource, row) for row in rows]

    def _mark(self, resource_id: str, **values: object) -> None:
        row = {name: to_text(value) for name, value in values.items()}
        assignments = ", ".join(f"{name} = :{name}" for name in row)
        with self._writing():
            changed = self._db.execute(
                f"UPDATE resources SET {assignments} WHERE id = :id",  # noqa: S608 - our own names
                {**row, "id": resource_id},
            )
        if changed.rowcount != 1:
            raise DataError(f"the resource {resource_id} is not in the ledger")

    # The file

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Turn what SQLite says of a full disk, or of a file that is locked, into a DataError."""
        try:
            yield
        except sqlite3.OperationalError as error:
            raise DataError(
                f"the ledger {self.path} cannot be written",
                why=str(error),
                advice="make room on the disk, or set PLANNER_STATE_DIR to another folder",
            ) from error

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

            migrate(self.path)
        # In write-ahead mode this loses nothing but the last moment before a power cut.
        self._db.execute("PRAGMA synchronous = NORMAL")
