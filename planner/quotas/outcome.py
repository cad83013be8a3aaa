"""How a quota request stands, in one set of words for three clouds.

A cloud's own word is never enough: "approved" may mean half of what was asked for, and
Google's answer has no status at all. So the limit is read again, and the state follows from
what it became. Sources: botocore's service-quotas model, azure-rest-api-specs and recorded
traffic of azure-cli-extensions, the protos of google.cloud.cloudquotas_v1.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_CLOCKS_APART = timedelta(minutes=2)


class State(StrEnum):
    """How a request stands."""

    PENDING = "PENDING"
    NEEDS_HUMAN = "NEEDS_HUMAN"
    APPROVED = "APPROVED"
    PARTIAL = "PARTIAL"
    DENIED = "DENIED"
    UNKNOWN = "UNKNOWN"
    WITHDRAWN = "WITHDRAWN"  # taken back by the user


class Phase(StrEnum):
    """What the cloud's own word says, before the limit is looked at."""

    OPEN = "open"
    CASE = "case"  # a person at the cloud decides; the request is open
    CONTACT = "contact"  # the cloud wants a support ticket, and decides nothing without one
    GRANTED = "granted"
    REFUSED = "refused"
    CLOSED = "closed"  # decided, and the cloud does not say how
    LOST = "lost"  # the cloud does not know the request


@dataclass(frozen=True, slots=True)
class Answer:
    """What a cloud says about a request.

    Attributes:
        native_state: The cloud's own word.
        code: Its error code, where there is one.
        message: Its words, without account numbers.
        limit: The limit now; None where it could not be read.
        desired: The total that the request asks for.
        case: The number of the support case that decides it.
        is_explained: Whether the justification was put into the case just now.
        reply: What a person at the cloud last wrote, without account numbers.
    """

    native_id: str
    native_state: str
    phase: Phase
    limit: float | None = None
    code: str = ""
    message: str = ""
    desired: float | None = None
    filed_at: datetime | None = None
    case: str = ""
    is_explained: bool = False
    reply: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What planner makes of it.

    Attributes:
        is_open: Whether the request can still change; a new one must wait.
        reason: In one sentence.
    """

    state: State
    is_open: bool
    reason: str


def sent(answers: Iterable[Answer], desired: float, since: datetime | None = None) -> Answer | None:
    """Return the request among those of one quota that is open, or was sent since a time.

    The clouds' clocks and this one may be a little apart.
    """
    listed = list(answers)
    for answer in listed:
        if answer.phase in {Phase.OPEN, Phase.CASE}:
            return answer
    if since is None:
        return None
    earliest = since - _CLOCKS_APART
    for answer in listed:
        if answer.desired == desired and answer.filed_at and answer.filed_at >= earliest:
            return answer
    return None


_UNDECIDED = {
    Phase.OPEN: (State.PENDING, True, "the cloud is deciding"),
    Phase.CASE: (State.NEEDS_HUMAN, True, "a support case is open; answer it"),
    # Open, because asking again would only be sent there again.
    Phase.CONTACT: (State.NEEDS_HUMAN, True, "the cloud wants a support ticket"),
}


def decide(answer: Answer, *, old: float | None, desired: float) -> Outcome:
    """Return the state of a request, from the cloud's word and the limit as it is now.

    Args:
        answer: The cloud's word and the limit.
        old: The limit when the request was filed.
        desired: The total that was asked for.
    """
    said = answer.message or answer.code
    if answer.limit is not None and answer.limit >= desired:
        return Outcome(State.APPROVED, is_open=False, reason=f"the limit is {answer.limit:g}")
    if answer.phase in _UNDECIDED:
        state, is_open, reason = _UNDECIDED[answer.phase]
        return Outcome(state, is_open=is_open, reason=said or reason)
    if answer.limit is None or old is None:
        return Outcome(
            State.UNKNOWN, is_open=False, reason=said or "the limit could not be read again"
        )
    if answer.limit > old:
        reason = f"the limit rose from {old:g} to {answer.limit:g}, not to {desired:g}"
        return Outcome(State.PARTIAL, is_open=False, reason=reason)
    return _unmoved(answer, said)


def _unmoved(answer: Answer, said: str) -> Outcome:
    """Return the state of a request that is decided and whose limit is what it was."""
    if answer.phase is Phase.GRANTED:
        reason = "approved, but the limit has not moved yet"
        return Outcome(State.PENDING, is_open=True, reason=reason)
    if answer.phase is Phase.REFUSED:
        return Outcome(State.DENIED, is_open=False, reason=said or "the cloud refused it")
    return Outcome(State.UNKNOWN, is_open=False, reason=said or "the cloud does not say how")
