"""How wrong the fit is on what was left out, sorted by what users ask. For maintainers."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner.serving.speed import first_token, holdout, pulls
from planner.serving.speed.fitting import KERNEL

if TYPE_CHECKING:
    from collections.abc import Callable

    from planner.serving.speed.calibration import Array, Mask
    from planner.serving.speed.cases import Case
    from planner.serving.speed.fitting import Fitted
    from planner.serving.speed.holdout import Errors

_PREFILL_HEAVY = 8  # prompt over output from here on
_STEADY, _BURST, _SUBMISSION = "steady", "burst", "submission"


@dataclass(frozen=True, slots=True)
class Judged:
    """What leaving out found.

    Attributes:
        tables: What was left out -> ``all``, ``generation``, ``card`` -> errors.
        bands: Situation -> generation -> factor.
        within_twice: Share of first tokens within a factor of two, their set-ups left out.
    """

    tables: dict[str, dict[str, dict[str, Errors]]]
    bands: dict[str, dict[str, float]]
    within_twice: float


def judge(fitted: Fitted) -> Judged:
    """Leave out set-ups, models, cards, and tell how wrong the rest is about them."""
    known, residuals = fitted.cases, fitted.residuals
    found = {
        name: pulls.leave_out(known, residuals, KERNEL, key) for name, key in holdout.SPLITS.items()
    }
    found["card"] = holdout.leave_cards_out(fitted.design, fitted.values, KERNEL)
    found["vendor"] = holdout.leave_vendors_out(fitted.design, fitted.values, KERNEL)
    sorts = np.array([_sort(case) for case in known])
    steady = sorts == _STEADY
    groups = {name: (name, steady) for name in holdout.SPLITS}
    groups["card"] = ("card", steady & _mask(known, _has_other_cards(known)))
    groups["prefill-heavy"] = ("set-up", steady & _mask(known, _is_prefill_heavy))
    groups["bursts"] = ("set-up", sorts == _BURST)
    groups["MLPerf"] = ("set-up", sorts == _SUBMISSION)
    tables = {
        name: holdout.table(_picked(known, which), found[split][which])
        for name, (split, which) in groups.items()
    }
    of_times, places = fitted.of_times(), fitted.timed.astype(int)
    first = pulls.leave_out(
        of_times, fitted.firsts, KERNEL, holdout.SPLITS["set-up"], first_token.STRETCH
    )
    tables["ttft"] = holdout.table(of_times, first)
    each = _each(of_times, found["set-up"][places], first)
    stated = ~np.isnan(each)
    tables["tpot"] = holdout.table(_picked(of_times, stated), each[stated])
    scatter = KERNEL.noise**2 * np.abs(fitted.weights[steady])
    return Judged(
        tables,
        holdout.bands(
            _picked(known, steady),
            {name: logs[steady] for name, logs in found.items()},
            float(np.exp(np.quantile(scatter, holdout.COVERED))),
        ),
        round(float(np.mean(np.abs(first) < np.log(2))), 3),
    )


def _sort(case: Case) -> str:
    """Return what a case tells about: a steady load, a burst, or a maker's submission."""
    if case.measurement.scenario == "mlperf":
        return _SUBMISSION
    return _BURST if case.setting.regime == _BURST else _STEADY


def _has_other_cards(known: list[Case]) -> Callable[[Case], bool]:
    """Return what tells whether a case's generation was measured on other cards too."""
    cards: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for case in known:
        cards[case.generation].add(case.accelerator)
    return lambda case: len(cards[case.generation]) > 1


def _is_prefill_heavy(case: Case) -> bool:
    load = case.workload
    return load.input_tokens >= _PREFILL_HEAVY * load.output_tokens


def _mask(known: list[Case], tells: Callable[[Case], bool]) -> Mask:
    return np.array([tells(case) for case in known], dtype=bool)


def _picked(known: list[Case], mask: Mask) -> list[Case]:
    return [case for case, picked in zip(known, mask, strict=True) if picked]


def _each(which: list[Case], speeds: Array, firsts: Array) -> Array:
    """Return log measured over predicted time between tokens, with speed and first token left out.

    What a request takes is given by the speed; its first token is taken off.
    """
    logs = np.full(len(which), np.nan)
    for place, case in enumerate(which):
        row, output = case.measurement, case.workload.output_tokens
        if not row.tpot_ms or not row.ttft_ms:
            continue
        running = case.batch * output / np.exp(case.speed - speeds[place])
        first = min(0.9 * running, row.ttft_ms / 1e3 / np.exp(firsts[place]))
        logs[place] = np.log(row.tpot_ms / 1e3 * max(1, output - 1) / (running - first))
    return logs
