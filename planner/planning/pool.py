"""How many machines a rate of requests needs: a pool of slots, and chance. Pure.

A machine serves ``slots`` requests at once within the latency targets, and each stays for
``latency_s``. Requests that arrive at random at a rate keep ``rate * latency_s`` slots busy on
average (Little's law), and the number busy is Poisson distributed whatever the lengths are (the
insensitivity of the M/G/infinity queue). A pool is large enough where an arriving request finds
no free slot in at most one case of ``1 / WAIT_SHARE``. So a large pool can be used more than a
small one: the spare slots grow with the square root of the busy ones.
"""

from __future__ import annotations

import math
from functools import cache

# Share of requests that may find every slot busy. The targets are 95th percentiles; half of the
# five percent that may miss them is left to chance within a machine.
WAIT_SHARE = 0.025
_Z = 1.959963984540054  # normal quantile of 1 - WAIT_SHARE
_EXACT_UP_TO = 400  # slots; above, the normal approximation is within 0.1 %


@cache
def most_busy(slots: int) -> float:
    """Return the most slots that may be busy on average in a pool of so many.

    >>> most_busy(1) < 0.1 and 80 < most_busy(100) < 85
    True
    """
    if slots <= 0:
        return 0.0
    if slots > _EXACT_UP_TO:
        # The Poisson quantile, by the square-root rule with its first correction.
        root = (-_Z + math.sqrt(_Z * _Z + 4 * (slots - (_Z * _Z - 1) / 6 - 0.5))) / 2
        return root * root
    low, high = 0.0, float(slots)
    for _ in range(50):
        middle = (low + high) / 2
        if _chance_of_full(slots, middle) > WAIT_SHARE:
            high = middle
        else:
            low = middle
    return low


def _chance_of_full(slots: int, mean: float) -> float:
    """Return how likely a Poisson number of that mean is ``slots`` or more."""
    term = math.exp(-mean)
    below = term
    for k in range(1, slots):
        term *= mean / k
        below += term
    return 1 - below


def most_rate(machines: int, slots: int, latency_s: float) -> float:
    """Return the most requests a second that a pool of machines takes within the targets."""
    return most_busy(machines * slots) / latency_s


def machines_for(rate: float, slots: int, latency_s: float) -> int:
    """Return the fewest machines that take a rate within the targets; 0 for no requests."""
    if rate <= 0:
        return 0
    busy = rate * latency_s
    # The square-root rule is within a machine or two; then it is made exact.
    machines = max(1, math.floor((busy + _Z * math.sqrt(busy)) / slots) - 2)
    while most_busy(machines * slots) < busy:
        machines += 1
    while machines > 1 and most_busy((machines - 1) * slots) >= busy:
        machines -= 1
    return machines
