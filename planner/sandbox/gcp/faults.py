"""Break one call to the simulated Google APIs, before or after its effect.

It stands in front of the services and counts requests. Google's APIs give a repeated request no
number of its own, so those that follow with the same method and path, up to the clients' number
of attempts, are taken for attempts of the same call.
"""

from __future__ import annotations

import json
import os
import signal
import threading
from dataclasses import dataclass, field
from enum import StrEnum
from io import BytesIO
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Request, Response

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

ATTEMPTS = 4


class Kind(StrEnum):
    """How a call is broken."""

    REFUSED = "refused"
    """No permission; nothing happens."""
    THROTTLED_ONCE = "throttled once"
    THROTTLED = "throttled"
    """Every attempt."""
    BROKEN_ONCE = "broken once"
    BROKEN = "broken"
    """Server error, nothing happens, every attempt."""
    LOST_ONCE = "lost once"
    """It happens, the first answer is lost."""
    LOST = "lost"
    """It happens, and no attempt gets an answer."""
    SIGNAL_BEFORE = "signal before"
    SIGNAL_AFTER = "signal after"


@dataclass(slots=True)
class Fault:
    """Which request is broken, and how.

    Attributes:
        index: Of the request, from 0.
        pid: Who is sent ``signal``, for the two signal kinds.
    """

    index: int
    kind: Kind
    signal: int = 0
    pid: int = 0


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
        if fault.kind in {Kind.SIGNAL_BEFORE, Kind.SIGNAL_AFTER}:
            return self._signal(fault, attempt, environ, start_response)
        refusal = self._refusal(fault.kind, attempt, environ)
        return refusal(environ, start_response) if refusal else self.app(environ, start_response)

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

    def _refusal(self, kind: Kind, attempt: int, environ: WSGIEnvironment) -> Response | None:
        first = attempt == 1
        if kind is Kind.REFUSED:
            return (
                _error(403, "PERMISSION_DENIED", "Permission 'some.thing' denied")
                if first
                else None
            )
        if kind is Kind.THROTTLED or (kind is Kind.THROTTLED_ONCE and first):
            return _error(429, "RESOURCE_EXHAUSTED", "Too many requests")
        if kind in {Kind.LOST, Kind.LOST_ONCE} and first:
            _run_silently(self.app, environ)
            return _error(500, "INTERNAL", "the answer was lost")
        if kind in {Kind.BROKEN, Kind.LOST} or (kind is Kind.BROKEN_ONCE and first):
            return _error(500, "INTERNAL", "broken")
        return None

    def _signal(
        self, fault: Fault, attempt: int, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        first = attempt == 1
        if fault.kind is Kind.SIGNAL_BEFORE and first:
            os.kill(fault.pid, fault.signal)
            if fault.signal == signal.SIGKILL:
                # Nobody is left to make the call.
                return _error(500, "INTERNAL", "the caller is dead")(environ, start_response)
        answer = self.app(environ, start_response)
        if fault.kind is Kind.SIGNAL_AFTER and first:
            answer = list(answer)
            os.kill(fault.pid, fault.signal)
        return answer


def _error(status: int, name: str, message: str) -> Response:
    body = {"error": {"code": status, "message": message, "status": name, "details": []}}
    return Response(json.dumps(body), status, content_type="application/json")


def _run_silently(app: WSGIApplication, environ: WSGIEnvironment) -> None:
    """Let the call have its effect and drop the answer."""

    def start_response(*_: Any) -> Any:  # noqa: ANN401 - WSGI's signature
        return lambda _: None

    for _ in app(environ, start_response):
        pass
    environ["wsgi.input"].seek(0)
