"""Ways in which one call to a cloud breaks, before or after its effect.

For tests of what is left behind. ``Faults`` stands in front of a simulated cloud and answers in
its words (``gcp.faults``, ``azure.faults``); ``aws.faults`` tells calls apart in AWS's own way.
"""

from __future__ import annotations

import os
import signal
import threading
from dataclasses import dataclass, field
from enum import StrEnum
from io import BytesIO
from typing import TYPE_CHECKING, Any, Literal

from werkzeug.wrappers import Request

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

Refusal = Literal["refused", "throttled", "lost", "broken"]
ATTEMPTS = 4
"""Of one call, by the Azure clients: one, and three retries."""


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
    """It happens, the first answer is lost; the SDK tries again."""
    LOST = "lost"
    """It happens, and no attempt gets an answer."""
    SIGNAL_BEFORE = "signal before"
    SIGNAL_AFTER = "signal after"

    @property
    def is_signal(self) -> bool:
        """Tell whether the caller is sent a signal, rather than an error."""
        return self in {Kind.SIGNAL_BEFORE, Kind.SIGNAL_AFTER}

    def refusal(self, *, first: bool) -> Refusal | None:
        """Return how an attempt fails, ``first`` or a later one; None where it goes through."""
        if self is Kind.REFUSED and first:
            return "refused"
        if self is Kind.THROTTLED or (self is Kind.THROTTLED_ONCE and first):
            return "throttled"
        if self in {Kind.LOST, Kind.LOST_ONCE} and first:
            return "lost"
        if self in {Kind.BROKEN, Kind.LOST} or (self is Kind.BROKEN_ONCE and first):
            return "broken"
        return None


@dataclass(slots=True)
class Fault:
    """Which call is broken, and how.

    Attributes:
        index: Of the call, from 0.
        pid: Who is sent ``signal``, for the two signal kinds.
    """

    index: int
    kind: Kind
    signal: int = 0
    pid: int = 0


def with_signal(
    fault: Fault,
    app: WSGIApplication,
    dead: WSGIApplication,
    environ: WSGIEnvironment,
    start_response: StartResponse,
) -> Iterable[bytes]:
    """Answer the call, and send the signal before or after it has its effect.

    ``dead`` answers where the caller was killed before the call: nobody is left to make it.
    """
    if fault.kind is Kind.SIGNAL_BEFORE:
        os.kill(fault.pid, fault.signal)
        if fault.signal == signal.SIGKILL:
            return dead(environ, start_response)
    answer = app(environ, start_response)
    if fault.kind is Kind.SIGNAL_AFTER:
        answer = list(answer)
        os.kill(fault.pid, fault.signal)
    return answer


def run_silently(app: WSGIApplication, environ: WSGIEnvironment) -> None:
    """Let the call have its effect and drop the answer."""

    def start_response(*_: Any) -> Any:  # noqa: ANN401 - WSGI's signature
        return lambda _: None

    for _ in app(environ, start_response):
        pass
    environ["wsgi.input"].seek(0)


@dataclass(slots=True)
class Faults:
    """Stands in front of a cloud, breaks the call that ``fault`` names, and keeps all requests.

    A repeated request carries no number of its own, so those that follow with the same method
    and path, up to the clients' number of attempts, are taken for attempts of the same call.

    Attributes:
        errors: How the cloud says that a call was ``refused``, ``throttled``, ``lost``,
            ``broken``.
        attempts: How often the cloud's clients try a call that may be repeated.
        requests: Method and path of each request of the run, in order.
    """

    app: WSGIApplication
    errors: Mapping[Refusal, WSGIApplication]
    fault: Fault | None = None
    attempts: int = ATTEMPTS
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
            return with_signal(fault, self.app, self.errors["broken"], environ, start_response)
        refusal = fault.kind.refusal(first=attempt == 1)
        if refusal is None:
            return self.app(environ, start_response)
        if refusal == "lost":
            run_silently(self.app, environ)
        return self.errors[refusal](environ, start_response)

    def _attempt(self, key: str) -> int:
        """Count a request; return which attempt of the broken call it is, 0 for none."""
        with self.lock:
            index = len(self.requests)
            self.requests.append(key)
            if self.fault is None:
                return 0
            if index == self.fault.index:
                self._key = key
            if key != self._key or self._attempts >= self.attempts:
                return 0
            self._attempts += 1
            return self._attempts
