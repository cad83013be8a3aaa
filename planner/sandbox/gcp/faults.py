"""Break one call to the simulated Google APIs, before or after its effect.

It stands in front of the services and counts requests. Google's APIs give a repeated request no
number of its own, so those that follow with the same method and path, up to the clients' number
of attempts, are taken for attempts of the same call.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING

from werkzeug.wrappers import Request, Response

from planner.sandbox.faults import run_silently, with_signal

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from planner.sandbox.faults import Fault

ATTEMPTS = 4


def _error(status: int, name: str, message: str) -> Response:
    body = {"error": {"code": status, "message": message, "status": name, "details": []}}
    return Response(json.dumps(body), status, content_type="application/json")


_ERRORS = {
    "refused": _error(403, "PERMISSION_DENIED", "Permission 'some.thing' denied"),
    "throttled": _error(429, "RESOURCE_EXHAUSTED", "Too many requests"),
    "lost": _error(500, "INTERNAL", "the answer was lost"),
    "broken": _error(500, "INTERNAL", "broken"),
}


@dataclass(slots=True)
class Faults:
    """Breaks the call that ``fault`` names; keeps all requests of the run, in order."""

    app: WSGIApplication
    fault: Fault | None = None
    requests: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    _key: str = ""
    _attempts: int = 0

    def expect(self, fault: Fault | None) -> None:
        """Begin a new run, with that fault in it."""
        with self.lock:
            self.fault, self.requests = fault, []
            self._key, self._attempts = "", 0

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        request = Request(environ, populate_request=False)
        # Whoever answers reads the body again.
        environ["wsgi.input"] = BytesIO(request.get_data())
        attempt = self._attempt(f"{request.method} {request.path}")
        fault = self.fault
        if fault is None or not attempt:
            return self.app(environ, start_response)
        if fault.kind.is_signal and attempt == 1:
            return with_signal(fault, self.app, _ERRORS["broken"], environ, start_response)
        refusal = fault.kind.refusal(first=attempt == 1)
        if refusal is None:
            return self.app(environ, start_response)
        if refusal == "lost":
            run_silently(self.app, environ)
        return _ERRORS[refusal](environ, start_response)

    def _attempt(self, key: str) -> int:
        """Count a request; return which attempt of the broken call it is, 0 for none."""
        with self.lock:
            index = len(self.requests)
            self.requests.append(key)
            if self.fault is None:
                return 0
            if index == self.fault.index:
                self._key = key
            if key != self._key or self._attempts >= ATTEMPTS:
                return 0
            self._attempts += 1
            return self._attempts
