"""Simulated resources of any type, below their resource group; and time, which takes them away.

Documented (REST references of Microsoft.Network, KeyVault, ManagedIdentity, Authorization, Logic
and DevTestLab): paths, members, what the server adds (principals, tenant), that a role for an
identity that is not known yet is refused with ``PrincipalNotFound``, that a Logic App's
recurrence does not run before its start time, that a deleted vault is kept. Assumed: that all but
machines are made at once.

Knobs: ``read_lag_s`` (what is read by its id), ``identity_lag_s`` (identities and roles).
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, jsonify, request

from planner.sandbox.azure import machines, schema
from planner.sandbox.azure.arm import SUBSCRIPTION, ArmError, kind_and_name, route
from planner.sandbox.azure.store import RESOURCES, store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.sandbox.world import World

_ANY = f"{SUBSCRIPTION}/resourceGroups/<group>/providers/<path:rest>"
_TENANT = "22222222-3333-4444-5555-666666666666"
_LOGIC = "Microsoft.Logic/workflows"
_ROLES = "Microsoft.Authorization/roleAssignments"
_IDENTITIES = "Microsoft.ManagedIdentity/userAssignedIdentities"
_SCHEDULES = "Microsoft.DevTestLab/schedules"
_CONTRIBUTOR = "b24988ac-6180-42a0-ab88-20f7382dd24c"
# What the server wants to be told, where no model of an SDK says it: members of ``properties``.
_REQUIRED = {
    "Microsoft.KeyVault/vaults": ("tenantId", "sku"),
    "Microsoft.KeyVault/vaults/secrets": ("value",),
    _ROLES: ("roleDefinitionId", "principalId"),
    _LOGIC: ("definition",),
    _SCHEDULES: ("taskType", "targetResourceId", "timeZoneId", "dailyRecurrence"),
}


def blueprint(world: World) -> Blueprint:
    """Return the routes."""
    made = Blueprint("resources", __name__)

    @route(made, _ANY, "")
    def get(subscription: str, group: str, rest: str) -> Response:
        kind, name = kind_and_name(rest)
        with world.lock:
            kept = store(world)
            if not name:
                kept.group(group)
                return jsonify(value=[_shown(item) for item in kept.of_kind(kind, group)])
            return jsonify(_get(world, kind, _id(subscription, group, rest)))

    @route(made, _ANY, "", "PUT")
    def put(subscription: str, group: str, rest: str) -> tuple[Response, int, dict[str, str]]:
        with world.lock:
            return _put(world, subscription, group, rest)

    @route(made, _ANY, "", "DELETE")
    def delete(subscription: str, group: str, rest: str) -> tuple[Response, int, dict[str, str]]:
        with world.lock:
            return _delete(world, subscription, group, rest)

    operations = f"{SUBSCRIPTION}/providers/Microsoft.Compute/locations/<location>/operations/<id_>"

    @route(made, operations, "Microsoft.Compute/locations/operations/read")
    def operation(subscription: str, location: str, id_: str) -> Response:
        del subscription, location
        with world.lock:
            found = store(world).look(id_)
            if not found.done:
                return jsonify(name=id_, status="InProgress")
            if found.error is not None:
                error = {"code": found.error.code, "message": str(found.error)}
                return jsonify(name=id_, status="Failed", error=error)
            return jsonify(name=id_, status="Succeeded")

    vaults = "providers/Microsoft.KeyVault/locations/<location>/deletedVaults/<name>"
    purging = "Microsoft.KeyVault/locations/deletedVaults/purge/action"

    @route(made, f"{SUBSCRIPTION}/{vaults}/purge", purging, "POST")
    def purge(subscription: str, location: str, name: str) -> tuple[Response, int]:
        del subscription, location
        with world.lock:
            if store(world).deleted_vaults.pop(name, None) is None:
                raise ArmError("DeletedVaultNotFound", "The specified vault does not exist.", 404)
        return jsonify({}), 202

    return made


def pass_time(world: World) -> None:
    """Let happen what the time has come for: Logic Apps delete groups, schedules deallocate."""
    kept, now = store(world), world.now()
    for workflow in kept.of_kind(_LOGIC):
        for group in _due(world, workflow, now):
            kept.drop_group(group)
            machines.recount(world)
    for schedule in kept.of_kind(_SCHEDULES):
        properties = schedule["properties"]
        if properties["status"] == "Enabled" and now >= schedule["_next"]:
            schedule["_next"] += timedelta(days=1)
            target = kept.resources.get(properties["targetResourceId"].casefold())
            if target is not None and target["_power"] == "running":
                target["_power"] = "deallocated"
                machines.recount(world)


def _get(world: World, kind: str, id_: str) -> dict[str, Any]:
    there, delay = store(world).resources.get(id_.casefold()), world.scenario.read_lag_s
    found = world.lag.seen(RESOURCES, id_.casefold(), there, delay)
    if found is None:
        raise ArmError("ResourceNotFound", f"The Resource '{id_}' was not found.", 404)
    if kind.casefold() == machines.KIND.casefold():
        machines.look(world, found)
    return _shown(found)


def _put(
    world: World, subscription: str, group: str, rest: str
) -> tuple[Response, int, dict[str, str]]:
    kept, (kind, name), body = store(world), kind_and_name(rest), request.get_json()
    kept.open_group(group)
    id_ = _id(subscription, group, rest)
    _refuse_wrong(world, kind, id_, body)
    there = id_.casefold() in kept.resources
    item = {**body, "id": id_, "name": name, "type": kind}
    if kind.casefold() == machines.KIND.casefold():
        shown, operation = machines.begin(world, id_, item)
        path = f"subscriptions/{subscription}/providers/Microsoft.Compute/locations"
        follow = f"{request.host_url}{path}/{body['location']}/operations/{operation}"
        return jsonify(shown), 200 if there else 201, {"Azure-AsyncOperation": follow}
    world.lag.changing(RESOURCES, id_.casefold(), kept.resources.get(id_.casefold()))
    kept.resources[id_.casefold()] = _completed(world, kind, item)
    return jsonify(_shown(kept.resources[id_.casefold()])), 200 if there else 201, {}


def _delete(
    world: World, subscription: str, group: str, rest: str
) -> tuple[Response, int, dict[str, str]]:
    kept, (kind, _) = store(world), kind_and_name(rest)
    kept.group(group)
    id_ = _id(subscription, group, rest)
    if id_.casefold() not in kept.resources:
        return jsonify({}), 204, {}
    if kind.casefold() != machines.KIND.casefold():
        kept.drop(id_)
        return jsonify({}), 200, {}
    kept.resource(id_)["properties"]["provisioningState"] = "Deleting"
    operation = kept.begin(lambda: machines.end(world, id_))
    path = f"subscriptions/{subscription}/operationresults/{operation}"
    return jsonify({}), 202, {"Location": f"{request.host_url}{path}?api-version=2021-04-01"}


def _refuse_wrong(world: World, kind: str, id_: str, body: dict[str, Any]) -> None:
    """Refuse what the service would refuse."""
    found = schema.wrong(kind.casefold(), body)
    absent = [name for name in _REQUIRED.get(kind, ()) if name not in body.get("properties", {})]
    found += [f"properties.{name} is missing" for name in absent]
    if found:
        raise ArmError("InvalidRequestContent", "; ".join(found))
    group = id_.partition("/providers/")[0].casefold()
    for other in _references(body):
        inside = other.casefold().startswith(f"{group}/")
        # A subnet is written inside its network.
        if inside and other.casefold().partition("/subnets/")[0] not in store(world).resources:
            raise ArmError("InvalidResourceReference", f"Resource {other} was not found.")
    if kind == _ROLES:
        principal = body["properties"]["principalId"]
        made = _principals(world).get(principal)
        lag = timedelta(seconds=world.scenario.identity_lag_s)
        if made is None or world.now() < made + lag:
            raise ArmError(
                "PrincipalNotFound",
                f"Principal {principal} does not exist in the directory. Check that you have the "
                "correct principal ID. If you are creating this principal and then immediately "
                "assigning a role, this error might be related to a replication delay.",
            )


def _references(value: object) -> Iterator[str]:
    """Yield the ids of other resources that a body refers to."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key in {"id", "targetResourceId"} and isinstance(item, str):
                yield item
            elif key == "userAssignedIdentities":
                yield from item
            else:
                yield from _references(item)
    elif isinstance(value, list):
        for item in value:
            yield from _references(item)


