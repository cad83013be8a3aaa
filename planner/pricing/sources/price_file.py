"""Read AWS price files: gigabytes of CSV of which a few thousand rows matter.

The CSV form is read, not the JSON form: it is one row per price with the product's
attributes beside it, so DuckDB filters it on all cores while it arrives, in constant memory;
in the JSON form products come first and prices after, so a reader holds every product until
the prices come. "Reading the price list files" (AWS Billing user guide): five lines of
metadata, then a header; the number of columns differs between services.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from planner.pricing.sources.interface import SourceChangedError

if TYPE_CHECKING:
    import duckdb

_METADATA_LINES = 5
_MEMORY_LIMIT = "150MB"
_THREADS = 2
# Smaller than DuckDB's own 32 MB, so that two files at once stay within 250 MB.
_BUFFER = 8_000_000


@dataclass(frozen=True)
class Selection:
    """Which rows and columns to take out of a price file. Implements ``Extract``.

    Columns are named in lower case without spaces and signs: ``Pre Installed S/W`` is
    ``preinstalledsw``, and SageMaker's ``instanceName`` is what EC2 would write as
    ``Instance Name``.

    Attributes:
        columns: What to return.
        where: SQL over the file's columns; ``$names`` are bound to ``parameters``.
        reads: The columns that ``where`` reads.
        where_present: (column, SQL) conditions that hold where the file has the column.
        columns_present: Returned too; None for each row where the file lacks them.
    """

    columns: tuple[str, ...]
    where: str
    reads: tuple[str, ...]
    parameters: tuple[tuple[str, Any], ...] = ()
    where_present: tuple[tuple[str, str], ...] = ()
    columns_present: tuple[str, ...] = ()

    @cached_property
    def digest(self) -> str:
        """Changes when what is taken changes."""
        return hashlib.sha256(
            repr(
                (
                    self.columns,
                    self.where,
                    self.parameters,
                    self.where_present,
                    self.columns_present,
                )
            ).encode()
        ).hexdigest()

    def __call__(self, path: str, head: bytes, *, gzipped: bool) -> list[dict[str, Any]]:
        """Return the rows; every value is text.

        Raises:
            SourceChangedError: A column is missing, or a row does not fit the header.
        """
        import duckdb

        header = _header(head)
        missing = sorted({*self.columns, *self.reads} - set(header))
        if missing:
            raise SourceChangedError(
                f"AWS changed its price file: no column {', '.join(missing)}",
                why=f"it has {', '.join(header[:8])}, ... ({len(header)} columns)",
                advice="use the prices you have, and upgrade planner: pip install -U gpu-planner",
            )
        with _connection() as connection:
            try:
                cursor = connection.execute(
                    self._sql(path, header, gzipped=gzipped), dict(self.parameters)
                )
                rows = cursor.fetchall()
            except duckdb.Error as error:
                raise SourceChangedError(
                    "an AWS price file cannot be read",
                    why=str(error).splitlines()[0],
                    advice="planner refresh",
                ) from error
        names = (*self.columns, *self.columns_present)
        return [dict(zip(names, row, strict=True)) for row in rows]

    def _sql(self, path: str, header: list[str], *, gzipped: bool) -> str:
        kinds = ", ".join(f"'{name}': 'VARCHAR'" for name in header)
        compression = "gzip" if gzipped else "none"
        quoted = path.replace("'", "''")
        more = [name if name in header else f"NULL AS {name}" for name in self.columns_present]
        where = [self.where, *(sql for name, sql in self.where_present if name in header)]
        return (
            f"SELECT {', '.join((*self.columns, *more))} FROM read_csv('{quoted}',"
            f" skip={_METADATA_LINES + 1}, header=false, auto_detect=false, delim=',',"
            f""" quote='"', escape='"', compression='{compression}', buffer_size={_BUFFER},"""
            f" columns={{{kinds}}})"
            f" WHERE {' AND '.join(where)}"
        )


def _connection() -> duckdb.DuckDBPyConnection:
    import duckdb

    return duckdb.connect(
        config={
            "threads": _THREADS,
            "memory_limit": _MEMORY_LIMIT,
            "preserve_insertion_order": False,
        }
    )


def _header(head: bytes) -> list[str]:
    """Return the normalised column names; a repeated or empty one is named by its place."""
    lines = head.split(b"\n", _METADATA_LINES + 1)
    if len(lines) <= _METADATA_LINES + 1:
        raise SourceChangedError(
            "an AWS price file does not begin as documented",
            why=f"it begins with {head[:60]!r}",
            advice="upgrade planner: pip install -U gpu-planner",
        )
    text = lines[_METADATA_LINES].decode("utf-8", "replace")
    names: list[str] = []
    for number, title in enumerate(next(csv.reader(io.StringIO(text)), [])):
        name = re.sub("[^a-z0-9]", "", title.lower())
        names.append(name if name and name not in names else f"column{number}")
    return names
