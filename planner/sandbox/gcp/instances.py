"""Simulated Compute Engine machines: insert, get, delete, their operations and consoles.

Documented (discovery document compute.v1, error reference): paths, members, operations, request
ids, ``ZONE_RESOURCE_POOL_EXHAUSTED`` and ``QUOTA_EXCEEDED`` in the operation, deletion at the end
of ``maxRunDuration``. Assumed: the sentences, that a refused machine shows as PROVISIONING until
its operation is done; the console is planner.sandbox.console's.

``World.notes["gce-knobs"]`` takes what scenarios do not have: ``failed_deletes``: how many
deletions end with an error and leave the machine.
"""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, jsonify, request

from planner.sandbox import console as console_lines
from planner.sandbox import engine
from planner.sandbox.gcp.google import GoogleError, route

if TYPE_CHECKING:
    from planner.sandbox.world import World

_PROJECT = "/compute/v1/projects/<project>"
_ZONE = f"{_PROJECT}/zones/<zone>"
_URL = "https://www.googleapis.com/compute/v1/projects/sandbox-project/zones/"
_POLLS = 1  # how often an operation is still running when it is looked at
_ids = itertools.count(1)
_DRIVER = ("planner: stage: installing the GPU driver",)


def blueprint(world: World) -> Blueprint:
    """Return the routes."""
    made = Blueprint("instances", __name__)

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
            return jsonify(_public(_existing(world, zone, name)))

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

    @route(made, f"{_ZONE}/instances/<name>/serialPort", "compute.instances.getSerialPortOutput")
    def console(project: str, zone: str, name: str) -> Response:
        del project
        with world.lock:
            expire(world)
            lines = _console(world, _existing(world, zone, name))
            return jsonify(kind="compute#serialPortOutput", contents="\r\n".join(lines), start="0")

    @route(made, f"{_ZONE}/machineTypes/<name>", "compute.machineTypes.get")
    def machine_type(project: str, zone: str, name: str) -> Response:
        del project
        return jsonify(kind="compute#machineType", name=name, zone=zone)

    @made.post("/sandbox-tunnel/<project>/<zone>/<name>/v1/<path:rest>")
    def tunnel(project: str, zone: str, name: str, rest: str) -> Response:
        del project, rest
        with world.lock:
            expire(world)
            ready = console_lines.is_ready(_console(world, _existing(world, zone, name)))
        if not ready:
            return Response("connection refused", 502)
        try:
            answer = engine.engine().answer(request.get_data())
        except engine.RefusedError as error:
            return Response(str(error), error.status)
        return Response(answer, content_type="text/event-stream")

    return made


def expire(world: World) -> None:
    """Delete the machines whose time is up, as Compute Engine does."""
    machines = world.notes["gce"]
    for key, item in list(machines.items()):
        life = item.get("scheduling", {}).get("maxRunDuration", {}).get("seconds")
        born = datetime.fromisoformat(item.get("creationTimestamp", world.now().isoformat()))
        if life and world.now() >= born + timedelta(seconds=int(life)):
            del machines[key]


def _insert(world: World, zone: str, body: dict[str, Any]) -> dict[str, Any]:
    operations = world.notes["gce-operations"]
    request_id = request.args.get("requestId", "")
    for operation in operations.values():
        if request_id and operation["clientOperationId"] == request_id:
            return _shown(operation)
    key = f"{zone}/{body['name']}"
    if key in world.notes["gce"]:
        raise GoogleError(409, "ALREADY_EXISTS", f"The resource '{key}' already exists")
    number = str(next(_ids))
    world.notes["gce"][key] = {
        **body,
        "kind": "compute#instance",
        "id": number,
        "zone": zone,
        "status": "PROVISIONING",
        "creationTimestamp": world.now().isoformat(timespec="milliseconds"),
    }
    return _begin(world, "insert", key, request_id=request_id, error=_refusal(world, zone, body))


def _refusal(world: World, zone: str, body: dict[str, Any]) -> dict[str, str] | None:
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
            del machines[key]
        elif item["status"] == "PROVISIONING":
            item["status"] = "RUNNING"
    elif error:
        item["status"] = "RUNNING"
    else:
        del machines[key]


def _existing(world: World, zone: str, name: str) -> dict[str, Any]:
    item: dict[str, Any] | None = world.notes["gce"].get(f"{zone}/{name}")
    if item is None:
        raise GoogleError(404, "NOT_FOUND", f"The resource '{zone}/{name}' was not found")
    return item


def _console(world: World, item: dict[str, Any]) -> list[str]:
    return console_lines.lines(world, datetime.fromisoformat(item["creationTimestamp"]), _DRIVER)


def _public(item: dict[str, Any]) -> dict[str, Any]:
    return {
        **item,
        "zone": _URL + item["zone"],
    }


def _shown(operation: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in operation.items() if not key.startswith("_")}
