"""The physical order of cards: a better card is never slower, nor faster than its hardware.

Of two cards in one generation of software, at the same load, the one with the better figures
serves at least as fast, and at most as many times faster as the larger of their ratios of
bandwidth and arithmetic, with a tenth on top. Software of different age, and measurements that
scatter, break this; the functions here move figures as little as the order needs.
"""

from __future__ import annotations

import itertools
import math
from functools import cache
from typing import TYPE_CHECKING

from planner.serving import accelerators
from planner.serving.speed.roofline import ASSUMED_LINK_GBS, arithmetic_tflops

if TYPE_CHECKING:
    from collections.abc import Mapping

    from planner.serving.accelerators import Accelerator

CHAIN = ("B300", "B200", "H200", "H100", "A100-80GB", "A100-40GB", "L40S", "L4")
"""The cards whose order is held, fastest first."""

# L40S and A100 have no order between them: one calculates faster, the other reads faster.
_APART = ("A100-80GB", "A100-40GB")
_AFTER_APART = ("L40S", "L4")
_SLACK = math.log(1.1)


@cache
def chain() -> tuple[Accelerator, ...]:
    """Return the cards whose order is held, fastest first."""
    return tuple(accelerators.get(name) for name in CHAIN)


def beats(better: str, other: str) -> bool:
    """Tell whether one card of the chain is at least as fast as another in everything."""
    if better in _APART and other in _AFTER_APART:
        return False
    return CHAIN.index(better) <= CHAIN.index(other)


def log_peak(accelerator: Accelerator, rate: str, precision: str) -> float:
    """Return the log of what a rate is a share of; 0 for an overhead."""
    if rate in ("prefill", "compute"):
        return math.log(arithmetic_tflops(accelerator, precision))
    if rate in ("bandwidth", "cache"):
        return math.log(accelerator.bandwidth_gbs or 1.0)
    if rate == "link":
        return math.log(accelerator.interconnect_gbs or ASSUMED_LINK_GBS)
    return 0.0


@cache
def reach(precision: str) -> dict[tuple[str, str], float]:
    """Return by how much the second card's log speed may exceed the first's, at most."""
    found = {}
    for first in chain():
        for second in chain():
            if beats(first.name, second.name):
                found[first.name, second.name] = 0.0
                continue
            ratio = max(
                (second.bandwidth_gbs or 1.0) / (first.bandwidth_gbs or 1.0),
                arithmetic_tflops(second, precision) / arithmetic_tflops(first, precision),
            )
            found[first.name, second.name] = math.log(ratio) + _SLACK
    # A detour over a third card may be tighter than the direct way.
    for middle, slow, fast in itertools.product(CHAIN, repeat=3):
        detour = found[slow, middle] + found[middle, fast]
        found[slow, fast] = min(found[slow, fast], detour)
    return found


def keep(speeds: Mapping[str, float], precision: str, *, upper: bool = True) -> dict[str, float]:
    """Return log speeds of cards in the chain, moved into the order.

    Each card gets the middle of the most that the others allow it and of the least that they
    ask of it; where the order holds already, that is its own figure.
    """
    limit = reach(precision)

    def allowed(first: str, second: str) -> float:
        return limit[first, second] if upper or beats(first, second) else math.inf

    return {
        name: (
            min(value + allowed(other, name) for other, value in speeds.items())
            + max(value - allowed(name, other) for other, value in speeds.items())
        )
        / 2
        for name in speeds
    }


def holds(speeds: Mapping[str, float], precision: str) -> bool:
    """Tell whether the log speeds of all cards of the chain are in the order already."""
    return all(speeds[fast] - speeds[slow] <= most for (slow, fast), most in _pairs(precision))


@cache
def _pairs(precision: str) -> tuple[tuple[tuple[str, str], float], ...]:
    return tuple(reach(precision).items())


def between(name: str, speed: float, known: Mapping[str, float], precision: str) -> float:
    """Return a card's log speed, moved to where the known speeds of others leave room for it."""
    limit = reach(precision)
    most = min((value + limit[other, name] for other, value in known.items()), default=math.inf)
    least = max((value - limit[name, other] for other, value in known.items()), default=-math.inf)
    return min(max(speed, least), most)
