"""Read a load from a file: requests by hour, or a trace of requests with their tokens.

Hours are a CSV file of 24 (each day alike) or 168 rows (a week from Monday midnight) with a column
of rates or counts. A trace has a row per request with the time it arrived, and may have the
tokens of its prompt and answer. Known by their columns: the Azure LLM inference traces
(``TIMESTAMP, ContextTokens, GeneratedTokens``), BurstGPT (``Timestamp, Request tokens, Response
tokens``), Mooncake (JSON lines: ``timestamp`` in milliseconds, ``input_length, output_length``),
and files with plain names such as ``timestamp, input_tokens, output_tokens``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.errors import UsageError
from planner.planning.demand import HOURS_PER_WEEK, SECONDS_PER_HOUR, Lengths

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

_TIMES = ("timestamp", "time", "arrival", "arrival_time", "arrived_at", "arrival_timestamp")
_RATES = ("requests_per_s", "requests_per_second", "rate", "rps", "qps", "requests", "count")
_PROMPTS = (
    "contexttokens",
    "request tokens",
    "input_tokens",
    "prompt_tokens",
    "input_length",
    "num_prefill_tokens",
)
_ANSWERS = (
    "generatedtokens",
    "response tokens",
    "output_tokens",
    "completion_tokens",
    "output_length",
    "num_decode_tokens",
)
_DAY = 24
_MILLISECONDS = "arrivals in milliseconds"
_FORMS = (
    "24 or 168 rows with a column of rates (requests_per_s), or a row per request with a "
    "timestamp and, where known, input_tokens and output_tokens"
)


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a file says of a load.

    Attributes:
        rates: Requests a second in each hour of the week; relative where ``is_relative``.
        swell: The busiest ten minutes of each hour against its mean.
        is_relative: The rates have no unit that planner knows, so a volume has to be given.
        input_tokens: Lengths of prompts, where the file has them; output_tokens likewise.
        requests: How many requests a trace has; 0 for a file of hours.
        warnings: What was assumed.
    """

    rates: tuple[float, ...]
    swell: tuple[float, ...]
    is_relative: bool
    input_tokens: Lengths | None = None
    output_tokens: Lengths | None = None
    requests: int = 0
    warnings: tuple[str, ...] = ()


def read(path: Path) -> Recorded:
    """Read a file of hours or a trace.

    Raises:
        UsageError: The file cannot be read, or is neither.
    """
    import duckdb

    if not path.is_file():
        raise UsageError(
            f"there is no file {path}", advice=f"--shape flat, office, consumer, or {_FORMS}"
        )
    with duckdb.connect(config={"threads": 2}) as session:
        try:
            names = {name.casefold().strip(): name for name in _open(session, path)}
            when = _first(names, _TIMES)
            rate = _first(names, _RATES)
            if when is not None and rate is None:
                return _trace(session, names, when)
            return _hours(session, names, rate)
        except (duckdb.Error, ValueError, OSError) as error:
            raise UsageError(
                f"{path} cannot be read as a load", why=str(error).split("\n")[0], advice=_FORMS
            ) from error


def _open(session: duckdb.DuckDBPyConnection, path: Path) -> list[str]:
    """Load the file into the table ``load``; return its columns."""
    kind = "read_json" if path.suffix in {".json", ".jsonl", ".ndjson"} else "read_csv"
    session.execute(f"CREATE TABLE load AS SELECT * FROM {kind}(?)", [str(path)])
    return [str(row[0]) for row in session.execute("DESCRIBE load").fetchall()]


