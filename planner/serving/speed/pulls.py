"""Fit the corrections: the weights of measured points. For maintainers: NumPy and SciPy.

The residuals that the rates leave in one generation are a Gaussian process with the kernel that
``corrections`` sums; each generation is one block. Leaving a group of points out needs no new fit:
it follows from the inverse of the block's covariance.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np
from scipy import linalg

from planner.serving.speed import corrections

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from planner.serving.speed.calibration import Array
    from planner.serving.speed.cases import Case
    from planner.serving.speed.shipped import Kernel

_LARGEST = 0.6  # a residual beyond this teaches no more than this


def blocks(cases: Sequence[Case]) -> dict[tuple[str, str], list[int]]:
    """Return the places of the cases of each generation."""
    found: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for place, case in enumerate(cases):
        found[case.generation].append(place)
    return dict(sorted(found.items()))


def weights(cases: Sequence[Case], residuals: Array, kernel: Kernel, stretch: float = 1.0) -> Array:
    """Return the weight of each point.

    Args:
        cases: The points, of any generations.
        residuals: Measured over expected, in logs.
        kernel: How far they reach.
        stretch: Times the kernel's sizes are too small for these residuals.
    """
    result = np.zeros(len(cases))
    limit = _LARGEST * stretch
    for places in blocks(cases).values():
        here = [cases[place] for place in places]
        noisy = covariance(here, here, kernel) + kernel.noise**2 * np.eye(len(here))
        taught = np.clip(residuals[places], -limit, limit)
        result[places] = linalg.solve(noisy, taught, assume_a="pos", check_finite=False)
    return result


def leave_out(
    cases: Sequence[Case],
    residuals: Array,
    kernel: Kernel,
    group: Callable[[Case], Hashable],
    stretch: float = 1.0,
) -> Array:
    """Return the residuals of each point after the pulls of all points of other groups."""
    left = np.zeros(len(cases))
    limit = _LARGEST * stretch
    for places in blocks(cases).values():
        here = [cases[place] for place in places]
        noisy = covariance(here, here, kernel) + kernel.noise**2 * np.eye(len(here))
        inverse = linalg.inv(noisy, overwrite_a=True, check_finite=False)
        taught = np.clip(residuals[places], -limit, limit)
        scores = inverse @ taught
        groups: defaultdict[Hashable, list[int]] = defaultdict(list)
        for place, case in enumerate(here):
            groups[group(case)].append(place)
        for members in groups.values():
            own = inverse[np.ix_(members, members)]
            missed = linalg.solve(own, scores[members], assume_a="pos", check_finite=False)
            at = np.array(places)[members]
            left[at] = residuals[at] - (taught[members] - missed)
    return left


def covariance(left: Sequence[Case], right: Sequence[Case], kernel: Kernel) -> Array:
    """Return the covariance of residuals; the same function as ``corrections`` sums."""
    a, b = _places(left, kernel), _places(right, kernel)
    apart = (a[:, None, :] - b[None, :, :]) ** 2
    near = np.exp(-0.5 * apart[..., :4].sum(-1))
    alike = np.exp(-0.5 * apart[..., 4:].sum(-1))

    def same(key: Callable[[Case], Hashable]) -> Array:
        return _same([key(case) for case in left], [key(case) for case in right])

    kind, model = same(lambda case: case.setting.kind), same(lambda case: case.model)
    card, precision = same(lambda c: c.accelerator), same(lambda c: c.setting.precision)
    regime, setup = same(lambda c: c.setting.regime), same(lambda c: c.workload.nominal())
    strength = alike * kind * (kernel.kind**2 + card * kernel.card**2)
    strength += model * (kernel.model**2 + card * kernel.model_on_card**2)
    strength *= np.where(precision, 1.0, kernel.other_precision)
    strength *= np.where(regime, 1.0, kernel.other_regime)
    constant = model * precision * (kernel.level**2 + card * kernel.level_on_card**2)
    result: Array = near * strength + constant + setup * kernel.setup**2
    return result


def _places(cases: Sequence[Case], kernel: Kernel) -> Array:
    rows = [
        (
            np.log(case.workload.input_tokens),
            np.log(case.workload.output_tokens),
            corrections.grid(case.batch),
            np.log(case.workload.accelerators),
            *corrections.size(case.workload.model, case.setting.precision),
        )
        for case in cases
    ]
    places: Array = np.array(rows) / np.array(kernel.scales)
    return places


def _same(left: Sequence[Hashable], right: Sequence[Hashable]) -> Array:
    numbers: dict[Hashable, int] = {}
    a = np.array([numbers.setdefault(item, len(numbers)) for item in left])
    b = np.array([numbers.setdefault(item, len(numbers)) for item in right])
    equal: Array = (a[:, None] == b[None, :]).astype(float)
    return equal
