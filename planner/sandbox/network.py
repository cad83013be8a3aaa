"""The line between the user's machine and the clouds: it breaks where the scenario says so.

A broken connection is closed without an answer, as the SDKs meet it: before the call has any
effect, or after it. Knobs: ``reset_every``, ``lose_every``, ``outage_after_s``, ``outage_s``.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from io import BytesIO
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from werkzeug.wrappers import Request

from planner.sandbox.faults import run_silently
from planner.sandbox.world import Disturbance

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from planner.sandbox.world import World

_READS = ("BatchGet", "Describe", "Filter", "Get", "List", "Simulate")


class Network:
    """Stands in front of a simulated cloud and breaks connections.

    Args:
        world: Whose knobs it follows, and whose outages.
        app: The cloud.
    """

    def __init__(self, world: World, app: WSGIApplication) -> None:
        self._world, self._app = world, app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request, or break its connection."""
        knobs = self._world.scenario
        if not (knobs.reset_every or knobs.lose_every or knobs.outage_s):
            return self._app(environ, start_response)
        request = Request(environ, populate_request=False)
        # Whoever answers reads the body again.
        environ["wsgi.input"] = BytesIO(request.get_data())
        disturbance = self._world.disturbs(changes=_changes(request))
        if disturbance is None:
            return self._app(environ, start_response)
        if disturbance is Disturbance.LOST:
            run_silently(self._app, environ)
        with suppress(OSError):
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
        raise ConnectionAbortedError("the simulated network broke the connection")


def _changes(request: Request) -> bool:
    """Tell whether a call makes, changes or deletes something."""
    name = request.headers.get("X-Amz-Target", "").rsplit(".", 1)[-1]
    if not name and b"Action=" in request.get_data():
        name = dict(parse_qsl(request.get_data().decode())).get("Action", "")
    return not name.startswith(_READS) if name else request.method not in {"GET", "HEAD"}
