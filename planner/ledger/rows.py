"""Records as rows of SQLite, and back."""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, get_type_hints

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping

    from _typeshed import DataclassInstance


_Record = TypeVar("_Record")


def to_row(record: DataclassInstance) -> dict[str, object]:
    """Return the columns of a record."""
    return {item.name: to_text(getattr(record, item.name)) for item in fields(record)}


def from_row(kind: Callable[..., _Record], row: sqlite3.Row) -> _Record:
    """Return the record of a row; ``kind`` is its class."""
    return kind(
        **{
            name: None if row[name] is None else read(row[name])
            for name, read in _readers(kind).items()
        }
    )


@cache
def _readers(kind: Callable[..., object]) -> dict[str, Callable[[Any], object]]:
    """Return what makes a field's value of what SQLite kept, for each field."""
    return {name: _reader(str(hint)) for name, hint in get_type_hints(kind).items()}


def _reader(hint: str) -> Callable[[Any], object]:
    if "datetime" in hint:
        return datetime.fromisoformat
    if "dict" in hint:
        return json.loads
    if "Decimal" in hint:
        return Decimal
    return bool if hint == str(bool) else _as_it_is


def _as_it_is(value: object) -> object:
    return value


def to_text(value: object) -> object:
    """Return a value as SQLite keeps it."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return to_json(value)
    if isinstance(value, Decimal):
        return str(value)
    return value


def to_json(value: Mapping[str, object]) -> str:
    """Return a dictionary as text that is the same whatever its order."""
    return json.dumps(value, sort_keys=True)