def _completed(world: World, kind: str, item: dict[str, Any]) -> dict[str, Any]:
    """Return a resource with what the server adds."""
    before = store(world).resources.get(item["id"].casefold(), {})
    made = {
        **item,
        "properties": dict(item.get("properties", {})),
        "_made": before.get("_made", world.now()),
    }
    principal = str(uuid.uuid5(uuid.NAMESPACE_URL, made["id"].casefold()))
    if kind == _IDENTITIES:
        made["properties"].update(tenantId=_TENANT, principalId=principal, clientId=principal)
    if made.get("identity", {}).get("type") == "SystemAssigned":
        made["identity"] = {**made["identity"], "principalId": principal, "tenantId": _TENANT}
    if kind == _SCHEDULES:
        made["_next"] = _next(world.now(), made["properties"]["dailyRecurrence"]["time"])
    if kind != _ROLES:
        made["properties"]["provisioningState"] = "Succeeded"
    return made


def _shown(item: dict[str, Any]) -> dict[str, Any]:
    """Return a resource as GET shows it; the value of a secret is not shown."""
    if item["type"].casefold() == machines.KIND.casefold():
        return machines.show(item, request.args.get("$expand", ""))
    shown = {key: value for key, value in item.items() if not key.startswith("_")}
    if item["type"] == "Microsoft.KeyVault/vaults/secrets":
        shown["properties"] = {k: v for k, v in item["properties"].items() if k != "value"}
    return shown


