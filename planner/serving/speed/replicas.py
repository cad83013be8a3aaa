"""What several replicas on one host give together: a little less than each alone.

They share the host's processors, its memory bandwidth and the way in. How much is lost is fitted
on MLPerf's submissions, whose machines run many replicas of one model
(``pricing_data/fit_throughput.py``).
"""

from __future__ import annotations

LOSS_PER_DOUBLING = 0.015
"""The share of speed that each doubling of the busy replicas on a host costs."""


def together(replicas: int) -> float:
    """Return how many times one replica's speed several busy ones on a host give.

    It grows with every replica: adding one never makes a machine slower.
    """
    lost = LOSS_PER_DOUBLING * (max(1, replicas).bit_length() - 1)
    return replicas * (1 - lost)
