"""Wait until a cloud knows what was just written to it: reads are behind writes.

Lists are further behind than a look at one thing, and new identities are known last.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from planner.clouds import clock
from planner.errors import PlannerError

if TYPE_CHECKING:
    from collections.abc import Callable

    from planner.endpoints.interface import Context

_T = TypeVar("_T")
_EVERY_S = 2


class Absence:
    """Believes that a thing is gone when it was missing for a while: reads are behind writes.

    Args:
        settle_s: For how long, on the clouds' time.
    """

    def __init__(self, settle_s: float) -> None:
        self._settle_s = settle_s
        self._since: float | None = None

    def believed(self, *, missing: bool) -> bool:
        """Take in one look; tell whether the thing is gone."""
        if not missing:
            self._since = None
            return False
        now = clock.monotonic()
        if self._since is None:
            self._since = now
        return now - self._since >= self._settle_s


def until(shown: Callable[[], bool], context: Context) -> bool:
    """Look until something shows; return whether it did before the time to settle was over."""
    deadline = clock.monotonic() + context.pace.settle_s
    while not shown():
        if clock.monotonic() > deadline:
            return False
        context.interruption.pause(_EVERY_S)
    return True


def once_known(
    call: Callable[[], _T], context: Context, unknown: Callable[[PlannerError], bool]
) -> _T:
    """Make a call, again for as long as the cloud does not know yet what it refers to.

    Args:
        call: May be made any number of times.
        context: How long to try, and what interrupts.
        unknown: Tells the error by which the cloud says so.

    Raises:
        PlannerError: Another error, or that one for too long.
    """
    deadline = clock.monotonic() + context.pace.settle_s
    while True:
        try:
            return call()
        except PlannerError as error:
            if not unknown(error) or clock.monotonic() > deadline:
                raise
        context.interruption.pause(_EVERY_S)
