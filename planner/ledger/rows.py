"""Records as rows of SQLite, and back."""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, get_type_hints

if TYPE_CHECKING:
    import sqlite3


def to_row(record: Any) -> dict[str, Any]:  # noqa: ANN401 - a record
    """Return the columns of a record."""
    return {item.name: to_text(getattr(record, item.name)) for item in fields(record)}


def from_row(kind: type[Any], row: sqlite3.Row) -> Any:  # noqa: ANN401 - a record
    """Return the record of a row."""
    hints = get_type_hints(kind)
    return kind(**{name: from_text(row[name], hints[name]) for name in hints})


def to_text(value: object) -> object:
    """Return a value as SQLite keeps it."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return to_json(value)
    if isinstance(value, Decimal):
        return str(value)
    return value


def from_text(value: Any, hint: Any) -> Any:  # noqa: ANN401 - one of the fields' types
    """Return what SQLite kept as a value of the field's type."""
    if value is None:
        return None
    if "datetime" in str(hint):
        return datetime.fromisoformat(value)
    if "dict" in str(hint):
        return json.loads(value)
    if "Decimal" in str(hint):
        return Decimal(value)
    return bool(value) if hint is bool else value


def to_json(value: dict[str, Any]) -> str:
    """Return a dictionary as text that is the same whatever its order."""
    return json.dumps(value, sort_keys=True)
