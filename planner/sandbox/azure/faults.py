"""Break one call to simulated Azure, in Azure's words."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from werkzeug.wrappers import Response

from planner.sandbox import faults

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication


def _error(status: int, code: str, message: str) -> Response:
    body = {"error": {"code": code, "message": message}}
    return Response(json.dumps(body), status, content_type="application/json")


_ERRORS: dict[faults.Refusal, WSGIApplication] = {
    "refused": _error(
        403,
        "AuthorizationFailed",
        "The client 'ada@example.com' does not have authorization to perform action 'Some/thing' "
        "over scope '/' or the scope is invalid.",
    ),
    "throttled": _error(429, "TooManyRequests", "The request is being throttled."),
    "lost": _error(500, "InternalServerError", "the answer was lost"),
    "broken": _error(500, "InternalServerError", "broken"),
}


def in_front_of(app: WSGIApplication) -> faults.Faults:
    """Return the layer that breaks calls to simulated Azure."""
    return faults.Faults(app, _ERRORS)
