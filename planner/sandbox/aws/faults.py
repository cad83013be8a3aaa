"""Break one call of a run, before or after its effect: for tests of what is left behind.

It stands in front of the simulated services and counts the SDK's invocations (all attempts of
one call carry the same ``amz-sdk-invocation-id``). A call is broken in the ways in which real
ones break: it is refused, throttled, lost on the way there or on the way back, or the process
that makes it is sent a signal.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from werkzeug.wrappers import Request

from planner.sandbox.aws.protocol import AwsCall, AwsError, error_response, service_of
from planner.sandbox.faults import run_silently, with_signal

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from planner.sandbox.faults import Fault


_ERRORS = {
    "throttled": AwsError("ThrottlingException", "Rate exceeded"),
    "lost": AwsError("InternalFailure", "the answer was lost", 500),
    "broken": AwsError("InternalFailure", "broken", 500),
}


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

    @property
    def requests(self) -> list[str]:
        """Return the same by the name that the other clouds' layers have."""
        return self.operations

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
        service = service_of(call.operation.partition(":")[0])
        first = call.attempts == 1
        if fault.kind.is_signal and first:
            dead = error_response(AwsCall(service, "", ""), _ERRORS["broken"])
            return with_signal(fault, self.app, dead, environ, start_response)
        refusal = fault.kind.refusal(first=first)
        if refusal is None:
            return self.app(environ, start_response)
        if refusal == "lost":
            run_silently(self.app, environ)
        error = _ERRORS.get(refusal)
        if error is None:
            text = f"User: ada is not authorized to perform: {call.operation}"
            error = AwsError("AccessDeniedException", text)
        return error_response(AwsCall(service, "", ""), error)(environ, start_response)


def _operation(request: Request) -> str:
    scope = request.headers.get("Authorization", "").partition("Credential=")[2].split("/")
    service = scope[3] if len(scope) > 3 else "?"  # noqa: PLR2004 - date, region, service
    target = request.headers.get("X-Amz-Target", "").rsplit(".", 1)[-1]
    if not target and b"Action=" in request.get_data():
        target = dict(parse_qsl(request.get_data().decode())).get("Action", "")
    return f"{service}:{target or request.method + ' ' + request.path}"
