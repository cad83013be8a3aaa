"""Endpoints on Compute Engine, from the labels of machines and secrets."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from planner.endpoints.gce import api, requests, secret, watch
from planner.endpoints.machines import machine
from planner.endpoints.model import (
    TAG_HOURLY,
    TAG_MODEL,
    TAG_OWNER,
    TAG_PRECISION,
    TAG_SETTINGS,
    Endpoint,
    State,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    return sorted(mine, key=lambda item: (item["creationTimestamp"], item["id"]))


def find(name: str, region: str) -> Endpoint | None:
    """Return the endpoint of that name in a region, or what is left of it, or None."""
    found = [item for item in instances(name) if region_of(item) == region]
    secrets = list(secret.stored(region, name))
    if found:
        return endpoint(found[0], secrets)
    return leftover(name, region, secrets) if secrets else None


def endpoints(region: str) -> list[Endpoint]:
    """Return the endpoints of a region, leftovers last."""
    machines = instances()
    secrets: dict[str, list[secret.Stored]] = {}
    for item in secret.stored(region):
        secrets.setdefault(item.endpoint, []).append(item)
    machines = [item for item in machines if region_of(item) == region]
    living = {label(item, requests.LABEL_ENDPOINT) for item in machines}
    here = [
        endpoint(item, secrets.get(label(item, requests.LABEL_ENDPOINT), [])) for item in machines
    ]
    left = [leftover(name, region, parts) for name, parts in secrets.items() if name not in living]
    return [*here, *left]


def leftover(name: str, region: str, secrets: list[secret.Stored]) -> Endpoint:
    """Return what remains of an endpoint that is gone, or what there is of one to come."""
    return Endpoint(
        name=name,
        cloud="gcp",
        service="gce",
        region=region,
        state=State.LEFTOVER,
        created_at=max((item.created for item in secrets if item.created), default=None),
        parts=tuple(f"secret:{item.name}" for item in secrets),
    )


def endpoint(item: dict[str, Any], secrets: list[secret.Stored]) -> Endpoint:
    """Return a machine as an endpoint."""
    written = details(item)
    tags = written.get("tags", {})
    state = _STATES.get(item["status"], State.FAILED)
    name, zone = item["name"], zone_of(item)
    stage = ""
    if state is State.IN_SERVICE:
        stage = machine.stage(watch.lines(name, zone))
        if stage != machine.READY:
            state = State.FAILED if stage.startswith(machine.FAILED) else State.CREATING
    created = datetime.fromisoformat(item["creationTimestamp"]).astimezone(UTC)
    price = tags.get(TAG_HOURLY)
    ends = expiry(item, created)
    return Endpoint(
        name=name,
        cloud="gcp",
        service="gce",
        region=region_of(item),
        state=state,
        native_state=item["status"],
        model=tags.get(TAG_MODEL, ""),
        precision=tags.get(TAG_PRECISION, ""),
        owner=tags.get(TAG_OWNER, label(item, requests.LABEL_OWNER)),
        instance_type=item["machineType"].rsplit("/", 1)[-1],
        hourly_usd=Decimal(price) if price else None,
        created_at=created,
        expires_at=ends,
        guarded=ends is not None,
        settings_hash=tags.get(TAG_SETTINGS, ""),
        parts=(f"instance:{zone}/{name}", *(f"secret:{part.name}" for part in secrets)),
        problem=stage if state is State.FAILED else "",
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


def machine_zones(endpoint: Endpoint) -> Iterator[str]:
    """Yield the zones in which an endpoint has a machine."""
    for part in endpoint.parts:
        kind, _, rest = part.partition(":")
        if kind == "instance":
            yield rest.partition("/")[0]
