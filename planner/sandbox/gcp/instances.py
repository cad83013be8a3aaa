"""Simulated Compute Engine machines: insert, get, delete, their operations and consoles.

Documented (discovery document compute.v1, error reference): paths, members, operations, request
ids, ``ZONE_RESOURCE_POOL_EXHAUSTED`` and ``QUOTA_EXCEEDED`` in the operation, deletion at the end
of ``maxRunDuration``; that a zone without the card answers ``RESOURCE_NOT_FOUND`` (skypilot#155),
and an account that is too new likewise. Assumed: the sentences, that a refused machine shows as
PROVISIONING until its operation is done; the console is planner.sandbox.console's.

Knobs: ``read_lag_s`` (get), ``list_lag_s`` (aggregatedList), ``identity_lag_s``, ``console_kib``.

``World.notes["gce-knobs"]`` takes what scenarios do not have: ``failed_deletes``: how many
deletions end with an error and leave the machine.
"""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, jsonify, request

from planner.sandbox import console as console_lines
from planner.sandbox import engine, ingress, metrics
from planner.sandbox.boot import Script
from planner.sandbox.gcp import accounts, reservations
from planner.sandbox.gcp import ingress as own_ingress
from planner.sandbox.gcp.google import GoogleError, route

if TYPE_CHECKING:
    from planner.sandbox.world import World

_PROJECT = "/compute/v1/projects/<project>"
_ZONE = f"{_PROJECT}/zones/<zone>"
_URL = "https://www.googleapis.com/compute/v1/projects/sandbox-project/zones/"
_POLLS = 1  # how often an operation is still running when it is looked at
_KIND = ("gce",)
_ids = itertools.count(1)
_DRIVER = ("planner: stage: installing the GPU driver",)


def blueprint(world: World) -> Blueprint:
    """Return the routes."""
    made = Blueprint("instances", __name__)
    _looks(made, world)

    @route(made, f"{_ZONE}/instances", "compute.instances.create", "POST")
    def insert(project: str, zone: str) -> Response:
        del project
        with world.lock:
            expire(world)
            return jsonify(_insert(world, zone, request.get_json()))

    @route(made, f"{_ZONE}/instances/<name>", "compute.instances.get")
    def get(project: str, zone: str, name: str) -> Response:
        del project
        with world.lock:
            expire(world)
            return jsonify(_public(_seen(world, zone, name)))

    @route(made, f"{_ZONE}/instances/<name>", "compute.instances.delete", "DELETE")
    def delete(project: str, zone: str, name: str) -> Response:
        del project
        with world.lock:
            expire(world)
            return jsonify(_delete(world, zone, name))

    @route(made, f"{_ZONE}/operations/<name>", "compute.zoneOperations.get")
    def operation(project: str, zone: str, name: str) -> Response:
        del project, zone
        with world.lock:
            return jsonify(_look_at(world, name))

    @made.post("/sandbox-tunnel/<project>/<zone>/<name>/v1/<path:rest>")
    def tunnel(project: str, zone: str, name: str, rest: str) -> Response:
        del rest
        if not _answers(world, zone, name):
            return Response("connection refused", 502)
        try:
            answer = metrics.answer(world, f"{project}/{zone}/{name}", request.get_data())
        except engine.RefusedError as error:
            return Response(str(error), error.status)
        return Response(answer, content_type="text/event-stream")

    @made.get("/sandbox-tunnel/<project>/<zone>/<name>/metrics")
    def engine_metrics(project: str, zone: str, name: str) -> Response:
        if not _answers(world, zone, name):
            return Response("connection refused", 502)
        page = metrics.page(world, f"{project}/{zone}/{name}")
        return Response(page, content_type=metrics.CONTENT_TYPE)

    _ways_in(made, world)
    return made


def _ways_in(made: Blueprint, world: World) -> None:
    @made.get("/sandbox-ingress/<project>/<zone>/<name>")
    def way_in(project: str, zone: str, name: str) -> Response:
        del project
        with world.lock:
            expire(world)
            item = _existing(world, zone, name)
            script = _machine(world, item).script
            if not script.key:
                return Response("the machine has no way in", 404)
            answers = partial(_answers, world, zone, name)
            return Response(own_ingress.listen(world, _name_of(item), item, script, answers))


