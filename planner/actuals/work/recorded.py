"""The load that endpoints really had, as a load to plan with. Pure.

The hours that were looked at become the week that ``planner size`` takes: the mean of each hour of
the week, Monday's first one first. Hours that nobody looked at take the mean of the same hour of
other days, then of all.
"""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING

from planner.errors import NotFoundError
from planner.planning.demand import (
    ANSWER_P95_OVER_MEAN,
    HOURS_PER_WEEK,
    PROMPT_P95_OVER_MEAN,
    Lengths,
)
from planner.planning.load_files import Recorded

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from planner.ledger import ServedHour

_LEAST_HOURS = 24
_HOURS_PER_DAY = 24
# Less of an hour says little about its rate.
_LEAST_SECONDS = 300


def one_source_an_hour(served: Iterable[ServedHour]) -> list[ServedHour]:
    """Return each hour of each endpoint once: of several sources the one that tells tokens."""
    best: dict[tuple[str, datetime], ServedHour] = {}
    for item in served:
        key = (item.endpoint, item.hour)
        if key not in best or _told(item) > _told(best[key]):
            best[key] = item
    return list(best.values())


def _told(item: ServedHour) -> tuple[bool, float]:
    return item.output_tokens is not None, item.seconds


def week(served: Iterable[ServedHour]) -> Recorded:
    """Return the load of the hours that were looked at; endpoints are added up.

    Raises:
        NotFoundError: No hour tells requests.
    """
    hours = [item for item in one_source_an_hour(served) if item.requests is not None]
    hours = [item for item in hours if item.seconds >= _LEAST_SECONDS]
    if not hours or not sum(item.requests or 0.0 for item in hours):
        raise NotFoundError(
            "no request is recorded",
            why="the ledger has no hour in which an endpoint was asked anything",
            advice="planner actuals --since 7d reads the endpoints' metrics into the ledger",
        )
    seen = _rates(hours)
    return Recorded(
        _whole_week(seen),
        (1.0,) * HOURS_PER_WEEK,
        is_relative=False,
        input_tokens=_lengths(hours, "input_tokens"),
        output_tokens=_lengths(hours, "output_tokens"),
        requests=round(sum(item.requests or 0.0 for item in hours)),
        warnings=_warnings(len({item.hour for item in hours})),
    )


def cached_share(served: Iterable[ServedHour]) -> float:
    """Return which share of the prompts the cache of prefixes held; 0 where not told."""
    told = [
        item
        for item in one_source_an_hour(served)
        if item.cached_tokens is not None and item.input_tokens
    ]
    tokens = sum(item.input_tokens or 0.0 for item in told)
    return min(0.99, sum(item.cached_tokens or 0.0 for item in told) / tokens) if tokens else 0.0


def _rates(hours: Sequence[ServedHour]) -> list[list[float]]:
    by_time: dict[object, float] = {}
    for item in hours:
        rate = (item.requests or 0.0) / item.seconds
        by_time[item.hour] = by_time.get(item.hour, 0.0) + rate
    seen: list[list[float]] = [[] for _ in range(HOURS_PER_WEEK)]
    place = {item.hour: item.hour.weekday() * _HOURS_PER_DAY + item.hour.hour for item in hours}
    for hour, number in place.items():
        seen[number].append(by_time[hour])
    return seen


def _whole_week(seen: Sequence[Sequence[float]]) -> tuple[float, ...]:
    every = fmean(rate for rates in seen for rate in rates)
    days: list[list[float]] = [[] for _ in range(_HOURS_PER_DAY)]
    for number, rates in enumerate(seen):
        days[number % _HOURS_PER_DAY] += rates
    return tuple(
        fmean(rates or days[number % _HOURS_PER_DAY] or [every])
        for number, rates in enumerate(seen)
    )


def _lengths(hours: Sequence[ServedHour], name: str) -> Lengths | None:
    told = [item for item in hours if getattr(item, name) is not None and item.requests]
    requests = sum(item.requests or 0.0 for item in told)
    if not requests:
        return None
    mean = max(1.0, sum(getattr(item, name) for item in told) / requests)
    worst = [getattr(item, f"{name}_p95") for item in told]
    known = [value for value in worst if value is not None]
    factor = PROMPT_P95_OVER_MEAN if name == "input_tokens" else ANSWER_P95_OVER_MEAN
    return Lengths(mean, max(mean, *known) if known else mean * factor)


def _warnings(hours: int) -> tuple[str, ...]:
    said = [f"the load is {hours} recorded hours"]
    if hours < HOURS_PER_WEEK:
        said.append("less than a week is recorded: hours never seen are taken like the others")
    if hours < _LEAST_HOURS:
        said.append("less than a day is recorded: a longer record plans better")
    return tuple(said)
