"""What several replicas on one host give together: a little less than each alone.

They share the host's processors, its memory bandwidth and the way in. How much is lost is fitted
on MLPerf's submissions, which ran the same model with the same software on hosts with different
numbers of the same card (``mlperf.loss_per_doubling``; a test holds the figure to the data).
"""

from __future__ import annotations

import math

LOSS_PER_DOUBLING = 0.007
"""The share of speed that each doubling of the busy replicas on a host costs."""


def together(replicas: int) -> float:
    """Return how many times one replica's speed several busy ones on a host give.

    It grows with every replica: adding one never makes a machine slower.
    """
    return replicas * (1 - LOSS_PER_DOUBLING * math.log2(max(1, replicas)))
