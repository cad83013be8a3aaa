"""Endpoints on Compute Engine, from the labels of machines and secrets."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from planner.endpoints.gce import api, compute, requests, secret
from planner.endpoints.gce.machine import GceMachine
from planner.endpoints.machines.found import Found, Machine
from planner.endpoints.model import TAG_OWNER, State

if TYPE_CHECKING:
    from collections.abc import Iterable

_STATES = {
    "PENDING": State.CREATING,
    "PROVISIONING": State.CREATING,
    "STAGING": State.CREATING,
    "RUNNING": State.IN_SERVICE,
    "REPAIRING": State.UPDATING,
    "PENDING_STOP": State.DELETING,
    "STOPPING": State.DELETING,
    "SUSPENDING": State.DELETING,
    "SUSPENDED": State.FAILED,
    "TERMINATED": State.FAILED,
    "STOPPED": State.FAILED,
}


def instances(name: str = "") -> list[dict[str, Any]]:
    """Return planner's machines in the project, or those of one endpoint, oldest first."""
    wanted = f"labels.{requests.LABEL_ENDPOINT}" + (f"={name}" if name else ":*")
    found = [
        item
        for page in api.pages(
            "aggregated/instances",
            "list the machines",
            action="compute.instances.list",
            filter=wanted,
            returnPartialSuccess="true",
        )
        for place in page.get("items", {}).values()
        for item in place.get("instances", [])
    ]
    mine = [item for item in found if label(item, requests.LABEL_ENDPOINT)]
    if name:
        mine = [item for item in mine if label(item, requests.LABEL_ENDPOINT) == name]
    return by_age(mine)


def by_age(items: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return machines, oldest first."""
    return sorted(items, key=lambda item: (item["creationTimestamp"], item["id"]))


def look(region: str, name: str = "") -> list[Found]:
    """Return what the project has of planner's endpoints in a region, or of one of them."""
    machines: dict[str, list[dict[str, Any]]] = {}
    for listed in instances(name):
        # Lists are behind: a machine that was just deleted stands in them still.
        if region_of(listed) != region:
            continue
        item = compute.machine(zone_of(listed), listed["name"])
        if item is not None:
            machines.setdefault(label(item, requests.LABEL_ENDPOINT), []).append(item)
    secrets: dict[str, list[secret.Stored]] = {}
    for kept in secret.stored(region, name):
        if not secret.is_there(kept.name):
            continue
        secrets.setdefault(kept.endpoint, []).append(kept)
    names = dict.fromkeys([*machines, *secrets])
    return [_found(each, region, machines.get(each, []), secrets.get(each, [])) for each in names]


def _found(
    name: str, region: str, machines: list[dict[str, Any]], secrets: list[secret.Stored]
) -> Found:
    return Found(
        name=name,
        region=region,
        machine=_machine(machines[0]) if machines else None,
        parts=[
            *(f"instance:{zone_of(item)}/{item['name']}" for item in machines),
            *(f"secret:{item.name}" for item in secrets),
        ],
        created_at=max((item.created for item in secrets if item.created), default=None),
    )


def _machine(item: dict[str, Any]) -> Machine:
    created = datetime.fromisoformat(item["creationTimestamp"]).astimezone(UTC)
    tags = details(item).get("tags", {})
    name, zone = item["name"], zone_of(item)
    return Machine(
        name=name,
        region=region_of(item),
        place=zone,
        run=label(item, requests.LABEL_RUN),
        state=_STATES.get(item["status"], State.FAILED),
        native_state=item["status"],
        instance_type=item["machineType"].rsplit("/", 1)[-1],
        created_at=created,
        tags={TAG_OWNER: label(item, requests.LABEL_OWNER), **tags},
        console=GceMachine(name, zone).console,
        expires_at=expiry(item, created),
    )


def expiry(item: dict[str, Any], created: datetime) -> datetime | None:
    """Return when Compute Engine deletes the machine by itself; None for never.

    The run time counts from the start; ``terminationTimestamp`` says it exactly.
    """
    scheduling = item.get("scheduling", {})
    stamped = item.get("resourceStatus", {}).get("scheduling", {}).get("terminationTimestamp")
    if stamped:
        return datetime.fromisoformat(stamped).astimezone(UTC)
    seconds = scheduling.get("maxRunDuration", {}).get("seconds")
    if not seconds or scheduling.get("instanceTerminationAction") != "DELETE":
        return None
    return created + timedelta(seconds=int(seconds))


def details(item: dict[str, Any]) -> dict[str, Any]:
    """Return the tags and settings that planner wrote onto a machine."""
    for pair in item.get("metadata", {}).get("items", []):
        if pair["key"] == requests.DETAILS:
            written: dict[str, Any] = json.loads(pair["value"])
            return written
    return {}


def label(item: dict[str, Any], name: str) -> str:
    """Return a label of a machine; empty where it has none."""
    return str(item.get("labels", {}).get(name, ""))


def zone_of(item: dict[str, Any]) -> str:
    """Return the zone of a machine."""
    return str(item["zone"]).rsplit("/", 1)[-1]


def region_of(item: dict[str, Any]) -> str:
    """Return the region of a machine."""
    return zone_of(item).rpartition("-")[0]
