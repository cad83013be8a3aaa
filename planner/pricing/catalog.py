"""Catalog: every offer planner knows, as of any date.

DuckDB over the Parquet snapshots of one or more roots (the bundled figures, then the user's
refreshed ones). A question is answered as of a date: for each cloud, service, region and
kind of price the newest snapshot that covers it counts, and an instance type missing from it
is gone, not carried forward.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from planner.bundled import pricing_data
from planner.errors import DataError, NotFoundError
from planner.pricing import instance_types, offers_kept, snapshots, store
from planner.pricing.snapshots import SCHEMA, SnapshotFile

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal
    from pathlib import Path

    import duckdb
    import pandas as pd

    from planner.pricing.offer import Offer

_LISTINGS = 3
_REINSTALL = (
    "remove the file if it is your own, or reinstall: pip install --force-reinstall gpu-planner"
)


@dataclass(frozen=True, slots=True)
class Query:
    """What to look for; an empty field does not limit.

    Attributes:
        as_of: The world as known on that date; None for today.
        instance_types: Exact names.
    """

    as_of: date | None = None
    clouds: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    instance_types: tuple[str, ...] = ()
    pricing_models: tuple[str, ...] = ()
    commitments: tuple[str, ...] = ()
    term_years: tuple[int, ...] = ()
    payment_options: tuple[str, ...] = ()
    limit: int | None = None


class Catalog:
    """The offers below one or more snapshot roots.

    Args:
        roots: Folders that hold ``offers/<cloud>/*.parquet``; where two hold a snapshot of the
            same cloud and date, the later root counts. By default the bundled figures and
            what ``planner refresh`` brought (``planner.pricing.store``).
    """

    def __init__(self, *roots: Path) -> None:
        self._roots = roots or store.roots()

    @cached_property
    def instance_types(self) -> instance_types.InstanceTypes:
        """The instance types that offers refer to."""
        return instance_types.load(*self._roots)

    @cached_property
    def snapshots(self) -> tuple[SnapshotFile, ...]:
        """The published snapshots, by cloud, oldest first, each verified.

        Raises:
            DataError: A file was changed or cut short.
        """
        coverage = self._read_coverage([str(path) for path in self._files.values()])
        return tuple(
            SnapshotFile(cloud, day, str(path), snapshots.parse_coverage(coverage[str(path)], path))
            for (cloud, day), path in sorted(self._files.items())
        )

    def versions(self, cloud: str) -> dict[str, str]:
        """Return the newest version of each price file that a cloud's snapshots were read from.

        Empty where no snapshot names any: bundled ones do not, and only AWS has versions.
        """
        paths = [s.path for s in self.snapshots if s.cloud == cloud]
        found = self._metadata(paths, snapshots.VERSIONS_KEY)
        merged: dict[str, str] = {}
        for path in paths:
            merged |= json.loads(found.get(path, "{}"))
        return merged

    @cached_property
    def _files(self) -> dict[tuple[str, date], Path]:
        """Return the snapshot files by cloud and date, each checked.

        A refresh may remove an old file between listing and reading; then they are listed anew.
        """
        for attempt in range(_LISTINGS):
            found: dict[tuple[str, date], Path] = {}
            for root in self._roots:
                found.update({(cloud, day): path for cloud, day, path in snapshots.find(root)})
            try:
                for path in found.values():
                    snapshots.verify(path)
            except FileNotFoundError:
                if attempt == _LISTINGS - 1:
                    raise
            else:
                break
        return found

    @property
    def first_date(self) -> date:
        """The date of the oldest snapshot.

        Raises:
            DataError: There are no snapshots.
        """
        if not self._files:
            raise DataError(
                "there are no price snapshots",
                why=f"looked in {', '.join(str(root) for root in self._roots)}",
                advice=_REINSTALL,
            )
        return min(day for _, day in self._files)

    def offers(self, query: Query | None = None) -> list[Offer]:
        """Return the offers that match, cheapest first.

        Raises:
            NotFoundError: The date lies before the first snapshot.
            DataError: A snapshot cannot be read.
        """
        asked = self._dated(query)
        rows: Sequence[Sequence[Any]] | None = offers_kept.rows(self._files, asked)
        if rows is None:
            rows = self._run(asked).fetchall()
            offers_kept.keep_rows(self._files, asked, rows)
        return [snapshots.to_offer(row) for row in rows]

    def history(self, query: Query | None = None) -> list[Offer]:
        """Return every offer published up to the date, superseded ones among them.

        Oldest first, so that one kind of price can be followed through the snapshots.

        Raises:
            NotFoundError: The date lies before the first snapshot.
            DataError: A snapshot cannot be read.
        """
        rows = self._run(self._dated(query), superseded=True).fetchall()
        return sorted((snapshots.to_offer(row) for row in rows), key=lambda offer: offer.as_of)

    def least_hourly(self, query: Query | None = None) -> dict[tuple[str, str], Decimal]:
        """Return the lowest effective hourly price in USD of each (service, instance type).

        Raises:
            NotFoundError: The date lies before the first snapshot.
            DataError: A snapshot cannot be read.
        """
        asked = self._dated(query)
        least = offers_kept.least(self._files, asked)
        if least is None:
            found = self._run(asked, around=_LEAST).fetchall()
            least = {(service, name): price for service, name, price in found}
            offers_kept.keep_least(self._files, asked, least)
        return least

    def to_dataframe(self, query: Query | None = None) -> pd.DataFrame:
        """Return the offers that match as a DataFrame, cheapest first; money as float64."""
        frame: pd.DataFrame = self._run(self._dated(query), as_float=True).df()
        return frame

    def _dated(self, query: Query | None) -> Query:
        """Return the query with its day, which lies after the first snapshot."""
        query = query or Query()
        as_of = query.as_of or datetime.now(UTC).date()
        if as_of < self.first_date:
            raise NotFoundError(
                f"no prices are known on or before {as_of}",
                why=f"the first snapshot is of {self.first_date}",
                advice=f"--as-of {self.first_date}",
            )
        return replace(query, as_of=as_of)

    def _run(
        self,
        query: Query,
        *,
        as_float: bool = False,
        superseded: bool = False,
        around: str = "{}",
    ) -> duckdb.DuckDBPyConnection:
        import duckdb

        sql, parameters = _select(query, as_float=as_float, superseded=superseded)
        try:
            return self._connection.execute(around.format(sql), parameters)
        except duckdb.Error as error:
            raise DataError(
                "cannot read the price snapshots", why=str(error), advice=_REINSTALL
            ) from error

    @cached_property
    def _session(self) -> duckdb.DuckDBPyConnection:
        import duckdb

        # Two threads are enough for catalogs of this size; starting more costs more.
        session = duckdb.connect(config={"threads": 2})
        session.execute("SET parquet_metadata_cache = true")
        return session

    @cached_property
    def _connection(self) -> duckdb.DuckDBPyConnection:
        """A connection with the view ``offers`` and the table ``coverage``."""
        listed = ", ".join("'" + s.path.replace("'", "''") + "'" for s in self.snapshots)
        session = self._session
        by_name = ", union_by_name=true" if self._has_old_files() else ""
        session.execute(f"CREATE VIEW offers AS SELECT * FROM read_parquet([{listed}]{by_name})")
        session.execute(
            "CREATE TABLE coverage (cloud VARCHAR, as_of DATE, service VARCHAR, region VARCHAR,"
            " pricing_model VARCHAR, commitment VARCHAR, term_years TINYINT,"
            " payment_option VARCHAR, instance_types VARCHAR, left_out VARCHAR)"
        )
        clouds = {s.path: (s.cloud, s.as_of) for s in self.snapshots}
        session.execute(
            "INSERT INTO coverage SELECT f.cloud, f.as_of, c[1], c[2], c[3], c[4], c[5]::TINYINT,"
            # A scope is a glob, then the machines it leaves out (planner.pricing.scopes).
            " c[6], split_part(c[7], ' -', 1), nullif(substr(c[7], strpos(c[7] || ' -', ' -')), '')"
            " FROM (SELECT file_name, unnest(from_json("
            "  decode(value), '[[\"VARCHAR\"]]')) AS c"
            f"  FROM parquet_kv_metadata([{listed}]) WHERE decode(key) = $key)"
            " JOIN (SELECT unnest($paths) AS path, unnest($clouds) AS cloud,"
            "  unnest($dates) AS as_of) AS f ON f.path = file_name",
            {
                "key": snapshots.COVERAGE_KEY,
                "paths": list(clouds),
                "clouds": [cloud for cloud, _ in clouds.values()],
                "dates": [day for _, day in clouds.values()],
            },
        )
        return session

    def _has_old_files(self) -> bool:
        """Tell whether a file is of before the newest column came; such are read by name.

        Reading by name costs some milliseconds a question; bundled files are never old.
        """
        bundled = str(pricing_data())
        paths = [s.path for s in self.snapshots if not s.path.startswith(bundled)]
        if not paths:
            return False
        listed = ", ".join("'" + path.replace("'", "''") + "'" for path in paths)
        newest = list(SCHEMA)[-1]
        found = self._session.execute(
            f"SELECT count(*) FROM parquet_schema([{listed}]) WHERE name = ?", [newest]
        ).fetchone()
        return found is None or found[0] < len(paths)

    def _read_coverage(self, paths: Sequence[str]) -> dict[str, str]:
        kept = offers_kept.coverage(paths)
        if kept is not None:
            return kept
        found = self._metadata(paths, snapshots.COVERAGE_KEY)
        for path in paths:
            if path not in found:
                raise DataError(
                    f"{path} is not a price snapshot",
                    why=f"it declares no coverage ({snapshots.COVERAGE_KEY})",
                    advice=_REINSTALL,
                )
        offers_kept.keep_coverage(found)
        return found

    def _metadata(self, paths: Sequence[str], key: str) -> dict[str, str]:
        """Return one entry of the files' key-value metadata, by path."""
        import duckdb

        if not paths:
            return {}
        listed = ", ".join("'" + path.replace("'", "''") + "'" for path in paths)
        try:
            rows = self._session.execute(
                "SELECT file_name, decode(value)"
                f" FROM parquet_kv_metadata([{listed}]) WHERE decode(key) = ?",
                [key],
            ).fetchall()
        except duckdb.Error as error:
            raise DataError(
                "a price snapshot cannot be read", why=str(error), advice=_REINSTALL
            ) from error
        return dict(rows)


# What a newer snapshot covers supersedes an older row, whether it holds the row or not.
_CURRENT = """
FROM offers o ANTI JOIN coverage c ON (
    c.cloud = o.cloud AND c.service = o.service AND c.region = o.region
    AND c.pricing_model = o.pricing_model
    AND coalesce(c.commitment, '') = coalesce(o.commitment, '')
    AND coalesce(c.term_years, 0) = coalesce(o.term_years, 0)
    AND coalesce(c.payment_option, '') = coalesce(o.payment_option, '')
    AND c.as_of > o.as_of AND c.as_of <= ?
    AND o.instance_type GLOB c.instance_types
    AND (c.left_out IS NULL OR NOT contains(c.left_out || ' ', ' -' || o.instance_type || ' '))
)
WHERE o.as_of <= ?"""

_LEAST = (
    "SELECT service, instance_type, min(effective_hourly_usd) FROM ({}) GROUP BY ALL ORDER BY ALL"
)

_EVERY = "FROM offers o WHERE o.as_of <= ?"

_FILTERS = {
    "clouds": "cloud",
    "services": "service",
    "regions": "region",
    "instance_types": "instance_type",
    "pricing_models": "pricing_model",
    "commitments": "commitment",
    "term_years": "term_years",
    "payment_options": "payment_option",
}


def _select(query: Query, *, as_float: bool, superseded: bool) -> tuple[str, list[Any]]:
    """Return the SQL of a query and its parameters; values never enter the text."""
    rows = _EVERY if superseded else _CURRENT
    parameters: list[Any] = [query.as_of] * rows.count("?")
    conditions = ""
    for field, column in _FILTERS.items():
        values = getattr(query, field)
        if values:
            parameters += values
            conditions += f" AND o.{column} IN ({', '.join('?' * len(values))})"
    columns = ", ".join(
        f"o.{name}::DOUBLE AS {name}" if as_float and kind.startswith("DECIMAL") else f"o.{name}"
        for name, kind in SCHEMA.items()
    )
    # To the last column that tells offers apart, so that equal prices keep their order.
    order = (
        "o.effective_hourly_usd, o.cloud, o.service, o.instance_type, o.region,"
        " o.pricing_model, o.commitment, o.term_years, o.payment_option, o.as_of"
    )
    sql = f"SELECT {columns} {rows}{conditions} ORDER BY {order}"
    if query.limit is not None:
        sql += f" LIMIT {int(query.limit)}"
    return sql, parameters
