"""Endpoints on Azure, from the tags of their resource groups: one call for the subscription."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from planner.clouds import azure
from planner.clouds.settings import now
from planner.endpoints.azure_vm import api, expiry, watch
from planner.endpoints.azure_vm.requests import TAG_CREATED, TAG_RUN, Group
from planner.endpoints.machines import machine
from planner.endpoints.model import (
    TAG_ENDPOINT,
    TAG_HOURLY,
    TAG_MODEL,
    TAG_OWNER,
    TAG_PRECISION,
    TAG_SETTINGS,
    Endpoint,
    State,
)
from planner.errors import NotFoundError

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


def find(name: str, region: str) -> Endpoint | None:
    """Return the endpoint of that name in a region, or what is left of it, or None."""
    found = groups(name, region)
    return _one(found) if found else None


def endpoints(region: str) -> list[Endpoint]:
    """Return the endpoints of a region, leftovers last."""
    named: dict[str, list[Found]] = {}
    for item in groups(region=region):
        named.setdefault(item.name, []).append(item)
    found = [_one(items) for items in named.values()]
    return sorted(found, key=lambda item: item.state is State.LEFTOVER)


def place(name: str, region: str) -> Found:
    """Return the group that has the machine of an endpoint.

    Raises:
        NotFoundError: There is none.
    """
    for item in groups(name, region):
        if not item.deleting:
            return item
    raise NotFoundError(
        f"{name} is gone",
        why="its time was up, Azure took it back (Spot), or someone deleted it",
        advice="planner status",
    )


def settings(endpoint: Endpoint) -> dict[str, str]:
    """Return what an endpoint was made of; empty where its machine does not say."""
    where = place(endpoint.name, endpoint.region).group
    found = api.machine(where, endpoint.name, expand="userData")
    written = (found or {}).get("properties", {}).get("userData", "")
    return dict(json.loads(base64.b64decode(written))) if written else {}


def _one(found: list[Found]) -> Endpoint:
    """Return an endpoint from its groups: the oldest that has a machine counts."""
    parts = tuple(f"group:{item.group.name}" for item in found)
    for item in found:
        shown = api.machine(item.group, item.name)
        if shown is not None:
            return _endpoint(item, shown, parts)
    for item in found:
        if is_being_made(item):
            return _endpoint(item, _NO_MACHINE_YET, parts)
    first = found[0]
    return Endpoint(
        name=first.name,
        cloud="azure",
        service="azure-vm",
        region=first.region,
        state=State.DELETING if first.deleting else State.LEFTOVER,
        parts=parts,
    )


def is_being_made(item: Found) -> bool:
    """Tell whether a group is so young that its machine may be still to come.

    What another run is just making must not be taken for a leftover, and removed.
    """
    written = item.tags.get(TAG_CREATED, "")
    young = bool(written) and now() - datetime.fromisoformat(written) < _MAKING_TIME
    return young and not item.deleting


def _endpoint(item: Found, shown: dict[str, Any], parts: tuple[str, ...]) -> Endpoint:
    state, problem, occupied = _state(item, shown)
    properties, tags = shown["properties"], item.tags
    price = tags.get(TAG_HOURLY)
    ends = expiry.of(item.group)
    power = watch.power(shown)
    return Endpoint(
        name=item.name,
        cloud="azure",
        service="azure-vm",
        region=item.region,
        state=state,
        native_state=f"{properties.get('provisioningState', '')} {power}".strip(),
        model=tags.get(TAG_MODEL, ""),
        precision=tags.get(TAG_PRECISION, ""),
        owner=tags.get(TAG_OWNER, ""),
        instance_type=properties["hardwareProfile"]["vmSize"],
        hourly_usd=Decimal(price) if price else None,
        created_at=_created(shown),
        expires_at=ends,
        guarded=ends is not None,
        settings_hash=tags.get(TAG_SETTINGS, ""),
        parts=parts,
        occupied=occupied,
        problem=problem,
    )


def _state(item: Found, shown: dict[str, Any]) -> tuple[State, str, bool]:
    """Return state, problem, and whether a machine costs money although it has failed."""
    provisioning, power = shown["properties"].get("provisioningState", ""), watch.power(shown)
    if item.deleting or provisioning in _MAKING:
        return (State.DELETING if item.deleting else _MAKING[provisioning]), "", False
    if provisioning == "Failed" and power != "running":
        return State.FAILED, watch.refusal(shown), False
    if power in _STOPPED:
        return State.FAILED, _STOPPED[power], power == "stopped"
    stage = machine.stage(watch.lines(item.group, item.name))
    if stage.startswith(machine.FAILED):
        return State.FAILED, stage, True
    return (State.IN_SERVICE if stage == machine.READY else State.CREATING), "", False


def _created(shown: dict[str, Any]) -> datetime | None:
    written = shown["properties"].get("timeCreated")
    return datetime.fromisoformat(written).astimezone(UTC) if written else None
