"""Take an endpoint away: what costs money first, and everything, also where one part resists."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.errors import PlannerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def in_turn(removals: Iterable[Callable[[], None]]) -> None:
    """Do all removals in their order; one that fails keeps none of the others from going.

    Raises:
        PlannerError: The first that could not be done; the rest is.
    """
    problems: list[PlannerError] = []
    for remove in removals:
        try:
            remove()
        except PlannerError as error:
            problems.append(error)
    if problems:
        raise problems[0]
