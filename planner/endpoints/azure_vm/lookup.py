"""Endpoints on Azure, from the tags of their resource groups: one call for the subscription."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from planner.clouds import azure
from planner.clouds.settings import now
from planner.endpoints.azure_vm import api, expiry, machine
from planner.endpoints.azure_vm.requests import TAG_CREATED, TAG_RUN, Group
from planner.endpoints.machines import found as shared
from planner.endpoints.machines import watch
from planner.endpoints.model import TAG_ENDPOINT, State

if TYPE_CHECKING:
    from planner.endpoints.model import Endpoint

_MAKING = {"Creating": State.CREATING, "Updating": State.UPDATING, "Deleting": State.DELETING}
_MAKING_TIME = timedelta(minutes=15)
_NO_MACHINE_YET: dict[str, Any] = {
    "properties": {"provisioningState": "Creating", "hardwareProfile": {"vmSize": ""}}
}
_STOPPED = {
    "deallocated": "deallocated: its disk alone costs money",
    "stopped": "stopped but not deallocated: it still costs money",
}


@dataclass(frozen=True, slots=True)
class Found:
    """A resource group of an endpoint.

    Attributes:
        deleting: Whether Azure is taking it away already.
    """

    group: Group
    region: str
    tags: dict[str, str]
    deleting: bool

    @property
    def name(self) -> str:
        """Return the endpoint's name."""
        return self.tags.get(TAG_ENDPOINT, "")

    @property
    def run(self) -> str:
        """Return the run that made it."""
        return self.tags.get(TAG_RUN, "")

    @property
    def age(self) -> tuple[str, str]:
        """Return what puts groups in the order in which they were made."""
        return self.tags.get(TAG_CREATED, ""), self.run


def groups(name: str = "", region: str = "") -> list[Found]:
    """Return the groups of endpoints, oldest first: all, of one endpoint, in one region."""
    wanted = f"tagName eq '{TAG_ENDPOINT}'" + (f" and tagValue eq '{name}'" if name else "")
    action = "Microsoft.Resources/subscriptions/resourceGroups/read"
    with azure.errors("list the resource groups", action=action):
        listed = list(azure.resources().resource_groups.list(filter=wanted))
    found = [
        Found(
            group=api.group(item.name or ""),
            region=item.location,
            tags=dict(item.tags or {}),
            deleting=bool(item.properties and item.properties.provisioning_state == "Deleting"),
        )
        for item in listed
    ]
    mine = [item for item in found if item.run and region in ("", item.region)]
    return sorted(mine, key=lambda item: item.age)


def look(region: str, name: str = "") -> list[shared.Found]:
    """Return what the subscription has of endpoints in a region, or of one of them."""
    named: dict[str, list[Found]] = {}
    for item in groups(name, region):
        # The list is behind: a group that was just deleted stands in it still.
        if api.group_is_there(item.group.name):
            named.setdefault(item.name, []).append(item)
    return [_found(items) for items in named.values()]


def place(name: str, region: str) -> Found:
    """Return the group that has the machine of an endpoint.

    Raises:
        NotFoundError: There is none.
    """
    for item in groups(name, region):
        if not item.deleting:
            return item
    raise watch.gone(name, "Azure")


def settings(endpoint: Endpoint) -> dict[str, str]:
    """Return what an endpoint was made of; empty where its machine does not say."""
    where = place(endpoint.name, endpoint.region).group
    found = api.machine(where, endpoint.name, expand="userData")
    written = (found or {}).get("properties", {}).get("userData", "")
    return dict(json.loads(base64.b64decode(written))) if written else {}


def _found(items: list[Found]) -> shared.Found:
    """Return an endpoint from its groups: the oldest that has a machine counts."""
    return shared.Found(
        name=items[0].name,
        region=items[0].region,
        machine=_machine_in(items),
        parts=[f"group:{item.group.name}" for item in items],
        deleting=items[0].deleting,
    )


def _machine_in(items: list[Found]) -> shared.Machine | None:
    for item in items:
        shown = api.machine(item.group, item.name)
        if shown is not None:
            return _machine(item, shown)
    for item in items:
        if is_being_made(item):
            return _machine(item, _NO_MACHINE_YET)
    return None


def is_being_made(item: Found) -> bool:
    """Tell whether a group is so young that its machine may be still to come.

    What another run is just making must not be taken for a leftover, and removed.
    """
    written = item.tags.get(TAG_CREATED, "")
    young = bool(written) and now() - datetime.fromisoformat(written) < _MAKING_TIME
    return young and not item.deleting


def _machine(item: Found, shown: dict[str, Any]) -> shared.Machine:
    state, problem, occupied = _state(item, shown)
    properties, (ends, may_end) = shown["properties"], expiry.of(item.group)
    provisioning = properties.get("provisioningState", "")
    written = properties.get("timeCreated")
    return shared.Machine(
        name=item.name,
        region=item.region,
        place=item.group.name,
        run=item.run,
        state=state,
        native_state=f"{provisioning} {machine.power(shown)}".strip(),
        instance_type=properties["hardwareProfile"]["vmSize"],
        created_at=datetime.fromisoformat(written).astimezone(UTC) if written else None,
        tags=item.tags,
        console=machine.AzureMachine(item.group, item.name).console,
        expires_at=ends,
        guarded=may_end,
        problem=problem,
        occupied=occupied,
    )


def _state(item: Found, shown: dict[str, Any]) -> tuple[State, str, bool]:
    """Return state, problem, and whether a machine costs money although it has failed."""
    power = machine.power(shown)
    provisioning = shown["properties"].get("provisioningState", "")
    if item.deleting or provisioning in _MAKING:
        return (State.DELETING if item.deleting else _MAKING[provisioning]), "", False
    if provisioning == "Failed" and power != "running":
        return State.FAILED, machine.refusal(shown), False
    if power in _STOPPED:
        return State.FAILED, _STOPPED[power], power == "stopped"
    return State.IN_SERVICE, "", False
