"""The half of the ledger about served work: what endpoints did in each hour."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime  # noqa: TC003 - the types of fields are read at run time
from typing import TYPE_CHECKING

from planner.ledger.rows import from_row, to_row

if TYPE_CHECKING:
    import sqlite3


@dataclass(frozen=True, slots=True)
class ServedHour:
    """What an endpoint served in one hour, as one source tells it. None: not told.

    Attributes:
        hour: Its start, UTC.
        source: ``metrics page``, ``Prometheus``, ``CloudWatch``.
        seconds: How much of the hour was looked at, up to 3600.
        cached_tokens: Of the prompts', those that the cache of prefixes held.
        ttft_p95_s: Time to first token; tpot_p95_s: time per output token.
    """

    endpoint: str
    hour: datetime
    source: str
    seconds: float
    requests: float | None = None
    input_tokens: float | None = None
    output_tokens: float | None = None
    cached_tokens: float | None = None
    input_tokens_p95: float | None = None
    output_tokens_p95: float | None = None
    ttft_p95_s: float | None = None
    tpot_p95_s: float | None = None


@dataclass(frozen=True, slots=True)
class MetricSample:
    """An engine's counters as they stood last, to subtract from what they are next time."""

    endpoint: str
    at: datetime
    counters: dict[str, float]


class WorkBook:
    """What the ledger knows of served work."""

    _db: sqlite3.Connection

    def save_served(self, served: ServedHour) -> None:
        """Write down an hour, in the place of what the same source said of it before."""
        self._replace("served_hours", to_row(served))

    def served(
        self,
        *,
        endpoint: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> list[ServedHour]:
        """Return what was served, oldest hour first."""
        rows = self._db.execute(
            "SELECT * FROM served_hours WHERE (:endpoint IS NULL OR endpoint = :endpoint) "
            "AND (:since IS NULL OR hour >= :since) AND (:until IS NULL OR hour < :until) "
            "ORDER BY hour, endpoint, source",
            {
                "endpoint": endpoint,
                "since": since.isoformat() if since else None,
                "until": until.isoformat() if until else None,
            },
        )
        return [from_row(ServedHour, row) for row in rows]

    def save_sample(self, sample: MetricSample) -> None:
        """Write down an endpoint's counters; the ones before are forgotten."""
        self._replace("metric_samples", to_row(sample))

    def sample(self, endpoint: str) -> MetricSample | None:
        """Return an endpoint's counters as they stood last."""
        found = self._db.execute("SELECT * FROM metric_samples WHERE endpoint = ?", (endpoint,))
        row = found.fetchone()
        return None if row is None else from_row(MetricSample, row)

    def _replace(self, table: str, row: dict[str, object]) -> None:
        names, values = ", ".join(row), ", ".join(f":{name}" for name in row)
        self._db.execute(f"INSERT OR REPLACE INTO {table} ({names}) VALUES ({values})", row)  # noqa: S608 - our own names
