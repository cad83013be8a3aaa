"""What the fit ships: families of measurements, their rates, corrections and error bands.

``pricing_data/throughput.json`` holds the parameters, bands and hold-out errors;
``pricing_data/throughput_points.csv`` holds the measured points of each family, with the weight
of each in the correction. Both are written by ``python pricing_data/fit_throughput.py``.

A family is one engine of one generation of software, run in one way, on one vendor's
accelerators. Its prediction is the roofline at its rates, times the exponential of a correction:
a Gaussian process over the log residuals of its points, so that a prediction near measured
points leans on them and one far from all of them is the plain roofline.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from planner.bundled import pricing_data
from planner.errors import DataError
from planner.serving import memory, models
from planner.serving.speed.measurements import nominal_precision
from planner.serving.speed.roofline import Rates

if TYPE_CHECKING:
    from collections.abc import Mapping

    from planner.serving.models import Model
    from planner.serving.speed.workload import Workload

Features = tuple[float, float, float, float, float, float]
SCALES = (
    "input_tokens",
    "output_tokens",
    "concurrency",
    "accelerators",
    "active_bytes",
    "cache_per_active",
)


# Of a token. State-space models keep none, and a logarithm needs some.
_LEAST_CACHE_BYTES = 1024.0


@dataclass(frozen=True, slots=True)
class Kernel:
    """How far a residual reaches.

    Args:
        scales: Length of each feature, in natural log units, in the order of ``SCALES``.
        family: Size of what all accelerators of a family share.
        accelerator: Size of what one accelerator's points share.
        model: Size of what one accelerator's points of one model share.
        noise: Scatter of single points.
    """

    scales: tuple[float, ...]
    family: float
    accelerator: float
    model: float
    noise: float


@dataclass(frozen=True, slots=True)
class Point:
    """One measured point of a family; ``weight`` is its share in the correction."""

    accelerator: str
    model: str
    precision: str
    tensor_parallel: int
    pipeline_parallel: int
    input_tokens: int
    output_tokens: int
    concurrency: int
    weight: float

    def nominal(self) -> tuple[str, str, str, int, int]:
        """Return what names the set-up, as ``Workload.nominal`` does."""
        return (
            self.model,
            self.accelerator,
            self.precision,
            self.tensor_parallel,
            self.pipeline_parallel,
        )


@dataclass(frozen=True, slots=True)
class Family:
    """One engine generation, run in one way, on one vendor's accelerators.

    Args:
        name: ``vllm/serving/NVIDIA``.
        engine: The engine.
        regime: ``serving``, ``static-batch``, ``max-load`` or ``virtual-users``.
        vendor: Of the accelerators.
        software: What ran, for people.
        year: Of the software: the newer family is preferred.
        source: Where the measurements were published.
        pooled: Rates for an accelerator without measurements.
        rates: Rates by accelerator name.
    """

    name: str
    engine: str
    regime: str
    vendor: str
    software: str
    year: int
    source: str
    pooled: Rates
    rates: Mapping[str, Rates]


@dataclass(frozen=True, slots=True)
class Calibration:
    """The shipped fit.

    ``bands`` is situation -> family name (or ``all``) -> factor: the value is between
    ``value / factor`` and ``value * factor`` for nine of ten held-out measurements.
    ``first_token_exponent`` is the power of the batch that the time to the first token grows with
    where requests come and go; see ``throughput``.
    """

    families: tuple[Family, ...]
    kernel: Kernel
    bands: Mapping[str, Mapping[str, float]]
    first_token_exponent: float


@cache
def calibration() -> Calibration:
    """Return the shipped fit.

    Raises:
        DataError: The file is missing or not what the fit wrote.
    """
    path = pricing_data() / "throughput.json"
    try:
        return parse(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _unreadable(path, error) from error


def parse(document: Mapping[str, Any]) -> Calibration:
    """Return the fit from its JSON document."""
    kernel = document["kernel"]
    return Calibration(
        families=tuple(
            Family(
                name=name,
                engine=item["engine"],
                regime=item["regime"],
                vendor=item["vendor"],
                software=item["software"],
                year=item["year"],
                source=item["source"],
                pooled=Rates(**item["pooled"]),
                rates={gpu: Rates(**rates) for gpu, rates in item["rates"].items()},
            )
            for name, item in document["families"].items()
        ),
        kernel=Kernel(
            scales=tuple(kernel["scales"][name] for name in SCALES),
            **{name: kernel[name] for name in ("family", "accelerator", "model", "noise")},
        ),
        bands=document["bands"],
        first_token_exponent=document["first_token_exponent"],
    )


@cache
def points(family: str) -> tuple[Point, ...]:
    """Return the measured points of a family.

    Raises:
        DataError: The file is missing or not what the fit wrote.
    """
    path = pricing_data() / "throughput_points.csv"
    prefix = family + ","
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        return tuple(_point(line) for line in lines if line.startswith(prefix))
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error


def features(workload: Workload, concurrency: int) -> Features:
    """Return where a set-up lies, in log units, in the order of ``SCALES``."""
    return (
        math.log(workload.input_tokens),
        math.log(workload.output_tokens),
        math.log(concurrency),
        math.log(workload.accelerators),
        *_shape(workload.model, nominal_precision(workload.precision)),
    )


def correction(family: Family, kernel: Kernel, workload: Workload, concurrency: int) -> float:
    """Return the log of the factor that the family's points ask for at this set-up."""
    here = [x / s for x, s in zip(features(workload, concurrency), kernel.scales, strict=True)]
    q0, q1, q2, q3, q4, q5 = here
    same_model = kernel.model**2
    same_accelerator = kernel.accelerator**2
    family_wide = kernel.family**2
    name, model = workload.accelerator.name, workload.model.name
    exp = math.exp
    total = 0.0
    for point, (p0, p1, p2, p3, p4, p5) in _located(family.name, kernel):
        near = exp(-0.5 * ((p0 - q0) ** 2 + (p1 - q1) ** 2 + (p2 - q2) ** 2 + (p3 - q3) ** 2))
        alike = exp(-0.5 * ((p4 - q4) ** 2 + (p5 - q5) ** 2))
        size = family_wide * alike
        if point.accelerator == name:
            size += same_accelerator * alike
            if point.model == model:
                size += same_model
        total += point.weight * near * size
    return total


