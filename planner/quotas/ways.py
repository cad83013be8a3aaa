"""The shortest way to a running endpoint, from where the account stands.

What has room already comes first. Of what needs more quota, the best chance has the plan with
the fewest requests, then the smallest step (GPUs asked for), the lowest price and the widest
choice of regions. That order is a rule of thumb from users' reports; no cloud publishes odds.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from planner.quotas.model import DemandCheck, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from decimal import Decimal

    from planner.ledger import QuotaRequest
    from planner.plan import Plan
    from planner.quotas.model import Demand


class Ready(StrEnum):
    """How far a plan is from running."""

    NOW = "now"
    REQUEST = "after a request"
    UNKNOWN = "unknown"
    CLOSED = "closed"


_ORDER = (Ready.NOW, Ready.REQUEST, Ready.UNKNOWN, Ready.CLOSED)


@dataclass(frozen=True, slots=True)
class Way:
    """One way to a running endpoint.

    Attributes:
        requests: How many quota requests it takes.
        regions: In how many regions of the comparison the instance type is offered.
    """

    check: DemandCheck
    plan: Plan | None
    ready: Ready
    requests: int
    regions: int

    @property
    def hourly_usd(self) -> Decimal | None:
        """Return the on-demand price of all machines; None where it is not known."""
        if self.plan is None or self.plan.on_demand_hourly_usd is None:
            return None
        one = self.plan.on_demand_hourly_usd / self.plan.instances
        return one * self.check.demand.instances


def ways(checks: Iterable[DemandCheck], plans: Mapping[Demand, Plan]) -> list[Way]:
    """Return the ways, best first."""
    listed = list(checks)
    offered = Counter((c.demand.service, c.demand.instance_type) for c in listed)
    found = [
        Way(
            check=check,
            plan=plans.get(check.demand),
            ready=_ready(check),
            requests=len(check.short),
            regions=offered[check.demand.service, check.demand.instance_type],
        )
        for check in listed
    ]
    return sorted(found, key=_rank)


def best_places(found: Iterable[Way]) -> list[Way]:
    """Return one way per instance type and service: the first, which is the best."""
    best: dict[tuple[str, str], Way] = {}
    for way in found:
        best.setdefault((way.check.demand.service, way.check.demand.instance_type), way)
    return list(best.values())


def alternatives(found: Iterable[Way], request: QuotaRequest, count: int = 3) -> list[Way]:
    """Return the best ways that do not need what a request was denied.

    At most one per instance type, so that the list is a choice and not a list of regions.
    """
    chosen = []
    for way in found:
        needed = {
            (
                check.quota.quota_id,
                check.quota.region,
                dict(check.quota.dimensions).get("gpu_family"),
            )
            for check in way.check.short
        }
        denied = (request.quota_id, request.region, request.dimensions.get("gpu_family"))
        usable = way.ready in {Ready.NOW, Ready.REQUEST} and denied not in needed
        if usable:
            chosen.append(way)
    return best_places(chosen)[:count]


def _ready(check: DemandCheck) -> Ready:
    if check.closed:
        return Ready.CLOSED
    if check.verdict is Verdict.ENOUGH:
        return Ready.NOW
    if check.verdict is Verdict.UNKNOWN:
        return Ready.UNKNOWN
    return Ready.CLOSED if any(short.fixed for short in check.short) else Ready.REQUEST


def _rank(way: Way) -> tuple[object, ...]:
    price = way.hourly_usd
    cost = (price is None, price or 0)
    demand = way.check.demand
    place = (demand.instance_type, demand.region)
    if way.ready is Ready.NOW:
        return (_ORDER.index(way.ready), *cost, *place)
    return (_ORDER.index(way.ready), way.requests, demand.gpus, *cost, -way.regions, *place)
