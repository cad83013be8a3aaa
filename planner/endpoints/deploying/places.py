"""Places to deploy to: one after the other, and what is a place's own failure."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

from planner.endpoints.deploying.choices import Attempt, Result
from planner.endpoints.deploying.lifecycle import RollbackIncompleteError
from planner.endpoints.deploying.preflight import PreflightError, Status
from planner.errors import (
    AccessError,
    CapacityError,
    NotEnabledError,
    PlannerError,
    QuotaShortError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from planner.endpoints.deploying.choices import Prepared
    from planner.plan import Plan

_R = TypeVar("_R")

# What another place may do better. Everything else (a container that fails, a rollback that is
# not complete, an interruption) would come again, or must be looked at by the user first.
PLACES_OWN = (CapacityError, QuotaShortError, AccessError, PreflightError)
# Findings that are the same everywhere.
_EVERYWHERE = {"licence", "token"}


def in_turn(
    places: Iterable[Prepared],
    attempt: Callable[[Prepared], _R],
    check: Callable[[], None],
    told: Callable[[Attempt], None],
    failed: list[Attempt],
) -> _R:
    """Try one place after the other and return what the first with room gives.

    Args:
        places: In the order to try.
        attempt: Tries one; leaves nothing behind where it raises.
        check: Raises where the user has interrupted.
        told: Called with each place that was given up.
        failed: They are added here, too.

    Raises:
        CapacityError: No place had room.
        PlannerError: The first failure that is not the place's own.
    """
    without_access: dict[str, AccessError] = {}
    for place in places:
        check()
        plan, started = place.spec.plan, time.monotonic()
        closed = without_access.get(plan.cloud)
        try:
            if closed is not None:
                raise closed
            return attempt(place)
        except PlannerError as error:
            if not is_places_own(error):
                raise
            if isinstance(error, AccessError) and not isinstance(error, NotEnabledError):
                without_access[plan.cloud] = error
            given_up = given_up_because(plan, error, time.monotonic() - started)
            failed.append(given_up)
            told(given_up)
    raise CapacityError("no place had room")


def is_places_own(error: PlannerError) -> bool:
    """Tell whether another place may do better."""
    if isinstance(error, RollbackIncompleteError):
        return False  # something may be billed there: no second one before that is looked at
    if isinstance(error, PreflightError):
        return not any(
            item.status is Status.BAD and item.check in _EVERYWHERE for item in error.findings
        )
    return isinstance(error, PLACES_OWN)


def given_up_because(plan: Plan, error: PlannerError, seconds: float) -> Attempt:
    """Return the record of a place that was given up."""
    result = Result.NO_ROOM if isinstance(error, CapacityError) else Result.PASSED_OVER
    return Attempt(plan, error, result, seconds)


def reason(attempt: Attempt) -> str:
    """Say in one line why an endpoint is not at a place."""
    error = attempt.error
    if isinstance(error, PreflightError):
        bad = [item for item in error.findings if item.status is Status.BAD]
        return "; ".join(f"{item.check}: {item.text}" for item in bad)
    return str(error)
