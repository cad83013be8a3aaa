"""The whole fit: rates, corrections of speeds, first tokens. For maintainers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner.serving.speed import calibration, cases, first_token, measurements, mlperf, pulls
from planner.serving.speed.shipped import Kernel, Waiting

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Sequence

    from planner.serving.speed.calibration import Array
    from planner.serving.speed.cases import Case

# Chosen once by the set-ups left out of the fit, over all generations together; the lengths are
# those of the former fit by marginal likelihood.
KERNEL = Kernel(
    scales=(1.87, 1.46, 1.19, 1.0, 0.65, 3.5),
    kind=0.1,
    card=0.12,
    model=0.06,
    model_on_card=0.06,
    level=0.05,
    level_on_card=0.05,
    setup=0.02,
    other_regime=0.4,
    other_precision=0.5,
    noise=0.06,
)


@dataclass(frozen=True, slots=True)
class Fitted:
    """What the fit found.

    Attributes:
        cases: Every case that was fitted: runs, then MLPerf's submissions.
        unused: Why the other measurements were not, counted.
        design: The cases as the rates see them.
        values: The effects.
        residuals: Log of measured speed over the rates'.
        weights: Of each case in the correction of speeds.
        waiting: Where first tokens go, by engine.
        timed: Places of the cases that state a first token.
        firsts: Log of measured first token over expected, of those.
        first_weights: Of each case in the correction of first tokens.
    """

    cases: list[Case]
    unused: Counter[str]
    design: calibration.Design
    values: Array
    residuals: Array
    weights: Array
    waiting: dict[str, Waiting]
    timed: Array
    firsts: Array
    first_weights: Array

    def of_times(self) -> list[Case]:
        """Return the cases that state a first token."""
        return [self.cases[int(place)] for place in self.timed]


def fit() -> Fitted:
    """Fit everything to the bundled measurements."""
    rows = measurements.all_measurements()
    runs, unused = cases.cases(rows)
    submissions = _submissions(runs)
    unused["MLPerf"] -= len(submissions)
    fitted = [*runs, *submissions]
    design = calibration.Design.of(fitted)
    values = calibration.fit(design)
    residuals = design.residuals(values)

    # First tokens are fitted at the measured speed: their errors are their own.
    seconds = first_token.parts(design, values, residuals)
    waiting = first_token.fit(fitted, design, seconds)
    firsts = first_token.stated(fitted) - first_token.expected(fitted, seconds, waiting)
    timed = np.flatnonzero(~np.isnan(firsts))
    first_weights = np.zeros(len(fitted))
    first_weights[timed] = pulls.weights(
        [fitted[place] for place in timed], firsts[timed], KERNEL, first_token.STRETCH
    )
    return Fitted(
        cases=fitted,
        unused=unused,
        design=design,
        values=values,
        residuals=residuals,
        weights=pulls.weights(fitted, residuals, KERNEL),
        waiting=waiting,
        timed=timed.astype(np.float64),
        firsts=firsts[timed],
        first_weights=first_weights,
    )


def _submissions(runs: Sequence[Case]) -> list[Case]:
    """Return MLPerf's submissions, each under the split that the runs alone expect most of."""
    alone = calibration.Design.of(runs)
    table = alone.table(calibration.fit(alone))
    rows = mlperf.offline(measurements.all_measurements())
    splits = [found for row in rows if (found := mlperf.candidates(row))]
    flat = [case for found in splits for case in found]
    design = calibration.Design.of(flat)
    # The speed of a case is that of one copy: what is expected over it compares machines.
    expected = design.expected(calibration.from_table(flat, table)) - design.speed
    best, start = [], 0
    for found in splits:
        ratios = expected[start : start + len(found)]
        best.append(found[int(np.argmax(ratios))])
        start += len(found)
    return best
