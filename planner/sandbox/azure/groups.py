"""Simulated Microsoft.Resources: resource groups, providers, permissions, operations.

Documented (azure-mgmt-resource): paths, members, the tag filter, 202 with ``Location`` for
deletions. Assumed: that the signed-in user is an owner. Knobs: ``list_lag_s`` (the list by tag),
``read_lag_s`` (a group by its name).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, jsonify, request

from planner.sandbox.azure import machines
from planner.sandbox.azure.arm import SUBSCRIPTION, ArmError, route
from planner.sandbox.azure.store import GROUPS, knob, store

if TYPE_CHECKING:
    from planner.sandbox.world import World

_GROUPS = f"{SUBSCRIPTION}/resourcegroups"
_KIND = "Microsoft.Resources/subscriptions/resourceGroups"
_OPERATIONS = f"{SUBSCRIPTION}/operationresults"
_FILTER = re.compile(r"tagName eq '(?P<name>[^']+)'(?: and tagValue eq '(?P<value>[^']*)')?")
_PROVIDERS = (
    *("Microsoft.Authorization", "Microsoft.Compute", "Microsoft.DevTestLab"),
    *("Microsoft.KeyVault", "Microsoft.Logic", "Microsoft.ManagedIdentity"),
    *("Microsoft.Network", "Microsoft.Quota", "Microsoft.Resources"),
)


def blueprint(world: World) -> Blueprint:
    """Return the routes."""
    made = Blueprint("groups", __name__)
    _groups(made, world)

    @route(made, f"{SUBSCRIPTION}/providers", "Microsoft.Resources/subscriptions/providers/read")
    def providers(subscription: str) -> Response:
        state = "Registered" if world.scenario.providers_registered else "NotRegistered"
        base = f"/subscriptions/{subscription}/providers"
        return jsonify(
            value=[
                {"id": f"{base}/{name}", "namespace": name, "registrationState": state}
                for name in _PROVIDERS
            ]
        )

    kind = "Microsoft.Authorization/permissions"

    @route(made, f"{SUBSCRIPTION}/providers/{kind}", f"{kind}/read")
    def permissions(subscription: str) -> Response:
        del subscription
        denied = list(world.scenario.denied_actions)
        return jsonify(value=[{"actions": ["*"], "notActions": denied}])

    @route(made, f"{_OPERATIONS}/<id_>", f"{_KIND}/read")
    def operation_result(subscription: str, id_: str) -> tuple[Response, int, dict[str, str]]:
        del subscription
        with world.lock:
            operation = store(world).look(id_)
            if not operation.done:
                return jsonify({}), 202, {"Location": request.url}
            if operation.error is not None:
                raise operation.error
            return jsonify({}), 200, {}

    return made


def _groups(made: Blueprint, world: World) -> None:
    @route(made, _GROUPS, f"{_KIND}/read")
    def list_groups(subscription: str) -> Response:
        del subscription
        wanted = _FILTER.fullmatch(request.args.get("$filter", ""))
        if wanted is None:
            raise ArmError("InvalidFilterInQueryString", "the sandbox filters groups by tag")
        with world.lock:
            found = [
                item
                for item in world.lag.all_seen(
                    GROUPS, store(world).groups, world.scenario.list_lag_s
                ).values()
                if wanted["name"] in item["tags"]
                and wanted["value"] in (None, item["tags"][wanted["name"]])
            ]
            return jsonify(value=found)

    @route(made, f"{_GROUPS}/<name>", f"{_KIND}/read")
    def get_group(subscription: str, name: str) -> Response:
        del subscription
        with world.lock:
            there = store(world).groups.get(name.casefold())
            delay = world.scenario.read_lag_s
            found = world.lag.seen(GROUPS, name.casefold(), there, delay)
            return jsonify(found or store(world).no_group(name))

    @route(made, f"{_GROUPS}/<name>", f"{_KIND}/write", "PUT")
    def put_group(subscription: str, name: str) -> tuple[Response, int]:
        with world.lock:
            shown, status = _put(world, subscription, name, request.get_json())
        return jsonify(shown), status

    @route(made, f"{_GROUPS}/<name>", f"{_KIND}/write", "PATCH")
    def patch_group(subscription: str, name: str) -> Response:
        del subscription
        with world.lock:
            found = store(world).open_group(name)
            found["tags"] = request.get_json()["tags"]
            return jsonify(found)

    @route(made, f"{_GROUPS}/<name>", f"{_KIND}/delete", "DELETE")
    def delete_group(subscription: str, name: str) -> tuple[Response, int, dict[str, str]]:
        with world.lock:
            id_ = _delete(world, name)
        where = f"{request.host_url}subscriptions/{subscription}/operationresults/{id_}"
        return jsonify({}), 202, {"Location": f"{where}?api-version=2021-04-01"}


def _put(world: World, subscription: str, name: str, body: dict[str, Any]) -> tuple[Any, int]:
    groups = store(world).groups
    there = name.casefold() in groups
    if there:
        was = store(world).open_group(name)["location"]
        if was != body["location"]:
            raise ArmError(
                "InvalidResourceGroupLocation",
                f"Invalid resource group location. The resource group already exists in '{was}'.",
                409,
            )
    world.lag.changing(GROUPS, name.casefold(), groups.get(name.casefold()))
    groups[name.casefold()] = {
        "id": f"/subscriptions/{subscription}/resourceGroups/{name}",
        "name": name,
        "type": "Microsoft.Resources/resourceGroups",
        "location": body["location"],
        "tags": body.get("tags", {}),
        "properties": {"provisioningState": "Succeeded"},
    }
    return groups[name.casefold()], 200 if there else 201


def _delete(world: World, name: str) -> str:
    kept = store(world)
    found = kept.group(name)
    found["properties"]["provisioningState"] = "Deleting"
    if knob(world, "failed_deletes"):

        def stay() -> None:
            found["properties"]["provisioningState"] = "Succeeded"

        error = ArmError(
            "ResourceGroupDeletionBlocked",
            f"Deletion of resource group '{name}' failed as resources with identifiers "
            "'Microsoft.Compute/virtualMachines/...' could not be deleted.",
            409,
        )
        return kept.begin(stay, error)

    def go() -> None:
        kept.drop_group(name)
        machines.recount(world)

    return kept.begin(go)