def _first(names: dict[str, str], wanted: tuple[str, ...]) -> str | None:
    return next((names[name] for name in wanted if name in names), None)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _hours(session: duckdb.DuckDBPyConnection, names: dict[str, str], rate: str | None) -> Recorded:
    if rate is None:
        numbers = [name for name in names.values() if name.casefold() not in {"hour", "weekday"}]
        if len(numbers) != 1:
            raise ValueError(f"no column of rates or of times among {', '.join(names.values())}")
        rate = numbers[0]
    column = _quoted(rate)
    rows = [row[0] for row in session.execute(f"SELECT {column}::DOUBLE FROM load").fetchall()]
    if len(rows) not in {_DAY, HOURS_PER_WEEK}:
        raise ValueError(f"it has {len(rows)} rows; hours are 24 or 168")
    if any(row is None or row < 0 for row in rows) or not sum(rows):
        raise ValueError("a rate is missing or negative, or all are 0")
    week = tuple(rows * (HOURS_PER_WEEK // len(rows)))
    is_rate = rate.casefold() in _RATES[:5]
    is_count = rate.casefold() in _RATES[5:]
    rates = tuple(value / SECONDS_PER_HOUR for value in week) if is_count else week
    return Recorded(rates, (1.0,) * HOURS_PER_WEEK, is_relative=not (is_rate or is_count))


def _trace(session: duckdb.DuckDBPyConnection, names: dict[str, str], when: str) -> Recorded:
    warnings: list[str] = []
    seconds = _seconds(session, when, warnings)
    count, first, last = _row(session, f"SELECT count(*), min({seconds}), max({seconds}) FROM load")
    if not count or last <= first:
        raise ValueError("a trace has at least two requests at different times")
    span = last - first
    rates, swell = _week(session, seconds, first, span, warnings)
    return Recorded(
        rates,
        swell,
        is_relative=False,
        input_tokens=_lengths(session, _first(names, _PROMPTS)),
        output_tokens=_lengths(session, _first(names, _ANSWERS)),
        requests=int(count),
        warnings=tuple(warnings),
    )


def _row(session: duckdb.DuckDBPyConnection, sql: str) -> tuple[float, ...]:
    row: tuple[float, ...] | None = session.execute(sql).fetchone()
    if row is None:
        raise ValueError("the file is empty")
    return row


def _seconds(session: duckdb.DuckDBPyConnection, when: str, warnings: list[str]) -> str:
    """Return the SQL for a request's time in seconds; hour 0 of a week is a Monday's."""
    column = _quoted(when)
    kind = str(session.execute(f"SELECT typeof({column}) FROM load LIMIT 1").fetchall()[0][0])
    if "TIMESTAMP" in kind or kind == "DATE":
        # The first Monday of the epoch is its fifth day.
        return f"(epoch({column}) - 4 * 86400)"
    span = _row(session, f"SELECT max({column}::DOUBLE) - min({column}::DOUBLE) FROM load")[0]
    count = _row(session, "SELECT count(*) FROM load")[0]
    warnings.append("the trace has no dates: its first hour is taken for Monday's first")
    # Whole numbers a thousand apart or more are milliseconds, as in Mooncake's traces.
    if "INT" in kind and span / max(1, count) > 20 and span > 100_000:  # noqa: PLR2004 - see above
        warnings.append(_MILLISECONDS)
        return f"({column}::DOUBLE / 1000)"
    return f"({column}::DOUBLE - (SELECT min({column}::DOUBLE) FROM load))"


def _week(
    session: duckdb.DuckDBPyConnection,
    seconds: str,
    first: float,
    span: float,
    warnings: list[str],
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return rate and swell by hour of the week; hours never seen take a neighbour's place."""
    tens = session.execute(
        f"SELECT floor({seconds} / 600)::BIGINT AS ten, count(*) FROM load GROUP BY ten"
    ).fetchall()
    counts = {int(ten): int(n) for ten, n in tens}
    start, stop = int(first // 600), int((first + span) // 600)
    if span < _DAY * SECONDS_PER_HOUR:
        warnings.append(f"the trace is {span / SECONDS_PER_HOUR:.1f} h long: a flat week of it")
        mean = sum(counts.values()) / span
        # The last ten minutes are not whole.
        whole = [counts.get(ten, 0) / 600 for ten in range(start + 1, stop)]
        swell = max(1.0, max(whole, default=mean) / mean)
        return (mean,) * HOURS_PER_WEEK, (swell,) * HOURS_PER_WEEK
    period = HOURS_PER_WEEK if span >= (HOURS_PER_WEEK - 1) * SECONDS_PER_HOUR else _DAY
    if period == _DAY:
        warnings.append(f"the trace is {span / 86400:.1f} days long: every day is taken alike")
    seen: list[list[float]] = [[] for _ in range(period)]
    swells: list[list[float]] = [[] for _ in range(period)]
    for hour in range(-(-start // 6), (stop + 1) // 6):
        parts = [counts.get(hour * 6 + ten, 0) for ten in range(6)]
        seen[hour % period].append(sum(parts) / SECONDS_PER_HOUR)
        if sum(parts):
            swells[hour % period].append(6 * max(parts) / sum(parts))
    rates = [sum(values) / len(values) if values else 0.0 for values in seen]
    swell_of = [max(values, default=1.0) for values in swells]
    times = HOURS_PER_WEEK // period
    return tuple(rates * times), tuple(swell_of * times)


def _lengths(session: duckdb.DuckDBPyConnection, name: str | None) -> Lengths | None:
    if name is None:
        return None
    column = _quoted(name)
    mean, p95, known = _row(
        session,
        f"SELECT avg({column}::DOUBLE), quantile_cont({column}::DOUBLE, 0.95), count({column})"
        " FROM load",
    )
    if not known:
        return None
    return Lengths(max(1.0, mean), max(1.0, p95))
