"""Prove that a schedule will end something: it is there, is on, and its role may do it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from planner.endpoints.aws import calls, simulation
from planner.endpoints.model import TAG_ENDPOINT
from planner.endpoints.watching.guard import GuardProof
from planner.errors import CloudError, PermissionDeniedError

if TYPE_CHECKING:
    from typing import Any

BY = "EventBridge Scheduler"


def prove(schedule: str, region: str, endpoint: str, action: str, resource: str) -> GuardProof:
    """Return what is found out about one schedule.

    Args:
        schedule: Its name.
        region: Where it is.
        endpoint: Whose tag the resource bears.
        action: What it calls, in IAM's words: ``sagemaker:DeleteEndpoint``.
        resource: The ARN of what it ends.
    """
    found = _read(schedule, region)
    if found is None:
        return GuardProof(BY, None, may_act=False, why=f"there is no schedule {schedule}")
    start = found.get("StartDate")
    acts_at = start.astimezone(UTC) if isinstance(start, datetime) else None
    if found.get("State", "ENABLED") != "ENABLED":
        return GuardProof(
            BY, acts_at, may_act=False, why=f"the schedule {schedule} is switched off"
        )
    role = str(found["Target"]["RoleArn"])
    question = simulation.Question(
        [action], resource, {f"aws:ResourceTag/{TAG_ENDPOINT}": endpoint}
    )
    try:
        lacks = simulation.denied(role, [question])
    except PermissionDeniedError as error:
        return GuardProof(BY, acts_at, may_act=None, why=str(error))
    except CloudError as error:
        if not calls.is_missing(error):
            raise
        return GuardProof(BY, acts_at, may_act=False, why=f"there is no role {role}")
    if lacks:
        name = role.rsplit("/", 1)[-1]
        return GuardProof(BY, acts_at, may_act=False, why=f"the role {name} lacks {action} on it")
    return GuardProof(BY, acts_at)


def _read(schedule: str, region: str) -> dict[str, Any] | None:
    try:
        return calls.call("scheduler", region, "get_schedule", "read the expiry", Name=schedule)
    except CloudError as error:
        if calls.is_missing(error):
            return None
        raise
