"""Break one call to the simulated Google APIs, in Google's words."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from werkzeug.wrappers import Response

from planner.clouds import gcp_retry
from planner.sandbox import faults

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication


def _error(status: int, name: str, message: str) -> Response:
    body = {"error": {"code": status, "message": message, "status": name, "details": []}}
    return Response(json.dumps(body), status, content_type="application/json")


_ERRORS: dict[faults.Refusal, WSGIApplication] = {
    "refused": _error(403, "PERMISSION_DENIED", "Permission 'some.thing' denied"),
    "throttled": _error(429, "RESOURCE_EXHAUSTED", "Too many requests"),
    "lost": _error(500, "INTERNAL", "the answer was lost"),
    "broken": _error(500, "INTERNAL", "broken"),
}


def in_front_of(app: WSGIApplication) -> faults.Faults:
    """Return the layer that breaks calls to the simulated Google APIs."""
    return faults.Faults(app, _ERRORS, attempts=gcp_retry.ATTEMPTS)
