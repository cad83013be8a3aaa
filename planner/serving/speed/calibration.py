"""Fit the rates of the throughput model to the measurements. For maintainers: NumPy and SciPy.

All measurements are fitted at once. The logarithm of each rate is a sum of effects (``effects``),
each with a prior around zero whose width says how much engines, generations, cards, ... may
differ: partial pooling. The most probable effects are found by Gauss-Newton steps under Student's
distribution of the errors, so that a run that scatters much counts little. What the rates leave is
the business of ``pulls``. Deterministic.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import linalg, sparse

from planner.serving.speed import effects, roofline

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from planner.serving.speed.cases import Case

    Array = npt.NDArray[np.float64]
    Mask = npt.NDArray[np.bool_]

# Where the mean of each rate is expected, and how far from there it may lie, in logs.
_EXPECTED = np.log([0.5, 0.5, 0.75, 0.7, 0.5, 15e-6, 15e-6, 8e-6])
_MEAN_SPREAD = np.array([0.5, 0.5, 0.3, 0.4, 0.8, 1.0, 1.0, 1.0])
# How much the effects of a level differ, times how much a rate differs.
_LEVEL_SPREAD = {
    "engine": 0.3,
    "generation": 0.25,
    "kernel": 0.2,
    "vendor": 0.3,
    "architecture": 0.2,
    "architecture_kernel": 0.15,
    "card": 0.12,
    "generation_architecture": 0.15,
    "kind": 0.25,
    "generation_kind": 0.25,
    "regime": 0.2,
}
_RATE_SPREAD = np.array([1.0, 1.0, 0.7, 1.0, 1.5, 1.5, 2.0, 1.5])
_SCATTER = 0.12
_FREEDOM = 4.0  # of Student's distribution
_CROWD = 6  # points of one set-up that count in full; more count by the root of their number
_MOST_STEPS, _SHORTEST_STEP, _ENOUGH = 25, 0.01, 2.0

_RATES = effects.RATES


@dataclass
class Design:
    """Some cases, ready to be fitted: which effect moves which rate of which case."""

    cases: Sequence[Case]
    names: list[tuple[str, str, str]]  # level, key, rate
    spread: Array
    moves: list[sparse.csr_array]  # one for each rate: cases x effects
    work: roofline.Work
    batch: Array
    speed: Array
    weight: Array

    @classmethod
    def of(cls, cases: Sequence[Case]) -> Design:
        """Return the design of some cases."""
        names, spread, moves = _effects_of(cases)
        crowd = Counter((case.generation, case.workload.nominal()) for case in cases)
        counts = [crowd[case.generation, case.workload.nominal()] for case in cases]
        return cls(
            cases=cases,
            names=names,
            spread=spread,
            moves=moves,
            work=_stack(cases),
            batch=np.array([case.batch for case in cases], dtype=float),
            speed=np.array([case.speed for case in cases]),
            weight=np.minimum(1.0, np.sqrt(_CROWD / np.array(counts))),
        )

    def log_rates(self, values: Array) -> Array:
        """Return the log of each rate of each case."""
        return np.stack(
            [expected + move @ values for expected, move in zip(_EXPECTED, self.moves, strict=True)]
        )

    def rates(self, values: Array) -> Any:  # noqa: ANN401 - Rates whose fields are arrays
        """Return the rates of each case."""
        return roofline.Rates(*np.exp(self.log_rates(values)))

    def expected(self, values: Array) -> Array:
        """Return the log speed of each case."""
        speed: Array = np.log(
            roofline.tokens_per_second(self.work, self.rates(values), self.batch)  # type: ignore[arg-type]
        )
        return speed

    def residuals(self, values: Array) -> Array:
        """Return how far measured lies above expected, in logs."""
        apart: Array = self.speed - self.expected(values)
        return apart

    def table(self, values: Array) -> dict[tuple[str, str], dict[str, float]]:
        """Return the effects by level and key."""
        found: dict[tuple[str, str], dict[str, float]] = {}
        for (level, key, rate), value in zip(self.names, values, strict=True):
            found.setdefault((level, key), {})[rate] = float(value)
        for rate, expected in zip(_RATES, _EXPECTED, strict=True):
            found["mean", "all"][rate] += float(expected)
        return found


def fit(design: Design, start: Array | None = None, leave: Mask | None = None) -> Array:
    """Return the most probable effects.

    Args:
        design: The cases.
        start: Where to begin; near the solution it takes few steps.
        leave: True for cases that the fit must not see.
    """
    values = np.zeros(len(design.names)) if start is None else start.copy()
    weight = design.weight if leave is None else np.where(leave, 0.0, design.weight)
    loss = _loss(design, values, weight)
    for _ in range(_MOST_STEPS):
        step, share = _step(design, values, weight), 1.0
        while (new := _loss(design, values + share * step, weight)) > loss:
            share /= 2
            if share < _SHORTEST_STEP:
                return values
        values = values + share * step
        if loss - new < _ENOUGH:
            return values
        loss = new
    return values


def from_table(
    cases: Sequence[Case], table: Mapping[tuple[str, str], Mapping[str, float]]
) -> Array:
    """Return the values of a design of these cases from a table of effects; unknown ones are 0."""
    names, _, _ = _effects_of(cases)
    values = np.array([table.get((level, key), {}).get(rate, 0.0) for level, key, rate in names])
    for index, (level, _, rate) in enumerate(names):
        if level == "mean":
            values[index] -= _EXPECTED[_RATES.index(rate)]
    return values


def _loss(design: Design, values: Array, weight: Array) -> float:
    apart = design.residuals(values) / _SCATTER
    data = 0.5 * (_FREEDOM + 1) * float(weight @ np.log1p(apart**2 / _FREEDOM))
    return data + 0.5 * float(((values / design.spread) ** 2).sum())


def _step(design: Design, values: Array, weight: Array) -> Array:
    apart = design.residuals(values)
    trust = weight * (_FREEDOM + 1) / (_FREEDOM + (apart / _SCATTER) ** 2) / _SCATTER**2
    slopes = _slopes(design, values)
    by_effect = sum(
        (
            sparse.diags_array(slope) @ move
            for slope, move in zip(slopes, design.moves, strict=True)
        ),
        sparse.csr_array((len(apart), len(values))),
    )
    curvature = (by_effect.T @ sparse.diags_array(trust) @ by_effect).toarray()
    curvature[np.diag_indices(len(values))] += 1 / design.spread**2
    downhill = by_effect.T @ (trust * apart) - values / design.spread**2
    step: Array = linalg.solve(curvature, downhill, assume_a="pos", check_finite=False)
    return step


def _slopes(design: Design, values: Array) -> list[Array]:
    """Return by how much the log speed grows with the log of each rate, numerically."""
    logs, small = design.log_rates(values), 1e-4
    slopes = []
    for index in range(len(_RATES)):
        sides = []
        for sign in (small, -small):
            moved = logs.copy()
            moved[index] += sign
            rates: Any = roofline.Rates(*np.exp(moved))
            speed: Any = roofline.tokens_per_second(design.work, rates, design.batch)  # type: ignore[arg-type]
            sides.append(np.log(speed))
        slopes.append((sides[0] - sides[1]) / (2 * small))
    return slopes


def _effects_of(
    cases: Sequence[Case],
) -> tuple[list[tuple[str, str, str]], Array, list[sparse.csr_array]]:
    index: dict[tuple[str, str, str], int] = {}
    entries: list[tuple[list[int], list[int]]] = [([], []) for _ in _RATES]
    for row, case in enumerate(cases):
        for level, key in effects.levels(case.setting, case.workload.accelerator):
            for rate in effects.REACH[level]:
                column = index.setdefault((level, key, rate), len(index))
                rows, columns = entries[_RATES.index(rate)]
                rows.append(row)
                columns.append(column)
    shape = (len(cases), len(index))
    moves = [
        sparse.csr_array((np.ones(len(rows)), (rows, columns)), shape=shape)
        for rows, columns in entries
    ]
    return list(index), np.array([_spread(*name) for name in index]), moves


def _spread(level: str, _key: str, rate: str) -> float:
    which = _RATES.index(rate)
    if level == "mean":
        return float(_MEAN_SPREAD[which])
    return float(_LEVEL_SPREAD[level] * _RATE_SPREAD[which])


def _stack(cases: Sequence[Case]) -> Any:  # noqa: ANN401 - a Work whose fields are arrays
    fields = [field.name for field in dataclasses.fields(roofline.Work)]
    columns: dict[str, Any] = {
        name: np.array([getattr(case.work, name) for case in cases], dtype=float) for name in fields
    }
    return roofline.Work(**columns)
