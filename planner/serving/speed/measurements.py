"""Published throughput measurements: ``pricing_data/measurements.csv``.

The file is sorted by model and accelerator. Looking up one model reads the file as text and
parses only that model's lines, because a comparison asks for one model and must start fast.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from planner.bundled import pricing_data
from planner.errors import DataError
from planner.serving import table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

MAX_LOAD = "max"


@dataclass(frozen=True, slots=True)
class Measurement:
    """One published figure.

    Args:
        model: Short name of a model of this shape (``measured_model`` is the source's name).
        accelerator: Name in the accelerator table, or the source's name where it has none.
        precision: Of the weights; empty where the source does not say.
        engine: ``vllm``, ``tensorrt-llm``, ``tgi``, ``sglang``, ``atom``,
            ``deepspeed-mii``; empty where
            the row is a whole submission (MLPerf).
        tensor_parallel, pipeline_parallel: As run; None where not stated.
        accelerator_count: Accelerators used.
        input_tokens, output_tokens: Per request; None where not stated.
        concurrency: Requests at once; None for maximum load or where not stated.
        tokens_per_second: Output tokens, all requests together.
        ttft_ms, tpot_ms: Time to first token and per output token, where measured.
        scenario: ``static-batch``, ``static-batch-max``, ``serving``, ``max-load``,
            ``virtual-users``, ``burst`` (all requests sent at once), ``rate`` (sent at a rate,
            whatever is in flight) or ``mlperf``.
        software: Engine and version as the source writes it.
        basis: ``measured``, or ``derived`` from measured times.
        measured_model: The source's own name of the model.
        as_of: Date, as exact as known; empty where not stated.
        source: Where it was read.
        unusable: Why nothing may rest on the row; empty for nearly all.
        notes: What to know about the row.
    """

    model: str
    accelerator: str
    precision: str
    engine: str
    tensor_parallel: int | None
    pipeline_parallel: int | None
    accelerator_count: int
    input_tokens: int | None
    output_tokens: int | None
    concurrency: int | None
    tokens_per_second: float
    ttft_ms: float | None
    tpot_ms: float | None
    scenario: str
    software: str
    basis: str
    measured_model: str
    as_of: str
    source: str
    unusable: str
    notes: str


@cache
def all_measurements() -> tuple[Measurement, ...]:
    """Return every row, those that no prediction uses included."""
    header, *lines = _lines()
    return tuple(_parse(header, lines))


@cache
def of(model: str, accelerator: str) -> tuple[Measurement, ...]:
    """Return the rows of one model on one accelerator, by their short names."""
    return tuple(_parse(_lines()[0], _by_setup().get((model, accelerator), ())))


def parse(lines: Sequence[str]) -> tuple[Measurement, ...]:
    """Return the rows of another table with the columns of this one; empty where it has no line.

    Raises:
        KeyError: A column is missing.
        TypeError: A line is cut short.
        ValueError: A cell is no number.
    """
    return tuple(_parse(lines[0], lines[1:])) if lines else ()


def nominal_precision(precision: str) -> str:
    """Return the precision as measurements name it: both 16-bit formats run at one speed."""
    return "fp16" if precision == "bf16" else precision


@cache
def _by_setup() -> dict[tuple[str, str], list[str]]:
    """Return the lines of each model and accelerator, not parsed yet."""
    found: dict[tuple[str, str], list[str]] = {}
    for line in _lines()[1:]:
        model, accelerator, _ = line.split(",", 2)
        found.setdefault((model, accelerator), []).append(line)
    return found


@cache
def _lines() -> tuple[str, ...]:
    path = _path()
    try:
        return tuple(path.read_text(encoding="utf-8").splitlines())
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"cannot read {path}",
            why=str(error),
            advice="reinstall planner: pip install --force-reinstall gpu-planner",
        ) from error


def _path() -> Path:
    return pricing_data() / "measurements.csv"


def _parse(header: str, lines: Iterable[str]) -> Iterable[Measurement]:
    for row in csv.DictReader(lines, fieldnames=header.split(",")):
        load = row["concurrency"]
        yield Measurement(
            model=row["model"],
            accelerator=row["accelerator"],
            precision=row["precision"],
            engine=row["engine"],
            tensor_parallel=table.integer(row["tensor_parallel"]),
            pipeline_parallel=table.integer(row["pipeline_parallel"]),
            accelerator_count=int(row["accelerator_count"]),
            input_tokens=table.integer(row["input_tokens"]),
            output_tokens=table.integer(row["output_tokens"]),
            concurrency=None if load == MAX_LOAD else table.integer(load),
            tokens_per_second=float(row["tokens_per_second"]),
            ttft_ms=table.number(row["ttft_ms"]),
            tpot_ms=table.number(row["tpot_ms"]),
            scenario=row["scenario"],
            software=row["software"],
            basis=row["basis"],
            measured_model=row["measured_model"],
            as_of=row["as_of"],
            source=row["source"],
            unusable=row["unusable"],
            notes=row["notes"],
        )
