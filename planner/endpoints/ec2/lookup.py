"""Endpoints on EC2, from the tags of machines and the names of what is beside them."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from planner.endpoints.ec2 import expiry, machines, requests, secret
from planner.endpoints.ec2.machine import Ec2Machine
from planner.endpoints.machines.found import Found, Machine
from planner.endpoints.model import TAG_ENDPOINT, TAG_EXPIRES, State

if TYPE_CHECKING:
    from collections.abc import Iterable

    from planner.endpoints.ec2.expiry import Order

_STATES = {
    "pending": State.CREATING,
    "running": State.IN_SERVICE,
    "shutting-down": State.DELETING,
    "stopping": State.FAILED,
    "stopped": State.FAILED,
}


def look(region: str, name: str = "") -> list[Found]:
    """Return what the account has of planner's endpoints in a region, or of one of them."""
    orders: defaultdict[str, dict[str, Order]] = defaultdict(dict)
    for schedule, order in expiry.schedules(region, name).items():
        orders[requests.endpoint_of_schedule(schedule)][schedule] = order
    ordered = [order.machine for group in orders.values() for order in group.values()]
    there: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for item in _alive(region, name, ordered):
        there[machines.tags(item).get(TAG_ENDPOINT, "")].append(item)
    tokens: defaultdict[str, list[secret.Stored]] = defaultdict(list)
    for kept in secret.stored(region, name):
        tokens[kept.endpoint].append(kept)
    names = dict.fromkeys([*there, *orders, *tokens])
    return [_found(each, region, there[each], orders[each], tokens[each]) for each in names]


def instances(name: str, region: str) -> list[dict[str, Any]]:
    """Return the machines of an endpoint, oldest first."""
    ordered = [order.machine for order in expiry.schedules(region, name).values()]
    found = _alive(region, name, ordered)
    return [item for item in found if machines.tags(item).get(TAG_ENDPOINT) == name]


def _alive(region: str, name: str, ordered: Iterable[str]) -> list[dict[str, Any]]:
    """Return the machines that are listed or ordered to end, each asked for by its id.

    Lists are behind: a machine that was just made is not in them, one that was just terminated
    still is. What an expiry will terminate is known by its id at once.
    """
    listed = [item["InstanceId"] for item in machines.of_endpoint(region, name)]
    seen = [machines.get(number, region) for number in dict.fromkeys([*listed, *ordered])]
    return machines.by_age(item for item in seen if item is not None)


def _found(
    name: str,
    region: str,
    there: list[dict[str, Any]],
    orders: dict[str, Order],
    tokens: list[secret.Stored],
) -> Found:
    return Found(
        name=name,
        region=region,
        machine=_machine(there[0], name, region, orders) if there else None,
        parts=[
            *(f"instance:{item['InstanceId']}" for item in there),
            *(f"schedule:{schedule}" for schedule in orders),
            *(f"parameter:{kept.name}" for kept in tokens),
        ],
        created_at=max((kept.created for kept in tokens if kept.created), default=None),
    )


def _machine(item: dict[str, Any], name: str, region: str, orders: dict[str, Order]) -> Machine:
    tags, number = machines.tags(item), item["InstanceId"]
    state = machines.state(item)
    own = requests.schedule_name(name, tags.get(requests.TAG_RUN, ""))
    return Machine(
        name=name,
        region=region,
        place=number,
        run=tags.get(requests.TAG_RUN, ""),
        state=_STATES.get(state, State.FAILED),
        native_state=state,
        instance_type=item["InstanceType"],
        created_at=item["LaunchTime"].astimezone(UTC),
        tags=tags,
        console=Ec2Machine(name, number, region).console,
        expires_at=_moment(tags.get(TAG_EXPIRES, "")),
        guarded=own in orders,
        problem=item.get("StateReason", {}).get("Message", ""),
    )


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
