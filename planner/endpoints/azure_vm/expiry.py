"""The expiry: a Logic App in the endpoint's own group that deletes the group when its time is up.

It is there before the machine is, needs neither this computer nor a machine that works, and
tries again until the group is gone. Behind it stands Azure's auto-shutdown of the machine, which
needs no role, but knows only the time of day: it is on during the last day alone.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from planner.clouds import azure, settings
from planner.endpoints.azure_vm import api, parts
from planner.endpoints.model import TAG_EXPIRES
from planner.endpoints.watching import waiting
from planner.errors import CloudError

if TYPE_CHECKING:
    from planner.endpoints.azure_vm.requests import Group
    from planner.endpoints.interface import Context

_LOGIC = "Microsoft.Logic/workflows"
_ROLES = "Microsoft.Authorization/roleAssignments"
_SCHEDULES = "Microsoft.DevTestLab/schedules"
_NOT_THERE = {"LocationNotAvailableForResourceType", "NoRegisteredProviderFound"}
_GRACE = timedelta(minutes=15)
_DAY = timedelta(days=1)


def put(
    where: Group, region: str, tags: dict[str, str], expires_at: datetime, context: Context
) -> str:
    """Let the cloud delete a group at a time, set or moved; return the Logic App's id."""
    made = api.put(
        where.part(_LOGIC, parts.WORKFLOW),
        parts.workflow(where, region, tags, expires_at),
        "set the expiry",
        context,
        kind=_LOGIC,
    )
    id_, body = parts.role_assignment(where, made["identity"]["principalId"])
    # A new identity is not known everywhere at once.
    waiting.once_known(
        lambda: api.put(id_, body, "let the expiry delete the group", context, kind=_ROLES),
        context,
        lambda error: isinstance(error, CloudError) and error.code == "PrincipalNotFound",
    )
    return str(made["id"])


def drop(where: Group, name: str, region: str, context: Context) -> None:
    """Take the expiry away: the endpoint stays until someone deletes it."""
    set_shutdown(where, name, region, None, context)
    api.delete(where.part(_LOGIC, parts.WORKFLOW), "remove the expiry", context, kind=_LOGIC)


def set_shutdown(
    where: Group, name: str, region: str, expires_at: datetime | None, context: Context
) -> str:
    """Let Azure deallocate the machine soon after its expiry, if that is less than a day away.

    Returns:
        The id of the auto-shutdown; empty where the region has none.
    """
    at = None if expires_at is None else expires_at + _GRACE
    if at is not None and at - settings.now() >= _DAY:
        at = None
    try:
        made = api.put(
            parts.schedule_id(where, name),
            parts.schedule(where, name, region, at),
            "set the auto-shutdown",
            context,
            kind=_SCHEDULES,
        )
    except CloudError as error:
        if error.code not in _NOT_THERE:
            raise
        context.progress(f"{region} has no auto-shutdown: the Logic App stands alone", ())
        return ""
    return str(made["id"])


def of(where: Group) -> tuple[datetime | None, bool]:
    """Return when the cloud deletes a group (None: never), and whether it may.

    A Logic App whose identity has no role on the group runs, and deletes nothing.
    """
    found = api.get(where.part(_LOGIC, parts.WORKFLOW), "read the expiry", kind=_LOGIC) or {}
    properties = found.get("properties", {})
    if properties.get("state") != "Enabled":
        return None, False
    (trigger,) = properties["definition"]["triggers"].values()
    role, _ = parts.role_assignment(where, found["identity"]["principalId"])
    may = api.get(role, "read the expiry's role", kind=_ROLES) is not None
    return datetime.fromisoformat(trigger["recurrence"]["startTime"]), may


def tag(where: Group, expires: str) -> None:
    """Write the expiry onto the group, for people and lists."""
    client = azure.resources().resource_groups
    with azure.errors(
        "note the expiry", action="Microsoft.Resources/subscriptions/resourceGroups/write"
    ):
        tags = dict(client.get(where.name).tags or {})
        client.update(where.name, {"tags": {**tags, TAG_EXPIRES: expires}})
