"""Fit where the time to the first token goes. For maintainers: needs NumPy and SciPy.

The shares of ``latency.alone`` are fitted for each engine, by robust least squares on log ratios,
to the closed-loop runs that state a first token. What they leave is a residual like that of the
speed, and is corrected in the same way.
"""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import least_squares

from planner.serving.speed import latency, shipped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.serving.speed.calibration import Array, Design
    from planner.serving.speed.cases import Case

STRETCH = 3.0
"""First tokens scatter so many times as much as speeds do."""

_SHARES = [field.name for field in dataclasses.fields(shipped.Waiting)]
_EXPECTED = np.log([1.0, 5.0, 0.06, 0.05, 0.005])
_SPREAD = 1.5
_SCATTER = 0.25
_FEWEST = 30
_P99, _P95 = 2.326, 1.645  # standard deviations of a normal distribution
_PERCENTILES = re.compile(
    r"median TTFT [\d.]+ ms, p99 TTFT ([\d.]+) ms, median TPOT [\d.]+ ms, p99 TPOT ([\d.]+) ms"
)


def stated(cases: Sequence[Case]) -> Array:
    """Return the log of the first token's seconds of each case; not a number where not stated.

    Runs whose requests wait for room tell about the wait, not about the prompt: left out.
    """
    return np.array(
        [
            np.log(case.measurement.ttft_ms / 1e3)
            if case.measurement.ttft_ms
            and case.setting.regime == "serving"
            and case.batch >= case.concurrency
            else np.nan
            for case in cases
        ]
    )


def parts(design: Design, values: Array, shift: Array) -> tuple[Array, Array]:
    """Return the seconds of one prompt and of one step of each case, at its measured speed.

    Args:
        design: The cases.
        values: The effects.
        shift: Log of measured speed over the roofline's.
    """
    found: Any = latency.parts(design.work, design.rates(values), design.batch)  # type: ignore[arg-type]
    prompt, step = found
    return prompt * np.exp(-shift), step * np.exp(-shift)


def fit(
    cases: Sequence[Case], design: Design, seconds: tuple[Array, Array]
) -> dict[str, shipped.Waiting]:
    """Return where first tokens go, by engine, and of all engines together."""
    measured = stated(cases)
    known = ~np.isnan(measured)
    engines = np.array([case.setting.engine for case in cases])
    found = {"all": _fit(design, seconds, measured, known)}
    for engine in sorted(set(engines[known])):
        here = known & (engines == engine)
        if here.sum() >= _FEWEST:
            found[engine] = _fit(design, seconds, measured, here)
    return found


def expected(
    cases: Sequence[Case],
    seconds: tuple[Array, Array],
    waiting: dict[str, shipped.Waiting],
) -> Array:
    """Return the log of the first token's seconds of each case, before its correction."""
    result = np.zeros(len(cases))
    for place, case in enumerate(cases):
        share = waiting.get(case.setting.engine, waiting["all"])
        here = (float(seconds[0][place]), float(seconds[1][place]))
        first = latency.alone(here, share, case.batch, case.workload.output_tokens)
        result[place] = np.log(first)
    return result


def spread(cases: Sequence[Case]) -> shipped.Spread:
    """Return how far the slowest request in twenty lies above the mean.

    Sources state the slowest in a hundred; both times are taken as log-normal above the mean.
    """
    loads, firsts, eaches = [], [], []
    for case in cases:
        found = _PERCENTILES.search(case.measurement.notes)
        row = case.measurement
        if found and row.ttft_ms and row.tpot_ms and case.concurrency > 1:
            loads.append(np.log(case.concurrency))
            firsts.append(_P95 / _P99 * np.log(float(found[1]) / row.ttft_ms))
            eaches.append(_P95 / _P99 * np.log(float(found[2]) / row.tpot_ms))
    power = float(np.median(np.array(firsts) / np.array(loads)))
    return shipped.Spread(
        power=round(max(0.0, power), 3),
        most=round(float(np.exp(np.quantile(firsts, 0.9))), 2),
        each=round(float(np.exp(np.median(eaches))), 3),
    )


def _fit(
    design: Design, seconds: tuple[Array, Array], measured: Array, here: Array
) -> shipped.Waiting:
    prompt, step = seconds[0][here], seconds[1][here]
    batch: Any = design.batch[here]
    output: Any = np.asarray(design.work.output_tokens)[here]

    def errors(logs: Array) -> Array:
        share = shipped.Waiting(*np.exp(logs))
        first = latency.alone((prompt, step), share, batch, output)
        apart = (np.log(first) - measured[here]) / _SCATTER
        return np.concatenate([apart, (logs - _EXPECTED) / _SPREAD])

    found = least_squares(errors, _EXPECTED, loss="soft_l1")
    return shipped.Waiting(*(float(f"{value:.4g}") for value in np.exp(found.x)))
