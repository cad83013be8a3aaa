"""Waiting, on the clouds' time.

Real clouds need real time. The sandbox has a clock of its own, and a pause moves it: waiting an
hour for a simulated endpoint takes a moment, and what is due in that hour happens.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from planner.clouds import settings

if TYPE_CHECKING:
    import threading


def monotonic() -> float:
    """Return seconds that only grow, to measure a wait for the clouds with."""
    if settings.current().sandbox_control:
        return settings.now().timestamp()
    return time.monotonic()


def pause(seconds: float, until: threading.Event | None = None) -> None:
    """Wait, but not longer than until the event is set.

    Args:
        seconds: How long, on the clouds' time.
        until: Ends the wait early.
    """
    if until is not None and until.is_set():
        return
    if settings.current().sandbox_control:
        settings.advance(seconds)
    elif until is not None:
        until.wait(seconds)
    else:
        time.sleep(seconds)
