"""Endpoints that scale to zero: whether one has a machine, and waiting until it has one again."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from planner.clouds import clock
from planner.endpoints.interface import Pace
from planner.errors import AsleepError

if TYPE_CHECKING:
    from collections.abc import Callable

    from planner.endpoints.model import Endpoint

_T = TypeVar("_T")
# As long as a deploy may take: finding a machine, then starting the container.
_LONGEST_S = 5400


def require(endpoint: Endpoint) -> None:
    """Raise where an endpoint has no machine now.

    Raises:
        AsleepError: It has none; it was not woken.
    """
    if endpoint.asleep:
        raise AsleepError(
            f"{endpoint.name} has scaled to zero machines",
            why="it is woken by a request, which takes about ten minutes",
            advice=f'planner chat {endpoint.name} --wait "Are you there?"',
        )


def until_awake(attempt: Callable[[], _T], told: Callable[[float], None]) -> _T:
    """Ask, and go on asking while the endpoint wakes; return its answer.

    Args:
        attempt: Asks once.
        told: Called before each further attempt with the seconds since the first.

    Raises:
        AsleepError: It has not woken in the time a deploy may take.
    """
    from tenacity import (
        Retrying,
        retry_if_exception_type,
        wait_fixed,
    )

    started = clock.monotonic()
    return Retrying(
        retry=retry_if_exception_type(AsleepError),
        stop=lambda _: clock.monotonic() - started > _LONGEST_S,
        wait=wait_fixed(Pace.current().poll_s),
        sleep=clock.pause,
        before_sleep=lambda _: told(clock.monotonic() - started),
        reraise=True,
    )(attempt)
