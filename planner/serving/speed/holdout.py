"""How wrong the throughput model is on measurements it was not fitted to. For maintainers.

Each way of leaving data out answers one question a user's set-up raises; what it finds becomes
the error band of that situation. The kernel's ten numbers come from all residuals; the rates and
the weights are fitted anew without the data left out.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner.serving.speed import calibration

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

    from planner.serving.speed.calibration import Case
    from planner.serving.speed.residuals import Kernel

FOLDS = 5
COVERED = 0.9  # the share of held-out points that a band covers
_NORMAL_COVERED = 1.645  # standard deviations on either side that cover as much
_FEWEST_FOR_A_BAND = 30
UNVALIDATED = 2.0  # set, not fitted: nothing was measured that could tell


@dataclass(frozen=True, slots=True)
class Miss:
    """One held-out case and the log of measured over predicted."""

    case: Case
    log_error: float


@dataclass(frozen=True, slots=True)
class Errors:
    """Errors of predicted over measured, of some held-out points; shares, not percent."""

    points: int
    mean: float
    median: float
    factor: float  # covers ``COVERED`` of the points

    @classmethod
    def of(cls, misses: Sequence[Miss]) -> Errors:
        """Summarise some misses."""
        logs = np.array([miss.log_error for miss in misses])
        shares = np.abs(np.exp(-logs) - 1)
        return cls(
            points=len(misses),
            mean=round(float(shares.mean()), 4),
            median=round(float(np.median(shares)), 4),
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
    "accelerator": lambda case: case.accelerator,
}


def leave_out(
    families: Mapping[str, Sequence[Case]],
    kernel: Kernel,
    key: Callable[[Case], Hashable],
) -> list[Miss]:
    """Predict each part of each family from the family's other parts.

    A family with one part only has nothing to be predicted from and is passed over.
    """
    misses: list[Miss] = []
    for items in families.values():
        parts: defaultdict[Hashable, list[Case]] = defaultdict(list)
        for item in items:
            parts[key(item)].append(item)
        if len(parts) == 1:
            continue
        for name, part in parts.items():
            rest = [item for item in items if key(item) != name]
            fit = calibration.fit_family(rest, kernel)
            misses += _misses(part, calibration.predict(fit, part, kernel))
    return misses


def leave_vendor_out(families: Mapping[str, Sequence[Case]]) -> list[Miss]:
    """Predict each family from the same engine's on another vendor: the plain pooled roofline."""
    misses: list[Miss] = []
    for name, items in families.items():
        engine_and_regime, _, vendor = name.rpartition("/")
        for other, others in families.items():
            if other.startswith(engine_and_regime + "/") and not other.endswith("/" + vendor):
                pooled, _ = calibration.fit_rates(others)
                misses += _misses(items, calibration.base(items, pooled, {}))
    return misses


def bands(found: Mapping[str, Sequence[Miss]], kernel: Kernel) -> dict[str, dict[str, float]]:
    """Return the factor of each situation, over all families and for each with enough points.

    Situations, from easy to hard: ``measured`` (this very load: the scatter of single points that
    the fit found), ``interpolated`` (between the loads measured on this set-up), ``seen_model``
    (model and accelerator measured, other parallel size or load), ``new_model`` (accelerator
    measured), ``new_accelerator`` (its like measured); besides, ``unvalidated`` (nothing
    comparable measured) and ``other_vendor``. No band is narrower than an easier situation's.
    """
    measured = {"all": round(float(np.exp(_NORMAL_COVERED * kernel.noise)), 3)}
    result = {
        "measured": measured,
        "interpolated": _factors(found["random"]),
        "seen_model": _factors(found["set-up"]),
        "new_model": _factors(found["shape"]),
        "new_accelerator": _at_least_the_vendors(found["accelerator"]),
    }
    easier = measured
    for factors in result.values():
        for name, factor in factors.items():
            factors[name] = max(factor, easier.get(name, measured["all"]))
        easier = factors
    other = Errors.of(found["vendor"]).factor
    result["unvalidated"] = {"all": UNVALIDATED}
    result["other_vendor"] = {"all": max(UNVALIDATED, other)}
    return result


def _at_least_the_vendors(misses: Sequence[Miss]) -> dict[str, float]:
    """Return the factors of families, none below that of all families of the same vendor.

    One engine's left-out cards are few and alike; the next card may not be.
    """
    factors = _factors(misses)
    for name in factors:
        vendor = name.rpartition("/")[2]
        alike = [miss for miss in misses if miss.case.family.endswith("/" + vendor)]
        if alike:
            factors[name] = max(factors[name], Errors.of(alike).factor)
    return factors


def table(misses: Sequence[Miss]) -> dict[str, Errors]:
    """Return the errors over all points, then by family and accelerator; empty for no points."""
    rows = {"all": Errors.of(misses)} if misses else {}
    groups: defaultdict[str, list[Miss]] = defaultdict(list)
    for miss in misses:
        groups[f"{miss.case.family} {miss.case.accelerator}"].append(miss)
    return rows | {name: Errors.of(group) for name, group in sorted(groups.items())}


def _factors(misses: Sequence[Miss]) -> dict[str, float]:
    factors = {"all": Errors.of(misses).factor}
    groups: defaultdict[str, list[Miss]] = defaultdict(list)
    for miss in misses:
        groups[miss.case.family].append(miss)
    for name, group in sorted(groups.items()):
        if len(group) >= _FEWEST_FOR_A_BAND:
            factors[name] = Errors.of(group).factor
    return factors


def _misses(items: Sequence[Case], predicted: Iterable[float]) -> list[Miss]:
    return [
        Miss(case, float(np.log(case.tokens_per_second) - expected))
        for case, expected in zip(items, predicted, strict=True)
    ]
