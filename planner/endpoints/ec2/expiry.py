"""The order, kept by EventBridge Scheduler, to terminate a machine when its time is up.

It calls ``ec2:TerminateInstances`` itself: no function to maintain, no laptop that must be awake.
Behind it stands the machine's own clock: it switches itself off ten minutes later, and EC2
terminates a machine that does. That is set in the very call that creates the machine.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from planner.endpoints.aws import calls
from planner.endpoints.ec2 import identities, requests
from planner.endpoints.watching import waiting
from planner.errors import CloudError

if TYPE_CHECKING:
    from planner.endpoints.interface import Context
    from planner.endpoints.model import DeploymentSpec


def create(spec: DeploymentSpec, machine: str, context: Context) -> str:
    """Order the end of a machine and return the schedule's name."""
    if spec.expires_at is None:
        return ""
    name = requests.schedule_name(spec.name, spec.run)
    body = requests.schedule(name, spec.name, machine, spec.expiry_role, spec.expires_at)
    try:
        # A role that was just made is not known everywhere at once.
        waiting.once_known(
            lambda: calls.call(
                "scheduler", spec.region, "create_schedule", "set the expiry", **body
            ),
            context,
            calls.is_role_unknown,
        )
    except CloudError as error:
        # The name is this run's alone: a repeated call has found its own work.
        if error.code != "ConflictException":
            raise
    return name


def delete(name: str, region: str) -> None:
    """Delete a schedule; one that is gone is no error."""
    calls.delete("scheduler", region, "delete_schedule", "remove the expiry", Name=name)


class Order(NamedTuple):
    """What a schedule will do.

    Attributes:
        begins: When it begins to act.
        machine: What it terminates.
    """

    begins: datetime | None
    machine: str


def schedules(region: str, endpoint: str = "") -> dict[str, Order]:
    """Return the schedules of an endpoint (all endpoints': "") and what each will do."""
    prefix = f"{requests.PREFIX}.{endpoint}." if endpoint else f"{requests.PREFIX}."
    found = calls.pages(
        "scheduler", region, "list_schedules", "list the expiries", NamePrefix=prefix
    )
    names = [item["Name"] for page in found for item in page["Schedules"]]
    mine = [name for name in names if requests.endpoint_of_schedule(name)]
    read = {name: _read(name, region) for name in mine}
    return {name: order for name, order in read.items() if order is not None}


def move(endpoint: str, run: str, machine: str, region: str, at: datetime) -> None:
    """Move an expiry, or set it where there is none."""
    name = requests.schedule_name(endpoint, run)
    role = identities.ensure_expiry_role()
    body = requests.schedule(name, endpoint, machine, role, at)
    try:
        calls.call("scheduler", region, "update_schedule", "move the expiry", **body)
    except CloudError as error:
        if not calls.is_missing(error):
            raise
        calls.call("scheduler", region, "create_schedule", "set the expiry", **body)


def _read(name: str, region: str) -> Order | None:
    try:
        found = calls.call("scheduler", region, "get_schedule", "read the expiry", Name=name)
    except CloudError as error:
        if calls.is_missing(error):
            return None
        raise
    start = found.get("StartDate")
    begins = start.astimezone(UTC) if isinstance(start, datetime) else None
    (machine,) = json.loads(found["Target"]["Input"])["InstanceIds"]
    return Order(begins, str(machine))