def _answers(world: World, zone: str, name: str) -> bool:
    """Tell whether the engine of a machine listens."""
    with world.lock:
        expire(world)
        item = _existing(world, zone, name)
        return console_lines.is_ready(console_lines.start(world, _machine(world, item)))


def _looks(made: Blueprint, world: World) -> None:
    @route(made, f"{_ZONE}/instances/<name>/serialPort", "compute.instances.getSerialPortOutput")
    def console(project: str, zone: str, name: str) -> Response:
        del project
        with world.lock:
            expire(world)
            item = _seen(world, zone, name)
            written = console_lines.text(world, _machine(world, item))
            return jsonify(kind="compute#serialPortOutput", contents=written, start="0")

    @route(made, f"{_ZONE}/machineTypes/<name>", "compute.machineTypes.get")
    def machine_type(project: str, zone: str, name: str) -> Response:
        del project
        if zone in world.scenario.not_offered_in:
            raise GoogleError(404, "NOT_FOUND", f"The resource '{zone}/{name}' was not found")
        return jsonify(kind="compute#machineType", name=name, zone=zone)


def expire(world: World) -> None:
    """Delete the machines whose time is up, as Compute Engine does."""
    machines = world.notes["gce"]
    for key, item in list(machines.items()):
        life = item.get("scheduling", {}).get("maxRunDuration", {}).get("seconds")
        born = datetime.fromisoformat(item.get("creationTimestamp", world.now().isoformat()))
        if life and world.now() >= born + timedelta(seconds=int(life)):
            _drop(world, key)


def listed(world: World) -> list[dict[str, Any]]:
    """Return the machines as lists show them: behind what was written."""
    machines, delay = world.notes["gce"], world.scenario.list_lag_s
    return list(world.lag.all_seen(_KIND, machines, delay).values())


def _insert(world: World, zone: str, body: dict[str, Any]) -> dict[str, Any]:
    operations = world.notes["gce-operations"]
    request_id = request.args.get("requestId", "")
    for operation in operations.values():
        if request_id and operation["clientOperationId"] == request_id:
            return _shown(operation)
    _refuse_strangers(world, zone, body)
    key = f"{zone}/{body['name']}"
    if key in world.notes["gce"]:
        raise GoogleError(409, "ALREADY_EXISTS", f"The resource '{key}' already exists")
    number = str(next(_ids))
    world.lag.changing(_KIND, key, None)
    world.notes["gce"][key] = {
        **body,
        "kind": "compute#instance",
        "id": number,
        "zone": zone,
        "status": "PROVISIONING",
        "creationTimestamp": world.now().isoformat(timespec="milliseconds"),
    }
    return _begin(world, "insert", key, request_id=request_id, error=_refusal(world, zone, body))


def _refuse_strangers(world: World, zone: str, body: dict[str, Any]) -> None:
    """Refuse what the zone does not have, and a service account that is not known yet."""
    machine = body["machineType"].rsplit("/", 1)[-1]
    if zone in world.scenario.not_offered_in:
        raise GoogleError(
            400,
            "INVALID_ARGUMENT",
            f"Invalid value for field 'resource.machineType': '{body['machineType']}'. Machine "
            f"type with name '{machine}' does not exist in zone '{zone}'.",
        )
    for account in body.get("serviceAccounts", []):
        if not accounts.known(world, account["email"]):
            raise GoogleError(
                400,
                "INVALID_ARGUMENT",
                f"The resource '{account['email']}' of type 'serviceAccount' was not found.",
            )


def _refusal(world: World, zone: str, body: dict[str, Any]) -> dict[str, str] | None:
    if reservations.names_one(body):
        why = reservations.refusal(world, zone, body)
        return {"code": "ZONE_RESOURCE_POOL_EXHAUSTED", "message": why} if why else None
    scenario = world.scenario
    region, machine = zone.rpartition("-")[0], body["machineType"].rsplit("/", 1)[-1]
    if scenario.gpu_instances == 0 and not world.limits:
        return {
            "code": "QUOTA_EXCEEDED",
            "message": f"Quota 'NVIDIA_GPUS' exceeded. Limit: 0.0 in region {region}.",
        }
    if not scenario.capacity or {zone, region, machine} & set(scenario.no_capacity_in):
        return {
            "code": "ZONE_RESOURCE_POOL_EXHAUSTED",
            "message": f"The zone '{zone}' does not have enough resources available to fulfill "
            "the request. Try a different zone, or try again later.",
        }
    return None


