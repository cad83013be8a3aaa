"""A campaign: ask in several places at once, and again, until a model can run in one of them.

A campaign is a list of targets, chosen once and written down. Each look at it reads the limits
of all targets, follows its requests, and files what may be filed now: one request per limit,
with the sum of what its targets need of it. After a refusal it waits before it asks again.
How long is planner's own restraint; no cloud documents what it tolerates.

A look can be stopped at any point and made again: requests are written down before they are
sent, and looked for in the cloud before they are sent a second time.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from planner.quotas import booked, graph
from planner.quotas.justification import Case, justify
from planner.quotas.model import Demand, DemandCheck
from planner.quotas.outcome import State
from planner.quotas.ways import Ready

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from planner.ledger import QuotaRequest
    from planner.quotas.model import Check
    from planner.quotas.ways import Way

COOL_DOWN = {"aws": timedelta(days=7), "azure": timedelta(days=3), "gcp": timedelta(days=2)}
_REFUSED = {State.DENIED, State.PARTIAL, State.UNKNOWN}


@dataclass(frozen=True, slots=True)
class Step:
    """What a campaign does about one limit now.

    Attributes:
        action: ``ask``, ``wait``, ``rest`` (until ``again``), ``none`` (it is large enough),
            ``stop`` (asking is pointless).
        request: The newest request for the limit, where there is one.
        again: When it may be asked for again.
    """

    limit: graph.Limit
    action: str
    request: QuotaRequest | None = None
    again: datetime | None = None

    @property
    def check(self) -> Check:
        """Return the limit against all that the targets need of it."""
        return self.limit.check


def choose(ways: Sequence[Way], count: int) -> list[Way]:
    """Return the targets with the best chances that do not all depend on the same thing.

    The best way first; then, at each step, the way whose cloud, card, region and way of buying
    are the least used so far, and that shares no regional limit with those chosen.
    """
    left = [way for way in ways if way.ready is Ready.REQUEST]
    chosen: list[Way] = []
    used: Counter[str] = Counter()
    taken: set[tuple[object, ...]] = set()
    while left and len(chosen) < count:
        best = min(left, key=lambda way: tuple(used[trait] for trait in _traits(way.check.demand)))
        chosen.append(best)
        used.update(_traits(best.check.demand))
        taken |= _regional(best)
        left = [way for way in left if not _regional(way) & taken]
    return chosen


def steps(
    checks: Iterable[DemandCheck], requests: Sequence[QuotaRequest], now: datetime
) -> list[Step]:
    """Return what to do about each limit that binds the targets.

    Args:
        checks: The targets as the clouds see them now.
        requests: All requests of the ledger, newest first.
        now: On the clouds' clock.
    """
    last: dict[tuple[object, ...], QuotaRequest] = {}
    for request in requests:
        if request.kind == "limit":
            last.setdefault(booked.key_of(request), request)
    return [_step(limit, last.get(limit.check.quota.key), now) for limit in graph.limits(checks)]


def landed(checks: Sequence[DemandCheck], *, together: bool) -> list[DemandCheck]:
    """Return the targets that can run now; none of a fleet unless all of it can."""
    if together:
        ready = graph.together(checks)
        return list(ready) if ready and all(check.deployable for check in ready) else []
    return [check for check in checks if check.deployable]


def to_plan(ways: Sequence[Way], case: Case, *, together: bool) -> dict[str, Any]:
    """Return a campaign's plan as the ledger keeps it."""
    told = asdict(replace(case, hourly_usd=None))
    return {
        "targets": [asdict(way.check.demand) for way in ways],
        "hourly_usd": [None if way.hourly_usd is None else str(way.hourly_usd) for way in ways],
        "together": together,
        "case": {**told, "start": case.start.isoformat() if case.start else None},
    }


def text_for(plan: dict[str, Any], demands: Sequence[Demand]) -> str:
    """Return the justification of a request, about the machines that it is for."""
    told = dict(plan["case"])
    start = date.fromisoformat(told["start"]) if told["start"] else None
    known = dict(zip(targets(plan), plan["hourly_usd"], strict=True))
    prices = [known.get(demand) for demand in demands]
    hourly = (
        None if None in prices else sum((Decimal(price) for price in prices if price), Decimal())
    )
    case = Case(**{**told, "also": tuple(told["also"]), "start": start, "hourly_usd": hourly})
    return justify(demands, case)


def targets(plan: dict[str, Any]) -> list[Demand]:
    """Return the targets of a plan."""
    return [Demand(**row) for row in plan["targets"]]


def wanted(step: Step) -> bool:
    """Tell whether a step sends something."""
    return step.action == "ask"


def code_of(found: Sequence[Step]) -> str:
    """Return how a campaign stands that has not landed: ``pending``, ``refused``, ``unknown``."""
    actions = {step.action for step in found}
    if actions & {"ask", "wait"}:
        return "pending"
    return "refused" if actions & {"rest", "stop"} else "unknown"


def _step(limit: graph.Limit, request: QuotaRequest | None, now: datetime) -> Step:
    check = limit.check
    if not check.short_by:
        return Step(limit, "none", request)
    if request is not None and request.is_open:
        enough = request.desired >= check.target
        return Step(limit, "wait" if enough and request.native_id else "ask", request)
    if check.fixed:
        return Step(limit, "stop", request)
    if request is not None and request.state in _REFUSED and request.native_id:
        again = (request.closed_at or request.filed_at) + COOL_DOWN[check.quota.cloud]
        if now < again:
            return Step(limit, "rest", request, again)
    return Step(limit, "ask", request)


def _traits(demand: Demand) -> tuple[str, ...]:
    """Return what a target depends on, the most important first."""
    card = f"{demand.cloud} {demand.accelerator}"
    return (demand.cloud, card, demand.region, demand.bought, demand.service)


def _regional(way: Way) -> set[tuple[object, ...]]:
    return {check.quota.key for check in way.check.short if check.quota.region}


def as_alternatives(demands: Iterable[Demand]) -> list[Demand]:
    """Return the demands on demand and as Spot, where the service has it."""
    listed = list(demands)
    spot = [
        replace(demand, spot=True)
        for demand in listed
        if demand.service not in {"sagemaker", "azure-ml"} and not demand.purchase
    ]
    return list(dict.fromkeys([*listed, *spot]))
