"""The WSGI application of simulated Azure Resource Manager."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Flask, jsonify

from planner.sandbox.azure import (
    arm,
    compute,
    costs,
    groups,
    ingress,
    machine_learning,
    machines,
    quota,
    reservations,
    resources,
    support,
)

if TYPE_CHECKING:
    from flask import Response

    from planner.sandbox.world import World


_SERVICES = (
    compute,
    costs,
    quota,
    support,
    machine_learning,
    groups,
    machines,
    ingress,
    reservations,
    resources,
)


def app(world: World) -> Flask:
    """Return the application; every service answers under the world's lock."""
    made = Flask("planner-sandbox-azure")
    made.before_request(lambda: arm.faults(world))
    made.before_request(lambda: _pass_time(world))
    for service in _SERVICES:
        made.register_blueprint(service.blueprint(world))

    @made.errorhandler(arm.ArmError)
    def refuse(error: arm.ArmError) -> Response:
        return error.response()

    @made.errorhandler(404)
    def unknown(_: Exception) -> tuple[Response, int]:
        message = "The resource type could not be found in the namespace for the api version."
        return jsonify(error={"code": "InvalidResourceType", "message": message}), 404

    return made


def _pass_time(world: World) -> None:
    with world.lock:
        resources.pass_time(world)
