"""Read FOCUS exports with DuckDB: Parquet or CSV, one file or a folder of them.

The sums are made in the engine, in exact decimals; only sums come out. Ten million rows need no
more memory than one: groups are few.
"""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from planner.actuals.bills.columns import TAG, Columns
from planner.actuals.bills.sums import query
from planner.actuals.model import Bill, Charge, Kind, Owned, Period
from planner.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import duckdb

# FOCUS's providers by planner's clouds; a word of the provider's name is enough.
_CLOUDS = {"amazon": "aws", "aws": "aws", "microsoft": "azure", "azure": "azure", "google": "gcp"}


def read(
    files: Sequence[Path],
    period: Period,
    *,
    owned: Owned | None = None,
    rates: Mapping[str, Decimal] | None = None,
    source: str = "",
) -> Bill:
    """Return what FOCUS files bill in a period.

    Args:
        files: All Parquet, or all CSV (``.csv``, ``.csv.gz``).
        period: The days that count.
        owned: Recognises endpoints by their resources where a row has no tag.
        rates: Currency -> US dollars for one of it. Rows in other currencies are converted by
            Microsoft's own columns in US dollars, where the file has them; else by these; else
            they keep their currency.
        source: For people; the files' names by default.

    Raises:
        UsageError: A file cannot be read, or is no FOCUS file.
    """
    with _session() as session, _errors(files):
        session.execute("CREATE VIEW bill AS SELECT * FROM " + _reader(files))  # noqa: S608 - quoted paths
        described = session.execute("DESCRIBE bill").fetchall()
        columns = Columns.of([(str(row[0]), str(row[1])) for row in described])
        _add_owned(session, owned or Owned())
        keys = _tag_keys(session, columns)
        found = session.execute(query(columns, keys), [period.start, period.end])
        names = [item[0] for item in found.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    rows = [_in_dollars(row, rates or {}) for row in rows]
    return Bill(
        source or ", ".join(path.name for path in files[:3]),
        period,
        _charges(rows),
        rows=sum(row["rows"] for row in rows),
        until=max((_utc(row["until"]) for row in rows if row["until"]), default=None),
        warnings=_warnings(columns, rows),
    )


@contextmanager
def _session() -> Iterator[duckdb.DuckDBPyConnection]:
    import duckdb

    with duckdb.connect(config={"threads": 2}) as session:
        session.execute("SET TimeZone = 'UTC'")
        # Sums need no order, and order costs memory.
        session.execute("SET preserve_insertion_order = false")
        yield session


@contextmanager
def _errors(files: Sequence[Path]) -> Iterator[None]:
    import duckdb

    try:
        yield
    except (duckdb.Error, OSError) as error:
        raise UsageError(
            f"{', '.join(map(str, files[:3]))} cannot be read as a FOCUS bill",
            why=str(error).split("\n")[0],
            advice="Parquet or CSV files of a FOCUS export: planner actuals --focus FOLDER",
        ) from error


def _reader(files: Sequence[Path]) -> str:
    listed = ", ".join("'" + str(path).replace("'", "''") + "'" for path in files)
    if all(path.name.endswith(".parquet") for path in files):
        return f"read_parquet([{listed}], union_by_name = true)"
    # Types are given by the columns' meaning: what looks like a number may be an account.
    return f"read_csv([{listed}], header = true, all_varchar = true, union_by_name = true)"


def _add_owned(session: duckdb.DuckDBPyConnection, owned: Owned) -> None:
    session.execute("CREATE TEMP TABLE owned (id VARCHAR, endpoint VARCHAR)")
    if owned.ids:
        session.executemany("INSERT INTO owned VALUES (?, ?)", [list(i) for i in owned.ids.items()])


def _tag_keys(session: duckdb.DuckDBPyConnection, columns: Columns) -> list[str]:
    """Return how planner's tag is spelled in a file whose tags are a map."""
    if not columns.tags_are_a_map:
        return []
    keys = f"SELECT DISTINCT unnest(map_keys({columns.raw('Tags')})) AS key FROM bill"  # noqa: S608 - a quoted name
    found = session.execute(
        f"SELECT key FROM ({keys}) WHERE regexp_full_match(key, ?) ORDER BY key",  # noqa: S608 - a quoted name
        [TAG],
    )
    return [str(row[0]) for row in found.fetchall()]


def _in_dollars(row: dict[str, Any], rates: Mapping[str, Decimal]) -> dict[str, Any]:
    """Return a row with its money in dollars, where it can be known."""
    money = ("billed", "effective", "listed")
    if row["currency"] == "USD":
        return row
    if row["billed_usd"] is not None:
        return row | {name: row[f"{name}_usd"] for name in money} | {"currency": "USD"}
    rate = rates.get(row["currency"])
    if rate is None:
        return row
    amounts = {name: row[name] * rate if row[name] is not None else None for name in money}
    return row | amounts | {"currency": "USD"}


def _charges(rows: Sequence[Mapping[str, Any]]) -> tuple[Charge, ...]:
    unclear = _several_meters(rows)
    return tuple(
        Charge(
            row["endpoint"],
            cloud_of(row["provider"]),
            row["day"],
            row["currency"],
            Kind(row["kind"]),
            row["billed"] or Decimal(0),
            row["effective"] or Decimal(0),
            row["listed"],
            row["hours"]
            if row["kind"] == Kind.MACHINE and row["endpoint"] not in unclear
            else None,
            row["commitment"],
            row["commitment_id"],
            row["service"],
        )
        for row in rows
    )


def _several_meters(rows: Sequence[Mapping[str, Any]]) -> set[str]:
    """Return the endpoints whose machines are billed in parts: cores, memory, GPUs.

    Their rows do not tell machine hours: four GPUs for an hour are four hours of that meter.
    Google alone bills so; elsewhere a second meter is a second price of one machine.
    """
    meters: dict[tuple[str, date], set[str]] = {}
    for row in rows:
        if row["kind"] == Kind.MACHINE and cloud_of(row["provider"]) == "gcp":
            meters.setdefault((row["endpoint"], row["day"]), set()).add(row["sku"])
    return {endpoint for (endpoint, _), skus in meters.items() if len(skus) > 1}


def cloud_of(provider: str) -> str:
    """Return planner's word for a provider's name, or the name itself."""
    words = provider.casefold().replace(",", " ").split()
    return next((_CLOUDS[word] for word in words if word in _CLOUDS), provider)


def _warnings(columns: Columns, rows: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    said = []
    if not columns.has("Tags"):
        said.append("the bill has no Tags column: endpoints are known by their resource ids only")
    if not columns.has("BillingCurrency"):
        said.append("the bill has no BillingCurrency: it is taken for US dollars")
    if not columns.has("EffectiveCost"):
        said.append("the bill has no EffectiveCost: what was paid at once is not spread")
    others = sorted({row["currency"] for row in rows} - {"USD"})
    said += [f"{code} is not converted: --rate {code}=DOLLARS" for code in others]
    return tuple(said)


def _utc(value: datetime) -> datetime:
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
