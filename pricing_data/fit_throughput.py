"""Fit the throughput model to ``measurements.csv`` and write what planner ships.

``python pricing_data/fit_throughput.py`` prints the hold-out errors and writes
``throughput.json`` and ``throughput_points.csv``; ``--check`` fits, writes nothing and fails if
the shipped files say anything else. Takes about two minutes on two cores.
"""

from __future__ import annotations

import sys

from planner.serving.speed import shipping

if __name__ == "__main__":
    sys.exit(shipping.main(sys.argv[1:]))
