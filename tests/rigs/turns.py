"""Which cases of a fault matrix a run tries.

A matrix breaks every call of a deploy in every way: hundreds of deploys. ``make test-long``
breaks every call, in ways that take turns; ``make matrix`` tries them all, in about half an hour.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from enum import Enum

EVERY = 3
"""A way of breaking comes to every third call, so each call breaks in two or three of seven."""


def whole() -> bool:
    """Tell whether every case is to be tried."""
    return bool(os.environ.get("PLANNER_FULL_MATRIX"))


def taken(index: int, *ways: Enum | int) -> bool:
    """Tell whether this run breaks call ``index`` in these ways."""
    if whole():
        return True
    turn = sum(way if isinstance(way, int) else list(type(way)).index(way) for way in ways)
    return (index + turn) % EVERY == 0
