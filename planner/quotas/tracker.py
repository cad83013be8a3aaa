"""File quota requests once, and follow them to the end.

A request is looked for before it is filed: in the ledger (this user, any process), then in
the cloud (anybody). A lock per quota keeps two processes from filing at the same time. The
row is written before the request is sent, so that a crash in between leaves a trace that the
next run resolves from the cloud's own list.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from planner import state
from planner.clouds import settings
from planner.errors import PlannerError, QuotaShortError
from planner.ledger import Ledger, QuotaRequest
from planner.quotas.interface import Ask, Contact, QuotaAdapter, adapter
from planner.quotas.outcome import State, decide

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from filelock import BaseFileLock

    from planner.quotas.model import DemandCheck
    from planner.quotas.outcome import Answer

_LOCK_TIMEOUT_S = 120
_SENDING = timedelta(minutes=10)


class How(StrEnum):
    """What became of a wish."""

    FILED = "filed"
    FOUND = "already open"
    RAISED = "raised"


@dataclass(frozen=True, slots=True)
class Filed:
    """A request, and how planner came to it."""

    request: QuotaRequest
    how: How


def asks(check: DemandCheck, justification: str = "", contact: Contact | None = None) -> list[Ask]:
    """Return the requests that would make room for a demand, in the order to file them.

    Raises:
        QuotaShortError: Asking would be pointless: the cloud has said so already.
    """
    if check.closed:
        raise QuotaShortError(
            f"more quota does not help {check.demand.text} in {check.demand.region}",
            why=check.closed,
            advice=f"planner quota plan {check.demand.model or 'MODEL'}, for another place",
        )
    return [
        Ask(short, short.target, check.demand, justification, contact or Contact())
        for short in check.short
    ]


def refuse_pointless(ask: Ask) -> None:
    """Stop a request that the cloud has said it will not grant.

    Raises:
        QuotaShortError: With the cloud's reason.
    """
    if ask.check.fixed:
        model = ask.demand.model if ask.demand else ""
        raise QuotaShortError(
            f"asking for more {ask.check.quota.title} is pointless",
            why=ask.check.fixed,
            advice=f"planner quota plan {model or 'MODEL'}, for another way",
        )


def file(ask: Ask, cloud: QuotaAdapter, ledger: Ledger) -> Filed:
    """File a request, or find the one that is open for the quota.

    Raises:
        PlannerError: The cloud refused it; nothing is recorded then.
    """
    refuse_pointless(ask)
    wish = _wish(ask, cloud.account())
    with _lock(wish):
        known = _open_request(ask, wish, cloud, ledger)
        if known is None:
            return Filed(_send(ask, wish, cloud, ledger), How.FILED)
        if ask.desired <= known.desired:
            return Filed(known, How.FOUND)
        answer = cloud.raise_wish(known, ask)
        if answer is None:
            return Filed(known, How.FOUND)
        raised = replace(known, desired=float(ask.desired), justification=ask.justification)
        return Filed(_save(raised, answer, ledger), How.RAISED)


def refresh(
    ledger: Ledger,
    requests: Iterable[QuotaRequest],
    adapters: dict[str, QuotaAdapter] | None = None,
    *,
    failed: Callable[[QuotaRequest, PlannerError], None] | None = None,
) -> list[QuotaRequest]:
    """Ask the clouds how open requests stand, and write it down.

    Args:
        ledger: Where to write.
        requests: Those to ask about; closed ones are returned as they are.
        adapters: To share between calls.
        failed: Called for a request that could not be asked about; it stays as it was.

    Returns:
        The requests, as they stand now.
    """
    made = adapters if adapters is not None else {}
    found = []
    for request in requests:
        if not request.is_open or not request.native_id:
            found.append(_given_up(request, ledger))
            continue
        cloud = made.setdefault(request.cloud, adapter(request.cloud))
        try:
            found.append(_save(request, cloud.poll(request), ledger))
        except PlannerError as error:
            if failed is None:
                raise
            failed(request, error)
            found.append(request)
    return found


def next_steps(request: QuotaRequest) -> list[str]:
    """Return what the user can do about a request, in the state it is in."""
    steps = adapter(request.cloud).next_steps(request)
    model = request.model or "MODEL"
    elsewhere = f"another region or accelerator: planner quota plan {model} --geo all"
    if request.state == State.DENIED:
        return [
            "do not file the same again; ask for less, or run smaller machines first",
            elsewhere,
            *steps,
        ]
    if request.state == State.PARTIAL:
        got = 0 if request.granted is None else request.granted
        return [
            f"use what was granted, {got:g} {request.unit}, and ask for the rest later",
            elsewhere,
            *steps,
        ]
    return steps


def _given_up(request: QuotaRequest, ledger: Ledger) -> QuotaRequest:
    """Close a request whose sending was interrupted; the others stay as they are."""
    sending = request.is_open and settings.now() - request.filed_at < _SENDING
    if sending or not request.is_open:
        return request
    lost = replace(
        request,
        state=State.UNKNOWN.value,
        is_open=False,
        reason="planner was stopped while sending it; request it again to find out",
    )
    ledger.save_request(lost)
    return lost


def _open_request(
    ask: Ask, wish: QuotaRequest, cloud: QuotaAdapter, ledger: Ledger
) -> QuotaRequest | None:
    """Return the request that is open for the quota, from the ledger or the cloud."""
    known = ledger.open_request(wish.key)
    if known is not None and known.native_id:
        known = _save(known, cloud.poll(known), ledger)
        if known.is_open:
            return known
        known = None
    answer = cloud.find_open(ask)
    if answer is None:
        if known is not None:
            # Written down by a run that was stopped before it could send.
            ledger.forget_request(known)
        return None
    found = replace(wish, desired=answer.desired or wish.desired)
    if answer.filed_at is not None:
        found = replace(found, filed_at=answer.filed_at)
    recorded = known or ledger.add_request(found)
    return _save(replace(found, id=recorded.id if recorded else 0), answer, ledger)


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
    return _save(recorded, answer, ledger)


def _save(request: QuotaRequest, answer: Answer, ledger: Ledger) -> QuotaRequest:
    """Write down what the cloud says, and return the request as it stands."""
    now = settings.now()
    outcome = decide(answer, old=request.old_limit, desired=request.desired)
    seen = replace(
        request,
        native_id=answer.native_id or request.native_id,
        native_state=answer.native_state,
        state=outcome.state.value,
        reason=outcome.reason,
        is_open=outcome.is_open,
        granted=None if outcome.is_open else answer.limit,
        checked_at=now,
        closed_at=None if outcome.is_open else now,
    )
    ledger.save_request(seen)
    return seen


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
        instances=demand.instances if demand else 1,
        spot=demand.spot if demand else False,
        justification=ask.justification,
        reason="being sent",
    )


def _lock(wish: QuotaRequest) -> BaseFileLock:
    from filelock import FileLock

    folder = state.folder() / "locks"
    folder.mkdir(exist_ok=True)
    name = hashlib.sha256("|".join(wish.key).encode()).hexdigest()[:16]
    return FileLock(folder / f"{name}.lock", timeout=_LOCK_TIMEOUT_S)
