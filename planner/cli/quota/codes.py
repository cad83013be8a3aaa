"""The exit codes of the quota commands, for scripts.

::

    0   there is room; or every request is granted
    4   a quota is too small
    5   it is not known: no access, or the cloud does not say
    8   a request is pending
    9   a request was refused, or granted in part only
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.ledger import QuotaRequest
    from planner.quotas.model import DemandCheck

SHORT = 4
UNKNOWN = 5
PENDING = 8
DENIED = 9


def of_checks(checks: Sequence[DemandCheck], *, together: bool = False) -> int:
    """Return the code of a check: one place with room is enough, unless all are to run."""
    from planner.quotas.model import Verdict

    room = [check.deployable for check in checks]
    if all(room) if together else any(room):
        return 0
    known = any(check.verdict is Verdict.SHORT or check.closed for check in checks)
    return SHORT if known else UNKNOWN


def of_requests(requests: Sequence[QuotaRequest]) -> int:
    """Return the code of requests; of each quota the newest one counts."""
    from planner.quotas.following import newest
    from planner.quotas.outcome import State

    states = {request.state for request in newest(requests)}
    if states & {State.DENIED, State.PARTIAL}:
        return DENIED
    if states & {State.PENDING, State.NEEDS_HUMAN}:
        return PENDING
    return UNKNOWN if State.UNKNOWN in states else 0
