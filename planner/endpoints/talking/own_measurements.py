"""The user's own measurements: what ``planner bench`` keeps, and what predictions show beside them.

``planner.serving`` stays pure: the file is read here, and rows are handed to who shows them.
"""

from __future__ import annotations

import csv
import io
from dataclasses import asdict, fields
from typing import TYPE_CHECKING

from planner.clouds import settings
from planner.errors import DataError, PlannerError
from planner.serving.speed import measurements
from planner.serving.speed.measurements import Measurement

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path


def own_file() -> Path:
    """Return where a user's own measurements are kept, beside refreshed prices."""
    from platformdirs import user_data_path

    return user_data_path("gpu-planner") / "measurements.csv"


def store(path: Path, rows: Sequence[Measurement]) -> None:
    """Append rows to a table like ``measurements.csv``.

    Raises:
        PlannerError: They come from simulated clouds: those measure nothing.
    """
    if settings.current().simulated:
        raise PlannerError("figures of simulated clouds are not kept")
    path.parent.mkdir(parents=True, exist_ok=True)
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, [field.name for field in fields(Measurement)])
    if not path.exists():
        writer.writeheader()
    writer.writerows(asdict(row) for row in rows)
    with path.open("a", encoding="utf-8", newline="") as file:
        file.write(text.getvalue())  # at once: a run that is stopped leaves no half row


def read(path: Path) -> tuple[Measurement, ...]:
    """Return what is kept, oldest first; empty where there is no file.

    Raises:
        DataError: The file cannot be read, or is no such table.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(path, error) from error
    try:
        return measurements.parse(lines)
    except (KeyError, TypeError, ValueError) as error:
        raise _unreadable(path, error) from error


def of_setup(
    rows: Iterable[Measurement],
    *,
    model: str,
    accelerator: str,
    count: int,
    precision: str,
    engine: str = "vllm",
) -> tuple[Measurement, ...]:
    """Return the newest row of each load on one set-up, fewest requests at once first."""
    nominal = measurements.nominal_precision(precision)
    newest = {
        (row.concurrency or 0, row.input_tokens or 0, row.output_tokens or 0): row
        for row in rows
        if (row.model, row.accelerator, row.accelerator_count, row.engine)
        == (model, accelerator, count, engine)
        and measurements.nominal_precision(row.precision) == nominal
    }
    return tuple(newest[load] for load in sorted(newest))


def _unreadable(path: Path, error: Exception) -> DataError:
    return DataError(
        f"cannot read your own measurements in {path}",
        why=str(error),
        advice=f"mend that file, or move it away: mv {path} {path}.old",
    )
