"""The way in to a simulated machine of Azure: its network's rules, its vault, as a reader sees it.

Documented: rules of a network security group, those with the lower number first; that a vault
answers at a host of its own, to whom its access policies name. Assumed: the words of its refusal.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, jsonify, request

from planner.sandbox import ingress
from planner.sandbox.azure import machines
from planner.sandbox.azure.store import store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.sandbox.world import World

_GROUPS = "Microsoft.Network/networkSecurityGroups"
_VAULTS = "Microsoft.KeyVault/vaults"


def blueprint(world: World) -> Blueprint:
    """Return the routes."""
    made = Blueprint("ingress", __name__)

    @made.get("/sandbox-ingress/<group>/<name>")
    def way_in(group: str, name: str) -> Response:
        with world.lock:
            script = machines.script(world, group, name)
            if not script.key:
                return Response("the machine has no way in", 404)
            machine = ingress.Machine(
                f"{group}/{name}",
                lambda: _value(world, group, script.key),
                lambda: list(_admitted(world, group)),
                lambda: machines.is_ready(world, group, name),
            )
            return Response(ingress.listen(world, machine))

    @made.get("/sandbox-vault/<vault>/secrets/<name>")
    def read(vault: str, name: str) -> Response:
        caller = _caller(request.headers.get("Authorization", ""))
        with world.lock:
            found = next(
                (item for item in store(world).of_kind(_VAULTS) if item["name"] == vault), None
            )
            if found is None:
                return Response("no such host", 404)
            if caller not in _readers(found):
                words = f"The user does not have secrets get permission on key vault '{vault}'."
                return Response(words, 403)
            group = found["id"].split("/")[4]
            return jsonify(value=_value(world, group, name))

    return made


def _caller(authorization: str) -> str:
    claims = authorization.removeprefix("Bearer ").split(".")[1]
    return str(json.loads(base64.urlsafe_b64decode(claims + "=="))["oid"])


def _readers(vault: dict[str, Any]) -> set[str]:
    policies = vault["properties"]["accessPolicies"]
    return {item["objectId"] for item in policies if "get" in item["permissions"]["secrets"]}


def _value(world: World, group: str, name: str) -> str:
    for item in store(world).of_kind(f"{_VAULTS}/secrets", group):
        if item["id"].endswith(f"/secrets/{name}"):
            return str(item["properties"]["value"])
    return ""


def _admitted(world: World, group: str) -> Iterator[str]:
    """Yield the networks whose HTTPS is let in before all is denied."""
    kept = store(world)
    rules = [
        *kept.of_kind(f"{_GROUPS}/securityRules", group),
        *(rule for item in kept.of_kind(_GROUPS, group) for rule in _own(item)),
    ]
    every = [rule["properties"] for rule in rules]
    denied = min((rule["priority"] for rule in every if rule["access"] == "Deny"), default=4097)
    for rule in every:
        to_https = rule["destinationPortRange"] == str(ingress.HTTPS)
        if rule["access"] == "Allow" and to_https and rule["priority"] < denied:
            yield rule["sourceAddressPrefix"]


def _own(group: dict[str, Any]) -> list[dict[str, Any]]:
    rules: list[dict[str, Any]] = group["properties"].get("securityRules", [])
    return rules
