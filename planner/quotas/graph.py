"""The limits that bind several demands together: each limit once, with the sum of the needs.

A fleet in two regions needs room in the quotas of both, and in what the regions share (all
GPUs of a Google project, all endpoints of an AWS region) for both. A limit may be large enough
for each demand alone and too small for all.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from planner.quotas.model import Check, Demand, DemandCheck


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit and all that it must have room for.

    Attributes:
        check: With the sum of the needs.
        demands: Those that need it.
        wants: Machine -> how much of the limit's unit it takes.
    """

    check: Check
    demands: tuple[Demand, ...]
    wants: dict[str, int]


def limits(checks: Iterable[DemandCheck]) -> list[Limit]:
    """Return the limits that bind the demands together, in the order in which they were met."""
    found: dict[tuple[object, ...], Limit] = {}
    for result in checks:
        for check in result.checks:
            key = check.quota.key
            found[key] = _joined(found.get(key), check, result.demand)
    return list(found.values())


def together(checks: Iterable[DemandCheck]) -> list[DemandCheck]:
    """Return the checks of demands that are all to run: each limit needs room for the sum."""
    listed = list(checks)
    sums = {limit.check.quota.key: limit.check for limit in limits(listed)}
    return [
        replace(result, checks=tuple(sums[check.quota.key] for check in result.checks))
        for result in listed
    ]


def _joined(before: Limit | None, check: Check, demand: Demand) -> Limit:
    own = dict(check.wants) or {demand.machine: check.need}
    wants = {**(before.wants if before else {}), **own}
    demands = (*(before.demands if before else ()), demand)
    summed = replace(check, need=sum(wants.values()), wants=tuple(wants.items()))
    return Limit(summed, demands, wants)
