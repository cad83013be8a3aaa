"""File quota requests once, and follow them to the end.

A request is looked for before it is filed: in the ledger (this user, any process), then in
the cloud (anybody). A lock per quota keeps two processes from filing at the same time. The
row is written before the request is sent, so that a crash in between leaves a trace that the
next run resolves from the cloud's own list.

A request for another machine of the same quota asks for the sum. Where the cloud cannot change
what is open, the wish is kept with the open request and waits for its end.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from planner import state
from planner.clouds import settings
from planner.errors import PlannerError, QuotaShortError
from planner.ledger import Ledger, QuotaRequest
from planner.quotas import graph
from planner.quotas.following import save
from planner.quotas.interface import Ask, Contact, QuotaAdapter

if TYPE_CHECKING:
    from collections.abc import Iterable

    from filelock import BaseFileLock

    from planner.quotas.model import DemandCheck

_LOCK_TIMEOUT_S = 120


class How(StrEnum):
    """What became of a wish."""

    FILED = "filed"
    FOUND = "already open"
    RAISED = "raised"
    WAITS = "waits for the open one"


@dataclass(frozen=True, slots=True)
class Filed:
    """A request, and how planner came to it.

    Attributes:
        wanted: The total that is wanted; more than the request's where the wish waits.
    """

    request: QuotaRequest
    how: How
    wanted: float


def asks(
    checks: DemandCheck | Iterable[DemandCheck],
    justification: str = "",
    contact: Contact | None = None,
    *,
    campaign: str = "",
) -> list[Ask]:
    """Return the requests that would make room for all demands, in the order to file them.

    One request per limit, with the sum of what the demands need of it.

    Raises:
        QuotaShortError: Asking would be pointless: the cloud has said so already.
    """
    from planner.quotas.model import DemandCheck as One

    listed = [checks] if isinstance(checks, One) else list(checks)
    for check in listed:
        refuse_closed(check)
    return [
        Ask(
            limit.check,
            limit.check.target,
            limit.demands[0],
            wants=limit.wants,
            justification=justification,
            contact=contact or Contact(),
            campaign=campaign,
        )
        for limit in graph.limits(listed)
        if limit.check.short_by
    ]


def refuse_closed(check: DemandCheck) -> None:
    """Stop where the cloud would refuse the machine whatever its quota.

    Raises:
        QuotaShortError: With how to ask for access, where the cloud has a way.
    """
    if not check.closed:
        return
    demand = check.demand
    where = f"--instance-type {demand.instance_type} --region {demand.region}"
    access = f"planner quota request --access {where}\n       " if check.may_be_opened else ""
    raise QuotaShortError(
        f"more quota does not help {demand.text} in {demand.region}",
        why=check.closed,
        advice=f"{access}planner quota plan {demand.model or where} --geo all, for another place",
    )


def refuse_pointless(ask: Ask) -> None:
    """Stop a request that the cloud has said it will not grant.

    Raises:
        QuotaShortError: With the cloud's reason.
    """
    if ask.check.fixed:
        demand = ask.demand
        what = (demand.model or f"--instance-type {demand.instance_type}") if demand else "MODEL"
        raise QuotaShortError(
            f"asking for more {ask.check.quota.title} is pointless",
            why=ask.check.fixed,
            advice=f"planner quota capacity {what}, for what needs less quota or none\n"
            f"       planner quota plan {what} --geo all, for another way",
        )


def file(ask: Ask, cloud: QuotaAdapter, ledger: Ledger) -> Filed:
    """File a request, or find the one that is open for the quota.

    Raises:
        PlannerError: The cloud refused it; nothing is recorded then.
    """
    refuse_pointless(ask)
    wish = _wish(ask, cloud.account())
    with lock(wish):
        known = _open_request(ask, wish, cloud, ledger)
        if known is None:
            return Filed(_send(ask, wish, cloud, ledger), How.FILED, wish.desired)
        return _beside(ask, known, cloud, ledger)


def _beside(ask: Ask, known: QuotaRequest, cloud: QuotaAdapter, ledger: Ledger) -> Filed:
    """Join a wish with the request that is open for its quota."""
    wants = {**known.wants, **ask.wants}
    taken = ask.check.usage or 0
    wanted = max(ask.desired, math.ceil(taken + sum(wants.values())) if ask.wants else 0)
    joined = replace(known, wants=wants, campaign=known.campaign or ask.campaign)
    if wanted <= known.desired:
        ledger.save_request(joined)
        return Filed(joined, How.FOUND, known.desired)
    answer = cloud.raise_wish(known, replace(ask, desired=wanted))
    if answer is None:
        ledger.save_request(joined)
        return Filed(joined, How.WAITS, wanted)
    raised = replace(joined, desired=float(wanted), justification=ask.justification)
    return Filed(save(raised, answer, ledger), How.RAISED, wanted)


def _open_request(
    ask: Ask, wish: QuotaRequest, cloud: QuotaAdapter, ledger: Ledger
) -> QuotaRequest | None:
    """Return the request that is open for the quota, from the ledger or the cloud."""
    known = ledger.open_request(wish.key)
    if known is not None and known.native_id:
        seen = cloud.poll(known)
        # A run that was stopped may have raised it without writing it down.
        known = replace(known, desired=max(known.desired, seen.desired or 0))
        known = save(known, seen, ledger)
        if known.is_open:
            return known
        known = None
    if known is None:
        answer = cloud.find_open(ask)
    else:
        answer = cloud.find_open(replace(ask, desired=int(known.desired)), known.filed_at)
    if answer is None:
        if known is not None:
            # Written down by a run that was stopped before it could send.
            ledger.forget_request(known)
        return None
    found = replace(wish, desired=answer.desired or wish.desired)
    if answer.filed_at is not None:
        found = replace(found, filed_at=answer.filed_at)
    recorded = known or ledger.add_request(found)
    return save(replace(found, id=recorded.id if recorded else 0), answer, ledger)


def _send(ask: Ask, wish: QuotaRequest, cloud: QuotaAdapter, ledger: Ledger) -> QuotaRequest:
    recorded = ledger.add_request(wish)
    if recorded is None:
        raise PlannerError(
            "another planner process filed a request for this quota just now",
            advice="planner quota status",
        )
    try:
        answer = cloud.file(ask)
    except PlannerError:
        ledger.forget_request(recorded)
        raise
    sent = save(recorded, answer, ledger)
    # Who files it sees how it stands; later changes are told.
    told = replace(sent, told=sent.state)
    ledger.save_request(told)
    return told


def _wish(ask: Ask, account: str) -> QuotaRequest:
    quota, demand = ask.check.quota, ask.demand
    return QuotaRequest(
        cloud=quota.cloud,
        account=account,
        region=quota.region,
        service=quota.service,
        quota_id=quota.quota_id,
        quota_name=quota.name,
        unit=quota.unit,
        desired=float(ask.desired),
        filed_at=settings.now(),
        dimensions=dict(quota.dimensions),
        old_limit=ask.check.limit,
        model=demand.model if demand else "",
        instance_type=demand.instance_type if demand else "",
        instances=demand.largest if demand else 1,
        spot=demand.spot if demand else False,
        justification=ask.justification,
        reason="being sent",
        kind=ask.kind,
        wants=dict(ask.wants),
        told="PENDING",
        campaign=ask.campaign,
    )


def lock(wish: QuotaRequest) -> BaseFileLock:
    """Return the lock of a quota: one process at a time files for it."""
    from filelock import FileLock

    folder = state.folder() / "locks"
    folder.mkdir(exist_ok=True)
    name = hashlib.sha256("|".join(wish.key).encode()).hexdigest()[:16]
    return FileLock(folder / f"{name}.lock", timeout=_LOCK_TIMEOUT_S)
