"""Read the small bundled tables (CSV): models, accelerators, measurements."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from planner.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path


def read(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file, each a mapping from column to text.

    Raises:
        DataError: The file is missing or is not UTF-8 text.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"cannot read {path}",
            why=str(error),
            advice="reinstall planner: pip install --force-reinstall gpu-planner",
        ) from error


def number(text: str) -> float | None:
    """Return the number, or None for an empty cell: unknown is never zero."""
    return float(text) if text else None


def integer(text: str) -> int | None:
    """Return the whole number, or None for an empty cell."""
    return int(text) if text else None
