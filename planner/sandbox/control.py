"""The sandbox's own API: look at it, move its time, change how it behaves."""

from __future__ import annotations

import os
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from flask import Flask, jsonify, request

from planner.errors import PlannerError
from planner.sandbox import scenarios

if TYPE_CHECKING:
    from flask import Response

    from planner.sandbox.world import World


def app(world: World) -> Flask:
    """Return the WSGI application."""
    made = Flask("planner-sandbox-control")

    @made.get("/status")
    def status() -> Response:
        with world.lock:
            return jsonify(
                pid=os.getpid(),
                now=world.now().isoformat(),
                scenario=asdict(world.scenario),
                requests=[_show(request) for request in world.requests],
                calls={f"{cloud} {name}": n for (cloud, name), n in world.calls.items()},
            )

    @made.post("/advance")
    def advance() -> Response:
        with world.lock:
            world.clock.advance(timedelta(seconds=float(request.get_json()["seconds"])))
            world.settle()
            return jsonify(_times(world))

    @made.get("/now")
    def now() -> Response:
        return jsonify(_times(world))

    @made.post("/sign-in")
    def sign_in() -> Response:
        world.sign_in()
        return jsonify(_times(world))

    @made.post("/scenario")
    def scenario() -> Response | tuple[Response, int]:
        body = request.get_json()
        try:
            base = scenarios.get(body["name"]) if body.get("name") else world.scenario
            changed = scenarios.with_settings(base, body.get("settings", {}))
        except PlannerError as error:
            return jsonify(error=f"{error}. {error.why}"), 400
        with world.lock:
            if body.get("reset"):
                world.reset(changed)
            else:
                world.scenario = changed
        return jsonify(asdict(changed))

    return made


def _times(world: World) -> dict[str, str]:
    """Return the time of the clouds, and what the clock of the user's machine shows."""
    return {"now": world.now().isoformat(), "here": world.here().isoformat()}


def _show(filed: Any) -> dict[str, Any]:  # noqa: ANN401 - world.Request
    cloud, region, quota_id, dimensions = filed.key
    return {
        "cloud": cloud,
        "region": region,
        "quota_id": quota_id,
        "dimensions": dict(dimensions),
        "desired": filed.desired,
        "filed": filed.filed.isoformat(),
        "outcome": filed.outcome,
    }
