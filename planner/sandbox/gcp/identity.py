"""Simulated service accounts, secrets and firewall rules, as a deploy on Compute Engine uses them.

Documented (discovery documents iam.v1, secretmanager.v1, compute.v1): paths, members, conflicts,
``expireTime``; that a policy for an account that is too new is refused (google-cloud-go#11482).
Knobs: ``read_lag_s`` (accounts), ``list_lag_s`` (secrets), ``identity_lag_s``.
"""

from __future__ import annotations

import base64
from datetime import datetime
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, jsonify, request

from planner.sandbox.gcp import accounts
from planner.sandbox.gcp.google import GoogleError, route

if TYPE_CHECKING:
    from planner.sandbox.world import World

_SECRETS = ("gcp-secrets",)
_PARENT = "/v1/projects/<project>"
_FIREWALLS = "/compute/v1/projects/<project>/global/firewalls"


def blueprint(world: World) -> Blueprint:
    """Return the routes."""
    made = Blueprint("identity", __name__)
    _accounts(made, world)
    _secrets(made, world)
    _versions(made, world)
    _policies(made, world)
    _firewalls(made, world)
    return made


def _accounts(made: Blueprint, world: World) -> None:
    @route(made, f"{_PARENT}/serviceAccounts/<email>", "iam.serviceAccounts.get")
    def get_account(project: str, email: str) -> Response:
        del project
        with world.lock:
            there = world.notes["gcp-accounts"].get(email)
            delay = world.scenario.read_lag_s
            if world.lag.seen(("gcp-accounts",), email, there, delay) is None:
                raise GoogleError(404, "NOT_FOUND", f"Unknown service account {email}")
            return jsonify(email=email)

    @route(made, f"{_PARENT}/serviceAccounts", "iam.serviceAccounts.create", "POST")
    def create_account(project: str) -> Response:
        email = f"{request.get_json()['accountId']}@{project}.iam.gserviceaccount.com"
        with world.lock:
            world.lag.changing(("gcp-accounts",), email, None)
            _add(world, "gcp-accounts", email, {"email": email, "_made": world.now()})
            return jsonify(email=email)


def _secrets(made: Blueprint, world: World) -> None:
    @route(made, f"{_PARENT}/secrets", "secretmanager.secrets.list")
    def list_secrets(project: str) -> Response:
        del project
        with world.lock:
            _expire(world)
            secrets, delay = world.notes["gcp-secrets"], world.scenario.list_lag_s
            found = list(world.lag.all_seen(_SECRETS, secrets, delay).values())
        return jsonify(secrets=[_without_data(item) for item in found])

    @route(made, f"{_PARENT}/secrets", "secretmanager.secrets.create", "POST")
    def create_secret(project: str) -> Response:
        name = request.args["secretId"]
        body = {**request.get_json(), "name": f"projects/{project}/secrets/{name}"}
        body["createTime"] = world.now().isoformat()
        with world.lock:
            if name not in world.notes["gcp-secrets"]:
                world.lag.changing(_SECRETS, name, None)
            return jsonify(_add(world, "gcp-secrets", name, body))

    @route(made, f"{_PARENT}/secrets/<name>", "secretmanager.secrets.get")
    def get_secret(project: str, name: str) -> Response:
        del project
        with world.lock:
            _expire(world)
            return jsonify(_without_data(_get(world, "gcp-secrets", name)))

    @route(made, f"{_PARENT}/secrets/<name>:addVersion", "secretmanager.versions.add", "POST")
    def add_version(project: str, name: str) -> Response:
        data = base64.b64decode(request.get_json()["payload"]["data"])
        with world.lock:
            _get(world, "gcp-secrets", name)["_data"] = data
        return jsonify(name=f"projects/{project}/secrets/{name}/versions/1", state="ENABLED")


def _versions(made: Blueprint, world: World) -> None:
    @route(
        made,
        f"{_PARENT}/secrets/<name>/versions/latest:access",
        "secretmanager.versions.access",
    )
    def access_version(project: str, name: str) -> Response:
        with world.lock:
            data = _get(world, "gcp-secrets", name).get("_data")
        if data is None:
            raise GoogleError(404, "NOT_FOUND", f"{name} has no version")
        whole = f"projects/{project}/secrets/{name}/versions/1"
        return jsonify(name=whole, payload={"data": base64.b64encode(data).decode()})


def _policies(made: Blueprint, world: World) -> None:
    @route(
        made, f"{_PARENT}/secrets/<name>:setIamPolicy", "secretmanager.secrets.setIamPolicy", "POST"
    )
    def set_policy(project: str, name: str) -> Response:
        del project
        policy = request.get_json()["policy"]
        with world.lock:
            secret = _get(world, "gcp-secrets", name)
            for member in (m for binding in policy["bindings"] for m in binding["members"]):
                if not accounts.known(world, member.removeprefix("serviceAccount:")):
                    raise GoogleError(
                        400,
                        "INVALID_ARGUMENT",
                        f"Service account {member.removeprefix('serviceAccount:')} does not exist.",
                    )
            secret.update(_policy=policy, _granted=world.now())
        return jsonify(policy)

    @route(made, f"{_PARENT}/secrets/<name>", "secretmanager.secrets.delete", "DELETE")
    def delete_secret(project: str, name: str) -> Response:
        del project
        with world.lock:
            world.lag.changing(_SECRETS, name, _get(world, "gcp-secrets", name))
            del world.notes["gcp-secrets"][name]
        return jsonify({})


def _firewalls(made: Blueprint, world: World) -> None:
    @route(made, f"{_FIREWALLS}/<name>", "compute.firewalls.get")
    def get_firewall(project: str, name: str) -> Response:
        del project
        with world.lock:
            return jsonify(_get(world, "gcp-firewalls", name))

    @route(made, _FIREWALLS, "compute.firewalls.create", "POST")
    def create_firewall(project: str) -> Response:
        del project
        body = request.get_json()
        with world.lock:
            _add(world, "gcp-firewalls", body["name"], body)
        done = {"kind": "compute#operation", "operationType": "insert", "status": "DONE"}
        return jsonify(**done, name=f"operation-{body['name']}")


def _expire(world: World) -> None:
    secrets = world.notes["gcp-secrets"]
    for name, item in list(secrets.items()):
        ends = item.get("expireTime")
        if ends and world.now() >= datetime.fromisoformat(ends):
            world.lag.changing(_SECRETS, name, secrets.pop(name))


def _get(world: World, kind: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] | None = world.notes[kind].get(name)
    if found is None:
        raise GoogleError(404, "NOT_FOUND", f"{name} was not found")
    return found


def _add(world: World, kind: str, name: str, body: dict[str, Any]) -> dict[str, Any]:
    if name in world.notes[kind]:
        raise GoogleError(409, "ALREADY_EXISTS", f"{name} already exists")
    world.notes[kind][name] = body
    return body


def _without_data(item: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in item.items() if not key.startswith("_")}
