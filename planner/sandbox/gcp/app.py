"""The WSGI application of the simulated Google APIs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Flask, jsonify

from planner.sandbox.gcp import (
    bigquery,
    cloud_quotas,
    compute,
    google,
    identity,
    instances,
    reservations,
)

if TYPE_CHECKING:
    from flask import Response

    from planner.sandbox.world import World


def app(world: World) -> Flask:
    """Return the application."""
    made = Flask("planner-sandbox-gcp")
    made.before_request(lambda: google.faults(world))
    for service in (bigquery, cloud_quotas, compute, identity, instances, reservations):
        made.register_blueprint(service.blueprint(world))

    @made.errorhandler(google.GoogleError)
    def refuse(error: google.GoogleError) -> Response:
        return error.response()

    @made.errorhandler(404)
    def unknown(_: Exception) -> tuple[Response, int]:
        return jsonify(error={"code": 404, "message": "Not found", "status": "NOT_FOUND"}), 404

    return made