@cache
def _located(family: str, kernel: Kernel) -> tuple[tuple[Point, tuple[float, ...]], ...]:
    """Return each point with its features in units of the kernel's scales."""
    return tuple(
        (
            point,
            tuple(x / s for x, s in zip(_point_features(point), kernel.scales, strict=True)),
        )
        for point in points(family)
    )


def _point_features(point: Point) -> Features:
    return (
        math.log(point.input_tokens),
        math.log(point.output_tokens),
        math.log(point.concurrency),
        math.log(point.tensor_parallel * point.pipeline_parallel),
        *_shape(models.get(point.model), point.precision),
    )


@cache
def _shape(model: Model, precision: str) -> tuple[float, float]:
    share = model.active_params_b / model.params_b
    active_bytes = memory.weight_bytes(model, precision) * share
    cache_bytes = max(memory.kv_bytes_per_token(model), _LEAST_CACHE_BYTES)
    return math.log(active_bytes), math.log(cache_bytes / (model.active_params_b * 1e9))


def _point(line: str) -> Point:
    _, gpu, model, precision, tp, pp, isl, osl, concurrency, weight = line.split(",")
    return Point(
        accelerator=gpu,
        model=model,
        precision=precision,
        tensor_parallel=int(tp),
        pipeline_parallel=int(pp),
        input_tokens=int(isl),
        output_tokens=int(osl),
        concurrency=int(concurrency),
        weight=float(weight),
    )


def _unreadable(path: object, error: Exception) -> DataError:
    return DataError(
        f"cannot use {path}",
        why=f"{type(error).__name__}: {error}",
        advice="reinstall planner: pip install --force-reinstall gpu-planner",
    )