def _principals(world: World) -> dict[str, datetime]:
    """Return the identities and when each was made."""
    kept = store(world)
    own = {item["properties"]["principalId"]: item for item in kept.of_kind(_IDENTITIES)}
    of_workflows = {item["identity"]["principalId"]: item for item in kept.of_kind(_LOGIC)}
    return {principal: item["_made"] for principal, item in {**own, **of_workflows}.items()}


def _due(world: World, workflow: dict[str, Any], now: datetime) -> Iterator[str]:
    """Yield the groups that a Logic App deletes now, and may: its identity is Contributor there."""
    properties = workflow["properties"]
    definition = properties["definition"]
    (trigger,) = definition["triggers"].values()
    starts = datetime.fromisoformat(trigger["recurrence"]["startTime"])
    if properties.get("state") != "Enabled" or now < starts:
        return
    for action in definition["actions"].values():
        given = action["inputs"]
        where = given["uri"].partition("?")[0].partition("management.azure.com")[2]
        group = where.rpartition("/")[2]
        if given["method"] != "DELETE" or given["authentication"]["type"] != (
            "ManagedServiceIdentity"
        ):
            continue
        for role in store(world).of_kind(_ROLES, group):
            granted = role["properties"]
            known = role["_made"] + timedelta(seconds=world.scenario.identity_lag_s)
            if now < known:
                continue
            if granted["principalId"] == workflow["identity"]["principalId"] and granted[
                "roleDefinitionId"
            ].endswith(_CONTRIBUTOR):
                yield group


def _next(now: datetime, at: str) -> datetime:
    """Return when a time of day (``HHMM``, UTC) comes next."""
    today = now.replace(hour=int(at[:2]), minute=int(at[2:]), second=0, microsecond=0)
    return today if today > now else today + timedelta(days=1)


def _id(subscription: str, group: str, rest: str) -> str:
    return f"/subscriptions/{subscription}/resourceGroups/{group}/providers/{rest}"
