"""Break one call of a run, before or after its effect: for tests of what is left behind.

It stands in front of the simulated services and counts the SDK's invocations (all attempts of
one call carry the same ``amz-sdk-invocation-id``). A call is broken in the ways in which real
ones break: it is refused, throttled, lost on the way there or on the way back, or the process
that makes it is sent a signal.
"""

from __future__ import annotations

import os
import signal
import threading
from dataclasses import dataclass, field
from enum import StrEnum
from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from werkzeug.wrappers import Request

from planner.sandbox.aws.protocol import AwsCall, AwsError, error_response, service_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


class Kind(StrEnum):
    """How a call is broken."""

    REFUSED = "refused"
    """No permission; nothing happens."""
    THROTTLED_ONCE = "throttled once"
    THROTTLED = "throttled"
    """Every attempt."""
    BROKEN = "broken"
    """Server error, nothing happens, every attempt."""
    LOST_ONCE = "lost once"
    """It happens, the first answer is lost; the SDK tries again."""
    LOST = "lost"
    """It happens, and no attempt gets an answer."""
    SIGNAL_BEFORE = "signal before"
    SIGNAL_AFTER = "signal after"


@dataclass(slots=True)
class Fault:
    """Which call is broken, and how.

    Attributes:
        index: Of the invocation, from 0.
        pid: Who is sent ``signal``, for the two signal kinds.
    """

    index: int
    kind: Kind
    signal: int = 0
    pid: int = 0


@dataclass(slots=True)
class Invocation:
    """One call of the SDK."""

    operation: str
    attempts: int = 0


@dataclass(slots=True)
class Faults:
    """Breaks the call that ``fault`` names; counts all."""

    app: WSGIApplication
    fault: Fault | None = None
    invocations: dict[str, Invocation] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def expect(self, fault: Fault | None) -> None:
        """Begin a new run, with that fault in it."""
        with self.lock:
            self.fault, self.invocations = fault, {}

    @property
    def operations(self) -> list[str]:
        """Return the calls of the run so far, in order: ``sagemaker:CreateModel``."""
        return [item.operation for item in self.invocations.values()]

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one attempt."""
        request = Request(environ, populate_request=False)
        # Whoever answers reads the body again.
        environ["wsgi.input"] = BytesIO(request.get_data())
        identity = request.headers.get("amz-sdk-invocation-id", "")
        with self.lock:
            call = self.invocations.setdefault(identity, Invocation(_operation(request)))
            call.attempts += 1
            index = list(self.invocations).index(identity)
            fault = self.fault if self.fault and self.fault.index == index else None
        if fault is None:
            return self.app(environ, start_response)
        return self._break(fault, call, environ, start_response)

    def _break(
        self,
        fault: Fault,
        call: Invocation,
        environ: WSGIEnvironment,
        start_response: StartResponse,
    ) -> Iterable[bytes]:
        first = call.attempts == 1
        if fault.kind is Kind.REFUSED:
            text = f"User: ada is not authorized to perform: {call.operation}"
            error = AwsError("AccessDeniedException", text)
        elif fault.kind is Kind.THROTTLED or (fault.kind is Kind.THROTTLED_ONCE and first):
            error = AwsError("ThrottlingException", "Rate exceeded")
        elif fault.kind is Kind.BROKEN or (fault.kind is Kind.LOST and not first):
            error = AwsError("InternalFailure", "broken", 500)
        elif fault.kind in {Kind.LOST, Kind.LOST_ONCE} and first:
            _run_silently(self.app, environ)
            error = AwsError("InternalFailure", "the answer was lost", 500)
        else:
            return self._signal(fault, environ, start_response, first=first)
        service = service_of(call.operation.partition(":")[0])
        response = error_response(AwsCall(service, "", ""), error)
        return response(environ, start_response)

    def _signal(
        self,
        fault: Fault,
        environ: WSGIEnvironment,
        start_response: StartResponse,
        *,
        first: bool,
    ) -> Iterable[bytes]:
        if fault.kind is Kind.SIGNAL_BEFORE and first:
            os.kill(fault.pid, fault.signal)
            if fault.signal == signal.SIGKILL:
                # Nobody is left to make the call.
                error = AwsError("InternalFailure", "the caller is dead", 500)
                return error_response(AwsCall("", "", ""), error)(environ, start_response)
        answer = self.app(environ, start_response)
        if fault.kind is Kind.SIGNAL_AFTER and first:
            answer = list(answer)
            os.kill(fault.pid, fault.signal)
        return answer


def _operation(request: Request) -> str:
    scope = request.headers.get("Authorization", "").partition("Credential=")[2].split("/")
    service = scope[3] if len(scope) > 3 else "?"  # noqa: PLR2004 - date, region, service
    target = request.headers.get("X-Amz-Target", "").rsplit(".", 1)[-1]
    if not target and b"Action=" in request.get_data():
        target = dict(parse_qsl(request.get_data().decode())).get("Action", "")
    return f"{service}:{target or request.method + ' ' + request.path}"


def _run_silently(app: WSGIApplication, environ: WSGIEnvironment) -> None:
    """Let the call have its effect and drop the answer."""

    def start_response(*_: Any) -> Any:  # noqa: ANN401 - WSGI's signature
        return lambda _: None

    for _ in app(environ, start_response):
        pass
