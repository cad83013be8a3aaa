"""What the fit ships, read once: effects, bands and the points of the corrections.

``pricing_data/throughput.json`` holds the effects, the kernel, the times' shape, the bands and
the hold-out errors; ``pricing_data/throughput_points.csv`` holds the measured points with their
weights. Both are written by ``python pricing_data/fit_throughput.py``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from planner.bundled import pricing_data
from planner.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class Point(NamedTuple):
    """One measured point: where it lies, and its weight in the corrections of speed and TTFT."""

    regime: str
    accelerator: str
    model: str
    precision: str
    tensor_parallel: int
    pipeline_parallel: int
    input_tokens: int
    output_tokens: int
    batch: int
    weight: float
    first_weight: float

    @property
    def setup(self) -> tuple[str, str, str, int, int]:
        """Model, accelerator, precision and both parallel sizes, as ``Workload.nominal``."""
        return (
            self.model,
            self.accelerator,
            self.precision,
            self.tensor_parallel,
            self.pipeline_parallel,
        )


@dataclass(frozen=True, slots=True)
class Kernel:
    """How far a residual reaches.

    Args:
        scales: Lengths of the logs of prompt, output, batch, accelerators, active bytes and cache
            per active weight.
        kind: Size of what all models of a kind share in a generation.
        card: Size of what a card's points share.
        model: Size of what a model's points share on all cards.
        model_on_card: The same on one card.
        level: Size of a model's constant on all cards.
        level_on_card: The same on one card.
        setup: Size of the constant of one model, card, precision and parallel size.
        other_regime: Share that points of another regime keep.
        other_precision: Share that points of another precision keep.
        noise: Scatter of single points.
    """

    scales: tuple[float, ...]
    kind: float
    card: float
    model: float
    model_on_card: float
    level: float
    level_on_card: float
    setup: float
    other_regime: float
    other_precision: float
    noise: float


@dataclass(frozen=True, slots=True)
class Waiting:
    """Where the time to the first token goes; see ``latency``.

    Args:
        prompt: Times its own prompt takes.
        steps: Decode steps it waits for.
        others: Share of the prompts of all others in flight.
        busy: The same, growing with the share of time that goes to prompts.
        fixed: Seconds that a request takes besides.
    """

    prompt: float
    steps: float
    others: float
    busy: float
    fixed: float


@dataclass(frozen=True, slots=True)
class Spread:
    """How far the slowest request in twenty lies above the mean.

    Args:
        power: Of the requests in flight, for the time to the first token.
        most: It never lies more times above.
        each: Times for the time between tokens.
    """

    power: float
    most: float
    each: float


@cache
def document() -> dict[str, Any]:
    """Return the fit's document.

    Raises:
        DataError: The file is missing or not what the fit wrote.
    """
    path = pricing_data() / "throughput.json"
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    if not {"effects", "kernel", "waiting", "spread", "bands", "shapes"} <= found.keys():
        raise _unreadable(path, ValueError("a part is missing"))
    return found


@cache
def effects() -> dict[tuple[str, str], dict[str, float]]:
    """Return the effects: level and key -> rate -> what it adds to the rate's log."""
    return parse_effects(document()["effects"])


def parse_effects(
    found: Mapping[str, Mapping[str, dict[str, float]]],
) -> dict[tuple[str, str], dict[str, float]]:
    """Return the effects of a document."""
    return {(level, key): rates for level, keys in found.items() for key, rates in keys.items()}


@cache
def kernel() -> Kernel:
    """Return how far residuals reach."""
    sizes = dict(document()["kernel"])
    return Kernel(tuple(sizes.pop("scales")), **sizes)


@cache
def waiting(engine: str) -> Waiting:
    """Return where an engine's time to the first token goes."""
    found = document()["waiting"]
    return Waiting(**found.get(engine, found["all"]))


@cache
def shapes() -> dict[tuple[str, str], tuple[str, float, float]]:
    """Return of each measured model and precision its kind and where it lies.

    It spares a command the reading of every measured model's configuration.
    """
    found = {}
    for model, precisions in document()["shapes"].items():
        for precision, (kind, active, cache_per_weight) in precisions.items():
            found[model, precision] = (kind, active, cache_per_weight)
    return found


@cache
def spread() -> Spread:
    """Return how far the slowest request in twenty lies above the mean."""
    return Spread(**document()["spread"])


@cache
def bands() -> Mapping[str, Mapping[str, float]]:
    """Return situation -> engine and generation (or ``all``) -> factor of the band."""
    found: Mapping[str, Mapping[str, float]] = document()["bands"]
    return found


@cache
def points(engine: str, generation: str) -> tuple[Point, ...]:
    """Return the measured points of one generation; empty where there are none.

    Raises:
        DataError: The file is missing or not what the fit wrote.
    """
    path = pricing_data() / "throughput_points.csv"
    prefix = f"{engine},{generation},"
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        return tuple(_point(line) for line in lines if line.startswith(prefix))
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error


def _point(line: str) -> Point:
    _, _, regime, card, model, precision, *numbers, weight, first = line.split(",")
    tensor, pipeline, prompt, output, batch = (int(number) for number in numbers)
    return Point(
        *(regime, card, model, precision),
        *(tensor, pipeline, prompt, output, batch),
        float(weight or 0),
        float(first or 0),
    )


def _unreadable(path: Path, error: Exception) -> DataError:
    return DataError(
        f"cannot use {path}",
        why=f"{type(error).__name__}: {error}",
        advice="reinstall planner: pip install --force-reinstall gpu-planner",
    )
