"""The order, kept by EventBridge Scheduler, to delete an endpoint when its time is up.

The schedule calls ``sagemaker:DeleteEndpoint`` itself (a universal target), so there is no
function to maintain and no laptop that must be awake. It repeats the order every 15 minutes
for a day, because SageMaker refuses to delete an endpoint that is just being changed.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from planner.clouds import settings
from planner.endpoints.sagemaker import api, requests
from planner.endpoints.watching import waiting
from planner.errors import CloudError

if TYPE_CHECKING:
    from datetime import datetime

    from planner.endpoints.interface import Context
    from planner.endpoints.model import DeploymentSpec

# EventBridge Scheduler takes a start that is not in the past; clocks differ a little.
_SOON = timedelta(minutes=1)


def create(spec: DeploymentSpec, name: str, context: Context) -> str:
    """Create one schedule of a deployment and return its name."""
    if spec.expires_at is None:
        return ""
    parameters = requests.schedule(name, spec.name, spec.expiry_role, spec.expires_at)
    try:
        # A role that was just made is not known everywhere at once.
        waiting.once_known(
            lambda: api.call(
                "scheduler", spec.region, "create_schedule", "set the expiry", **parameters
            ),
            context,
            api.is_role_unknown,
        )
    except CloudError as error:
        # The name is this run's alone: a repeated call has found its own work.
        if error.code != "ConflictException":
            raise
    return name


def of(spec: DeploymentSpec) -> list[str]:
    """Return the names of a deployment's schedules."""
    return requests.schedule_names(spec.name, spec.run, to_zero=spec.guard.to_zero)


def delete(name: str, region: str) -> None:
    """Delete a schedule; one that is gone is no error."""
    api.delete("scheduler", region, "delete_schedule", "remove the expiry", Name=name)


def schedules(endpoint: str, region: str) -> list[str]:
    """Return the names of the schedules of an endpoint (all endpoints': "")."""
    prefix = f"{requests.SCHEDULE_PREFIX}.{endpoint}." if endpoint else requests.SCHEDULE_PREFIX
    found = api.pages("scheduler", region, "list_schedules", "list the expiries", NamePrefix=prefix)
    names = [item["Name"] for page in found for item in page["Schedules"]]
    return [name for name in names if requests.endpoint_of_schedule(name)]


def bring_forward(spec: DeploymentSpec) -> None:
    """Let the cloud delete the endpoint from now on, as soon as it may."""
    for name in of(spec) if spec.expires_at is not None else ():
        move(name, spec.name, spec.region, spec.expiry_role, settings.now() + _SOON)


def move(name: str, endpoint: str, region: str, role: str, expires_at: datetime) -> None:
    """Move a schedule to another time, or make it where there is none."""
    parameters = requests.schedule(name, endpoint, role, expires_at)
    try:
        api.call("scheduler", region, "update_schedule", "move the expiry", **parameters)
    except CloudError as error:
        if not api.is_missing(error):
            raise
        api.call("scheduler", region, "create_schedule", "set the expiry", **parameters)


def role_of(name: str, region: str) -> str:
    """Return the role that a schedule acts as."""
    found = api.call("scheduler", region, "get_schedule", "read the expiry", Name=name)
    return str(found["Target"]["RoleArn"])
