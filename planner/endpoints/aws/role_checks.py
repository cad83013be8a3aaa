"""What preflight looks at in a role: that it is there, may be assumed, and may do its work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.endpoints.aws import roles
from planner.endpoints.deploying.preflight import Finding, Status, good
from planner.errors import PermissionDeniedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from planner.endpoints.aws.roles import Role

_CREATE = "--create-roles (with the least it needs)"


def check(
    name: str,
    role: Role,
    wanted: Callable[[dict[str, Any] | None], dict[str, Any]],
    *,
    arn: str = "",
    may_create: bool,
) -> Finding:
    """Look at a role.

    Args:
        name: Of the check.
        role: planner's own.
        wanted: Takes the policy that is in force and returns the one that planner would give it.
        arn: Of the role to use; empty for planner's own.
        may_create: Whether planner may make it, and give it its policy.
    """
    found = roles.find(arn or role.name)
    if found is None and arn:
        short = arn.rsplit("/", 1)[-1]
        remedy = "another --role, or --create-roles"
        return Finding(name, Status.BAD, f"there is no role {short}", remedy, UsageError)
    if found is None and may_create:
        return good(name, f"{role.name} will be created with the least it needs")
    if found is None:
        text = f"there is no role {role.name} ({role.purpose})"
        return Finding(name, Status.BAD, text, f"{_CREATE}, or --role ARN", UsageError)
    if not roles.trusts(found, role.service):
        text = f"{found['RoleName']} does not let {role.service} assume it"
        return Finding(name, Status.BAD, text, "another --role, or --create-roles", UsageError)
    if found["RoleName"] != role.name:
        return good(name, str(found["RoleName"]))
    return _policy(name, role, wanted, may_create=may_create)


def _policy(
    name: str,
    role: Role,
    wanted: Callable[[dict[str, Any] | None], dict[str, Any]],
    *,
    may_create: bool,
) -> Finding:
    """Look at the policy of one of planner's roles: without it, it can do nothing."""
    try:
        now = roles.in_force(role)
    except PermissionDeniedError as error:
        text = f"{role.name} is there; whether it has its policy is not known ({error})"
        return Finding(name, Status.UNKNOWN, text, error.advice, PermissionDeniedError)
    must = wanted(now)
    if now == must:
        return good(name, role.name)
    what = "no policy" if now is None else "another policy than this planner gives it"
    if may_create:
        return good(name, f"{role.name} has {what}; it will be given its own")
    if now is None:
        text = f"{role.name} has no policy: it can do nothing ({role.purpose})"
        return Finding(name, Status.BAD, text, _CREATE, UsageError)
    if lacks := _missing(now, must):
        text = f"{role.name} lacks {'; '.join(lacks)}"
        return Finding(name, Status.BAD, text, _CREATE, UsageError)
    return Finding(name, Status.WARNING, f"{role.name} has {what}", _CREATE)


def _missing(now: dict[str, Any], must: dict[str, Any]) -> list[str]:
    """Return the statements of a policy that another has no counterpart of, in words."""
    there = {item.get("Sid") for item in now.get("Statement", [])}
    return [
        f"{_words(item['Action'])} on {_words(item['Resource'])}"
        for item in must["Statement"]
        if item["Sid"] not in there
    ]


def _words(listed: str | list[str]) -> str:
    return listed if isinstance(listed, str) else ", ".join(listed)
