"""Follow quota requests to their end, and beyond it: a refusal is not always the last word.

An open request is asked about. One that was refused, granted in part, or closed without a word
is looked at for 90 days more (as long as AWS keeps its history): an appeal may be granted, a
ticket answered, a limit raised by hand. It is told as granted once the limit has moved.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from planner.clouds import settings
from planner.errors import PlannerError
from planner.quotas.interface import Ask, QuotaAdapter, adapter
from planner.quotas.model import Check, Quota
from planner.quotas.outcome import State, decide

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from planner.ledger import Ledger, QuotaRequest
    from planner.quotas.outcome import Answer

FOLLOWED = timedelta(days=90)
_SENDING = timedelta(minutes=10)
_THREADS = 16
_NOT_GRANTED = {State.DENIED, State.PARTIAL, State.UNKNOWN, State.NEEDS_HUMAN}


def refresh(
    ledger: Ledger,
    requests: Iterable[QuotaRequest],
    adapters: dict[str, QuotaAdapter] | None = None,
    *,
    failed: Callable[[QuotaRequest, PlannerError], None] | None = None,
) -> list[QuotaRequest]:
    """Ask the clouds how requests stand, and write it down.

    Args:
        ledger: Where to write.
        requests: Those to ask about; what is over for good is returned as it is.
        adapters: To share between calls.
        failed: Called for a request that could not be asked about; it stays as it was.

    Returns:
        The requests, as they stand now.
    """
    made = adapters if adapters is not None else {}
    listed = list(requests)
    last = _newest(ledger.requests())
    waiting = [request for request in listed if _is_followed(request, last)]
    waiting += [request for request in listed if _was_being_sent(request)]
    for cloud in {request.cloud for request in waiting}:
        made.setdefault(cloud, adapter(cloud))
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="follow") as pool:
        answers = dict(
            zip(
                [request.id for request in waiting],
                pool.map(lambda request: _ask(made[request.cloud], request), waiting),
                strict=True,
            )
        )
    found = []
    for request in listed:
        answer = answers.get(request.id)
        if isinstance(answer, PlannerError):
            if failed is None:
                raise answer
            failed(request, answer)
            found.append(request)
        elif answer is None:
            found.append(_given_up(request, ledger))
        else:
            found.append(save(request, answer, ledger))
    return found


def save(request: QuotaRequest, answer: Answer, ledger: Ledger) -> QuotaRequest:
    """Write down what the cloud says, and return the request as it stands."""
    now = settings.now()
    outcome = decide(answer, old=request.old_limit, desired=request.desired)
    opened = request.kind == "access" and outcome.state is State.APPROVED
    seen = replace(
        request,
        native_id=answer.native_id or request.native_id,
        native_state=answer.native_state,
        state=outcome.state.value,
        reason="the subscription may use it now" if opened else outcome.reason,
        is_open=outcome.is_open,
        granted=None if outcome.is_open else answer.limit,
        checked_at=now,
        closed_at=None if outcome.is_open else request.closed_at or now,
        ticket=answer.case or request.ticket,
        is_explained=request.is_explained or answer.is_explained,
        reply=answer.reply or request.reply,
    )
    ledger.save_request(seen)
    return seen


def newest(requests: Sequence[QuotaRequest]) -> list[QuotaRequest]:
    """Return the last request of each quota: what was asked before it is history."""
    last = _newest(requests)
    return [request for request in requests if last[request.key] == request.id]


def next_steps(request: QuotaRequest) -> list[str]:
    """Return what the user can do about a request, in the state it is in."""
    steps = adapter(request.cloud).next_steps(request)
    what = request.model or (
        f"--instance-type {request.instance_type}" if request.instance_type else "MODEL"
    )
    elsewhere = [
        f"another region or accelerator: planner quota plan {what} --geo all",
        f"what needs less quota or none: planner quota capacity {what}",
    ]
    if request.state == State.DENIED:
        first = "do not file the same again; ask for less, or run smaller machines first"
        return [first, *elsewhere, *steps]
    if request.state == State.PARTIAL:
        got = 0 if request.granted is None else request.granted
        first = f"use what was granted, {got:g} {request.unit}, and ask for the rest later"
        return [first, *elsewhere, *steps]
    missing = sum(request.wants.values()) - (request.granted or 0)
    if request.state == State.APPROVED and missing > 0 and request.granted is not None:
        more = " and ".join(request.wants)
        return [f"{missing:g} {request.unit} more are wanted for {more}: ask again", *steps]
    return steps


def _newest(requests: Iterable[QuotaRequest]) -> dict[tuple[str, ...], int]:
    last: dict[tuple[str, ...], int] = {}
    for request in requests:
        last[request.key] = max(request.id, last.get(request.key, 0))
    return last


def _is_followed(request: QuotaRequest, last: dict[tuple[str, ...], int]) -> bool:
    if not request.native_id:
        return False
    if request.is_open:
        return True
    closed = request.closed_at or request.filed_at
    recent = settings.now() - closed < FOLLOWED
    return recent and request.state in _NOT_GRANTED and last.get(request.key) == request.id


def _was_being_sent(request: QuotaRequest) -> bool:
    """Tell whether a run was stopped between writing a request down and its answer."""
    old = settings.now() - request.filed_at >= _SENDING
    return request.is_open and not request.native_id and old


def _ask(cloud: QuotaAdapter, request: QuotaRequest) -> Answer | PlannerError | None:
    try:
        if not request.native_id:
            return _find(cloud, request)
        return cloud.poll(request)
    except PlannerError as error:
        return error


def _find(cloud: QuotaAdapter, request: QuotaRequest) -> Answer | None:
    """Look in the cloud for a request that was being sent; None: it never arrived."""
    quota = Quota(
        request.cloud,
        request.service,
        request.region,
        request.quota_id,
        request.quota_name,
        request.unit,
        tuple(sorted(request.dimensions.items())),
    )
    limit = cloud.read(quota).limit
    return cloud.find_open(Ask(Check(quota, 0, limit), int(request.desired)), request.filed_at)


def _given_up(request: QuotaRequest, ledger: Ledger) -> QuotaRequest:
    """Close a request whose sending was interrupted; the others stay as they are."""
    if not _was_being_sent(request):
        return request
    lost = replace(
        request,
        state=State.UNKNOWN.value,
        is_open=False,
        reason="planner was stopped while sending it; request it again to find out",
    )
    ledger.save_request(lost)
    return lost
