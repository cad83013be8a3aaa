"""Which offers a question finds, kept between runs: price lists change once a day at most.

A published snapshot never changes and has its checksum in its name, so the names of the files
and the question say all that the answer follows from.
"""

from __future__ import annotations

from dataclasses import fields
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from planner import kept
from planner.pricing.snapshots import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from planner.pricing.catalog import Query

_OFFERS, _LEAST, _COVERAGE = "offers", "least", "coverage"
_MONEY = tuple(n for n, kind in enumerate(SCHEMA.values()) if kind.startswith("DECIMAL"))
_DAY = list(SCHEMA).index("as_of")
_MOST_ROWS = 10_000


def rows(files: Mapping[tuple[str, date], Path], query: Query) -> list[list[Any]] | None:
    """Return the rows, in the order of ``SCHEMA``, that a question found before."""
    found = kept.read(_OFFERS, _question(files, query))
    if found is None:
        return None
    for row in found:
        for column in _MONEY:
            row[column] = None if row[column] is None else Decimal(row[column])
        row[_DAY] = date.fromisoformat(row[_DAY])
    return list(found)


def keep_rows(
    files: Mapping[tuple[str, date], Path], query: Query, found: Sequence[Sequence[Any]]
) -> None:
    """Keep what a question found, but for the largest answers."""
    if len(found) <= _MOST_ROWS:
        texts = [[_text(value) for value in row] for row in found]
        kept.write(_OFFERS, _question(files, query), texts)


def least(
    files: Mapping[tuple[str, date], Path], query: Query
) -> dict[tuple[str, str], Decimal] | None:
    """Return the lowest price of each (service, instance type) that was found before."""
    found = kept.read(_LEAST, _question(files, query))
    return None if found is None else {(s, name): Decimal(price) for s, name, price in found}


def keep_least(
    files: Mapping[tuple[str, date], Path], query: Query, found: Mapping[tuple[str, str], Decimal]
) -> None:
    """Keep the lowest price of each (service, instance type)."""
    entries = [[*key, str(price)] for key, price in found.items()]
    kept.write(_LEAST, _question(files, query), entries)


def coverage(paths: Iterable[str]) -> dict[str, str] | None:
    """Return the coverage of the files, by path, as it was read before."""
    names = {Path(path).name: path for path in paths}
    found = kept.read(_COVERAGE, sorted(names))
    return None if found is None else {names[name]: text for name, text in found.items()}


def keep_coverage(found: Mapping[str, str]) -> None:
    """Keep the coverage of files, by path."""
    named = {Path(path).name: text for path, text in found.items()}
    if len(named) == len(found):
        kept.write(_COVERAGE, sorted(named), named)


def _question(files: Mapping[tuple[str, date], Path], query: Query) -> object:
    """Return what tells a question from others: the files that speak for its day, and the rest."""
    told = {key: path.name for key, path in files.items() if key[1] <= (query.as_of or date.max)}
    asked = {
        field.name: sorted(value) if isinstance(value, tuple) else value
        for field in fields(query)
        if (value := getattr(query, field.name)) and field.name != "as_of"
    }
    return sorted(told.items()), asked


def _text(value: object) -> object:
    return str(value) if isinstance(value, Decimal | date) else value
