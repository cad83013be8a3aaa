"""How wrong the model is on measurements it was not fitted to. For maintainers.

Each way of leaving data out answers one question a user's set-up raises; what it finds becomes
the error band of that situation. Where a card is left out, the rates are fitted anew without it;
where a set-up or a model is, only the corrections are, since no rate knows a model by name.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner.serving.speed import calibration, pulls

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence

    from planner.serving.speed.calibration import Array, Design, Mask
    from planner.serving.speed.cases import Case
    from planner.serving.speed.shipped import Kernel

FOLDS = 5
COVERED = 0.92  # the share of held-out points that a band covers
_FEWEST_FOR_A_BAND = 30
UNVALIDATED = 2.0  # set, not fitted: nothing was measured that could tell


@dataclass(frozen=True, slots=True)
class Errors:
    """Errors of predicted over measured, of some held-out points; shares, not percent."""

    points: int
    mean: float
    median: float
    bias: float  # the median of the signed errors
    factor: float  # covers ``COVERED`` of the points

    @classmethod
    def of(cls, logs: Array) -> Errors:
        """Summarise some logs of measured over predicted."""
        shares = np.exp(-logs) - 1
        return cls(
            points=len(logs),
            mean=round(float(np.abs(shares).mean()), 4),
            median=round(float(np.median(np.abs(shares))), 4),
            bias=round(float(np.median(shares)), 4),
            factor=round(float(np.exp(np.quantile(np.abs(logs), COVERED))), 3),
        )


def _fold(case: Case) -> Hashable:
    text = f"{case.workload.nominal()} {case.concurrency} {case.measurement.source}"
    text += f" {case.workload.input_tokens} {case.workload.output_tokens}"
    return hashlib.sha256(text.encode()).digest()[0] % FOLDS


def _shape(case: Case) -> Hashable:
    model = case.workload.model
    return (model.layers, model.hidden, model.intermediate, model.kv_heads)


# Name -> what one part of the data shares; parts are left out one at a time.
SPLITS: dict[str, Callable[[Case], Hashable]] = {
    "random": _fold,
    "set-up": lambda case: case.workload.nominal(),
    "model": lambda case: case.model,
    "shape": _shape,
}


def leave_cards_out(design: Design, values: Array, kernel: Kernel) -> Array:
    """Return log measured over predicted of each case, from a fit without its card."""
    return _leave_out(design, values, kernel, lambda case: case.accelerator)


def leave_vendors_out(design: Design, values: Array, kernel: Kernel) -> Array:
    """Return the same from a fit without its vendor's cards."""
    return _leave_out(design, values, kernel, lambda case: case.workload.accelerator.vendor)


def _leave_out(
    design: Design, values: Array, kernel: Kernel, key: Callable[[Case], Hashable]
) -> Array:
    left = np.zeros(len(design.cases))
    names = [key(case) for case in design.cases]
    for name in sorted(set(names), key=str):
        out = np.array([other == name for other in names])
        residuals = design.residuals(calibration.fit(design, values, leave=out))
        left[out] = residuals[out] - _pulled(design.cases, residuals, kernel, out)
    return left


def _pulled(cases: Sequence[Case], residuals: Array, kernel: Kernel, out: Mask) -> Array:
    """Return what the points that stay say about those left out."""
    pulled: Array = np.zeros(len(cases))
    for places in pulls.blocks(cases).values():
        stay = [place for place in places if not out[place]]
        leave = [place for place in places if out[place]]
        if stay and leave:
            seen, unseen = [cases[p] for p in stay], [cases[p] for p in leave]
            weights = pulls.weights(seen, residuals[stay], kernel)
            pulled[leave] = pulls.covariance(unseen, seen, kernel) @ weights
    return np.asarray(pulled[out], dtype=float)


def table(cases: Sequence[Case], logs: Array) -> dict[str, dict[str, Errors]]:
    """Return the errors of all points, by generation, and by generation and card."""
    keys: dict[str, Callable[[Case], str]] = {
        "all": lambda _: "all",
        "generation": lambda case: " ".join(case.generation),
        "card": lambda case: f"{' '.join(case.generation)}, {case.accelerator}",
    }
    return {name: _grouped(cases, logs, key) for name, key in keys.items()}


def bands(
    cases: Sequence[Case], found: Mapping[str, Array], scatter: float
) -> dict[str, dict[str, float]]:
    """Return the factor of each situation, over all points and for each generation with enough.

    Situations, from easy to hard: ``measured`` (this very load: the scatter of single points),
    ``interpolated`` (between the loads measured on this set-up), ``seen_model`` (model and card
    measured, other parallel size or load), ``new_model`` (card and precision measured),
    ``new_card`` (the like of it measured with this generation, or it with another); besides,
    ``unvalidated`` (nothing comparable measured) and ``other_vendor``. No band is narrower than
    an easier situation's.
    """
    measured = {"all": round(scatter, 3)}
    result = {
        "measured": measured,
        "interpolated": _factors(cases, found["random"]),
        "seen_model": _factors(cases, found["set-up"]),
        "new_model": _factors(cases, found["shape"]),
        "new_card": _factors(cases, found["card"]),
    }
    easier = measured
    for factors in result.values():
        for name, factor in factors.items():
            factors[name] = max(factor, easier.get(name, measured["all"]))
        easier = factors
    result["unvalidated"] = {"all": UNVALIDATED}
    result["other_vendor"] = {"all": max(UNVALIDATED, Errors.of(found["vendor"]).factor)}
    return result


def _factors(cases: Sequence[Case], logs: Array) -> dict[str, float]:
    grouped = _grouped(cases, logs, lambda case: " ".join(case.generation))
    enough = {k: e.factor for k, e in grouped.items() if e.points >= _FEWEST_FOR_A_BAND}
    return {"all": Errors.of(logs).factor} | enough


def _grouped(cases: Sequence[Case], logs: Array, key: Callable[[Case], str]) -> dict[str, Errors]:
    groups: defaultdict[str, list[float]] = defaultdict(list)
    for case, log in zip(cases, logs, strict=True):
        groups[key(case)].append(float(log))
    return {name: Errors.of(np.array(group)) for name, group in sorted(groups.items())}
