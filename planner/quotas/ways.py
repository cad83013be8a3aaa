"""The shortest way to a running endpoint, from where the account stands.

What has room already comes first. Of what needs more quota, the best chance has the plan with
the fewest requests, then the smallest step from the limit as it is, then the lowest price.
Where prices are equal, the place where the machine is in more zones comes first, then the
machine that is in more regions, then the card that more machines there carry. That order is a
rule of thumb from users' reports; no cloud publishes odds.

A step is what is missing in the limit's own unit, told in cards so that vCPUs, instances and
GPUs can be compared: 48 vCPU of a machine with 96 vCPU and 8 cards are 4 cards.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from planner.quotas import zones
from planner.quotas.model import DemandCheck, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from decimal import Decimal

    from planner.ledger import QuotaRequest
    from planner.plan import Plan
    from planner.quotas.model import Check, Demand


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
        cards: How many instance types of the comparison carry its card in its region.
    """

    check: DemandCheck
    plan: Plan | None
    ready: Ready
    requests: int
    regions: int
    cards: int = 1

    @property
    def hourly_usd(self) -> Decimal | None:
        """Return the price of all machines as they are bought; None where it is not known."""
        if self.plan is None or self.check.demand.purchase:
            return None
        spot = self.check.demand.spot
        price = self.plan.spot_hourly_usd if spot else self.plan.on_demand_hourly_usd
        if price is None:
            return None
        return price / self.plan.instances * self.check.demand.instances

    @property
    def zones(self) -> int:
        """Return in how many zones of the region the machine was seen; 0: not known."""
        return zones.count(self.check.demand)

    @property
    def step(self) -> float:
        """Return the largest step that a limit must take, in cards."""
        return max((_in_cards(short, self.check.demand) for short in self.check.short), default=0)


def ways(checks: Iterable[DemandCheck], plans: Mapping[Demand, Plan]) -> list[Way]:
    """Return the ways, best first."""
    listed = list(checks)
    offered = Counter((c.demand.service, c.demand.instance_type) for c in listed)
    carried = Counter((c.demand.region, c.demand.accelerator) for c in listed)
    found = [
        Way(
            check=check,
            plan=plans.get(check.demand),
            ready=_ready(check),
            requests=len(check.short),
            regions=offered[check.demand.service, check.demand.instance_type],
            cards=carried[check.demand.region, check.demand.accelerator],
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
    return Ready.CLOSED if check.hopeless else Ready.REQUEST


def _rank(way: Way) -> tuple[object, ...]:
    price = way.hourly_usd
    cost = (price is None, price or 0)
    demand = way.check.demand
    open_to = (-way.zones, -way.regions, -way.cards)
    place = (demand.instance_type, demand.region)
    if way.ready is Ready.NOW:
        return (_ORDER.index(way.ready), *cost, *open_to, *place)
    return (_ORDER.index(way.ready), way.requests, way.step, *cost, *open_to, *place)


def _in_cards(short: Check, demand: Demand) -> float:
    """Return what is missing of a limit in cards, by what one machine takes of it."""
    of_one = short.need / max(1, demand.largest)
    return short.short_by / of_one * demand.accelerator_count if of_one else 0
