"""A flow of least cost through a row of months. Pure.

Units flow from the first month to the end of the last. A unit goes from a month to the next by
the hour, where each further unit costs more than the one before, or it jumps over several months
at a fixed cost. The cheapest path is taken unit by unit, and a later unit may undo a step of an
earlier one; with costs that rise from unit to unit that gives the least cost in all (successive
shortest paths).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

T = TypeVar("T")
_LESS = 1e-9  # a path counts as cheaper from here on; below it is rounding


@dataclass(frozen=True, slots=True)
class Span(Generic[T]):
    """A jump from one month to a later one, for any number of units, each at its cost."""

    start: int
    end: int
    cost: float
    commitment: T


@dataclass(frozen=True, slots=True)
class _Arc(Generic[T]):
    """One step of a path: by the hour where ``span`` is None; ``units`` is -1 for a step back."""

    start: int
    end: int
    cost: float
    units: int
    span: Span[T] | None = None


def cheapest_flow(
    units: int, hourly: Sequence[Sequence[float]], spans: Iterable[Span[T]]
) -> dict[Span[T], int]:
    """Return how many units take which jumps; the others go by the hour.

    Args:
        units: How many flow.
        hourly: For each month what its first, second, ... unit by the hour costs, rising.
        spans: The jumps.
    """
    spans = list(spans)
    bought = [0] * len(hourly)
    jumps: dict[Span[T], int] = {}
    for _ in range(units):
        for arc in _cheapest_path(len(hourly), [*_arcs(hourly, bought, spans, jumps)]):
            if arc.span is None:
                bought[min(arc.start, arc.end)] += arc.units
            else:
                jumps[arc.span] = jumps.get(arc.span, 0) + arc.units
    return {span: count for span, count in jumps.items() if count}


def _arcs(
    hourly: Sequence[Sequence[float]],
    bought: Sequence[int],
    spans: Iterable[Span[T]],
    jumps: dict[Span[T], int],
) -> Iterator[_Arc[T]]:
    """Yield every step that a further unit may take now."""
    for month, costs in enumerate(hourly):
        taken = bought[month]
        if taken < len(costs):
            yield _Arc(month, month + 1, costs[taken], 1)
        if taken:
            yield _Arc(month + 1, month, -costs[taken - 1], -1)
    for span in spans:
        yield _Arc(span.start, span.end, span.cost, 1, span)
        if jumps.get(span):
            yield _Arc(span.end, span.start, -span.cost, -1, span)


def _cheapest_path(months: int, arcs: Sequence[_Arc[T]]) -> list[_Arc[T]]:
    """Return the cheapest way from the first month to the end (Bellman and Ford)."""
    least = [0.0] + [math.inf] * months
    came: dict[int, _Arc[T]] = {}
    for _ in range(months + 1):
        changed = False
        for arc in arcs:
            if least[arc.start] + arc.cost < least[arc.end] - _LESS:
                least[arc.end] = least[arc.start] + arc.cost
                came[arc.end], changed = arc, True
        if not changed:
            break
    path, month = [], months
    while month:
        path.append(came[month])
        month = came[month].start
    return path
