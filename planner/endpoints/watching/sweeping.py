"""What should not be there: parts left over, failures, endpoints that are overdue or unguarded.

The clouds' tags are the truth. The ledger is compared with them: what it still lists and no cloud
has is forgotten, once it is old enough not to be another run that has only just begun.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from planner.endpoints.model import State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from planner.endpoints.model import Endpoint
    from planner.endpoints.watching.locate import Found
    from planner.ledger.ledger import Resource

_STARTING = timedelta(hours=2)
"""So long may a run take from its entry in the ledger until lists show what it made."""


SANDBOX = "sandbox/"
"""How the ids of what the sandbox holds begin in the ledger."""


class Reason(StrEnum):
    """Why something should go, or be looked at."""

    LEFTOVER = "left over"
    FAILED = "failed"
    OVERDUE = "overdue"
    UNGUARDED = "nothing ends it"


@dataclass(frozen=True, slots=True)
class Finding:
    """One endpoint that should not be as it is.

    Attributes:
        known: Whether this computer's ledger has it.
    """

    endpoint: Endpoint
    reason: Reason
    known: bool

    @property
    def removable(self) -> bool:
        """Whether a sweep removes it; what only lacks an end may be in use."""
        return self.reason is not Reason.UNGUARDED


def findings(
    endpoints: Iterable[Endpoint], ledger: Iterable[Resource], now: Callable[[str], datetime]
) -> list[Finding]:
    """Return what should not be there, what costs money first.

    Args:
        endpoints: All that the clouds show.
        ledger: What this computer has noted and not seen removed.
        now: Tells what time it is where a service's endpoints are.
    """
    noted = {(item.endpoint, item.region) for item in ledger}
    found = [
        Finding(item, reason, (item.name, item.region) in noted)
        for item in endpoints
        if (reason := _reason(item, now(item.service))) is not None
    ]
    return sorted(found, key=lambda item: (not item.endpoint.billed, item.endpoint.name))


def lost(
    found: Found, ledger: Iterable[Resource], now: datetime, *, simulated: bool
) -> list[Resource]:
    """Return the entries of the ledger whose thing no cloud has any more.

    Nothing is said of regions and services that could not be looked at, of this machine, nor of
    the sandbox where the clouds were asked (``simulated``: the other way round).
    """
    there = {(item.name, item.region) for item in found.endpoints}
    unseen = {place for place, _ in found.failures}
    return [
        item
        for item in ledger
        if item.cloud != "local"
        and item.id.startswith(SANDBOX) is simulated
        and (item.endpoint, item.region) not in there
        and not {item.region, item.kind.partition(":")[0]} & unseen
        and now - item.recorded_at > _STARTING
    ]


def _reason(endpoint: Endpoint, now: datetime) -> Reason | None:
    if endpoint.state is State.LEFTOVER:
        return Reason.LEFTOVER
    if endpoint.state is State.FAILED:
        return Reason.FAILED
    if endpoint.expires_at is not None and endpoint.expires_at < now:
        return Reason.OVERDUE
    return Reason.UNGUARDED if endpoint.billed and not endpoint.guarded else None
