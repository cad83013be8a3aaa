"""Ways in which one call to a cloud breaks, before or after its effect.

For tests of what is left behind. ``planner.sandbox.aws.faults`` and ``gcp.faults`` stand in
front of the simulated services, tell calls apart in their cloud's way, and answer in its words.
"""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

Refusal = Literal["refused", "throttled", "lost", "broken"]


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