def _delete(world: World, zone: str, name: str) -> dict[str, Any]:
    item = _existing(world, zone, name)
    world.lag.changing(_KIND, f"{zone}/{name}", item)
    item["status"] = "STOPPING"
    knobs = world.notes["gce-knobs"]
    error = None
    if knobs.get("failed_deletes", 0) > 0:
        knobs["failed_deletes"] -= 1
        error = {"code": "INTERNAL_ERROR", "message": "Internal error. Please try again."}
    return _begin(world, "delete", f"{zone}/{name}", error=error)


def _begin(
    world: World, kind: str, key: str, *, request_id: str = "", error: dict[str, str] | None
) -> dict[str, Any]:
    number = str(next(_ids))
    name = f"operation-{number}"
    operation = {
        "kind": "compute#operation",
        "id": number,
        "name": name,
        "operationType": kind,
        "zone": _URL + key.partition("/")[0],
        "status": "RUNNING",
        "clientOperationId": request_id,
        "_key": key,
        "_polls": _POLLS,
        "_error": error,
    }
    world.notes["gce-operations"][name] = operation
    return _shown(operation)


def _look_at(world: World, name: str) -> dict[str, Any]:
    operation = world.notes["gce-operations"].get(name)
    if operation is None:
        raise GoogleError(404, "NOT_FOUND", f"The operation '{name}' was not found")
    operation["_polls"] -= 1
    if operation["_polls"] < 0 and operation["status"] != "DONE":
        operation["status"] = "DONE"
        _take_effect(world, operation)
    return _shown(operation)


def _take_effect(world: World, operation: dict[str, Any]) -> None:
    machines, key, error = world.notes["gce"], operation["_key"], operation["_error"]
    if error:
        operation["error"] = {"errors": [error]}
        operation["httpErrorStatusCode"] = 503
    item = machines.get(key)
    if item is None:
        return
    if operation["operationType"] == "insert":
        if error:
            _drop(world, key)
        elif item["status"] == "PROVISIONING":
            _become(world, key, "RUNNING")
    elif error:
        _become(world, key, "RUNNING")
    else:
        _drop(world, key)


def _become(world: World, key: str, status: str) -> None:
    item = world.notes["gce"][key]
    world.lag.changing(_KIND, key, item)
    item["status"] = status


def _drop(world: World, key: str) -> None:
    world.lag.changing(_KIND, key, world.notes["gce"].pop(key))


def _seen(world: World, zone: str, name: str) -> dict[str, Any]:
    """Return a machine as a reader sees it: behind what was written."""
    key = f"{zone}/{name}"
    there = world.notes["gce"].get(key)
    item: dict[str, Any] | None = world.lag.seen(_KIND, key, there, world.scenario.read_lag_s)
    if item is None:
        raise GoogleError(404, "NOT_FOUND", f"The resource '{key}' was not found")
    return item


def _existing(world: World, zone: str, name: str) -> dict[str, Any]:
    item: dict[str, Any] | None = world.notes["gce"].get(f"{zone}/{name}")
    if item is None:
        raise GoogleError(404, "NOT_FOUND", f"The resource '{zone}/{name}' was not found")
    return item


def _machine(world: World, item: dict[str, Any]) -> console_lines.Machine:
    metadata = {pair["key"]: pair["value"] for pair in item.get("metadata", {}).get("items", [])}
    script = Script.of(metadata.get("user-data", ""))
    emails = [account["email"] for account in item.get("serviceAccounts", [])]
    return console_lines.Machine(
        born=datetime.fromisoformat(item["creationTimestamp"]),
        before=_DRIVER,
        script=script,
        certificate=ingress.certificate(world, _name_of(item)) if script.key else "",
        token_known=accounts.readable_from(world, metadata.get("user-data", ""), emails),
    )


def _name_of(item: dict[str, Any]) -> str:
    return f"{item['zone']}/{item['name']}"


def _public(item: dict[str, Any]) -> dict[str, Any]:
    return {
        **item,
        "zone": _URL + item["zone"],
    }


def _shown(operation: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in operation.items() if not key.startswith("_")}
