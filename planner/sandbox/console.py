"""What a simulated machine writes to its console, on any cloud.

Invented: the lines before vLLM's and when they come; that an endpoint is asked once a second. The
last words of an engine that fails are vLLM's and PyTorch's own.
Documented: the clouds keep the end of a console alone (knob ``console_kib``).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from planner.sandbox.boot import Script

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from planner.sandbox.world import World

_ENGINE = (
    "planner: stage: pulling the image",
    "planner: stage: starting vLLM",
    "INFO Starting to load model",
    "INFO Application startup complete.",
    "planner: ready",
)
# The names are of the scenario's ``endpoint_failure``.
_LAST_WORDS = {
    "out-of-memory": "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 1.2 GiB",
    "gated": "GatedRepoError: 401 Client Error: Cannot access gated repo",
    "disk-full": "OSError: [Errno 28] No space left on device",
}
_REQUEST = (
    '[  123.456789] start.sh[912]: (APIServer pid=1) INFO:     127.0.0.1:40404 - "POST '
    '/v1/chat/completions HTTP/1.1" 200 OK'
)
_STATISTICS = (
    "(APIServer pid=1) INFO 11-26 12:00:00 [loggers.py:127] Engine 000: Avg prompt throughput: "
    "12.0 tokens/s, Avg generation throughput: 34.0 tokens/s, Running: 1 reqs, Waiting: 0 reqs"
)
_EVERY_S, _CERTIFICATE_EVERY_S = 10, 600
_KIB = 1024
_ALL_KIB = 2048  # of what is kept where the knob keeps all


@dataclass(frozen=True, slots=True)
class Machine:
    """What a console depends on.

    Attributes:
        born: When the machine was made.
        before: What the cloud's own template says before the image is pulled.
        script: What its boot script does.
        token_known: From when on the machine may read its token; None: at once.
        stuck: Whether it comes no further than ``before``.
        certificate: Of its way in; empty where it has none.
    """

    born: datetime
    before: Sequence[str]
    script: Script = field(default_factory=Script)
    token_known: datetime | None = None
    stuck: bool = False
    certificate: str = ""


def start(world: World, machine: Machine) -> list[str]:
    """Return what has been written of the start so far, evenly over the start-up time."""
    if machine.stuck:
        return ["cloud-init: started", *machine.before]
    token = machine.token_known
    late = machine.script.reads_token and token is not None and token > machine.born
    reading = ("planner: stage: reading the token",) if machine.script.reads_token else ()
    before = ("cloud-init: started", *machine.before, *reading)
    if late and not machine.script.reads_again:
        return [*before, "planner: failed: line 36 of start.sh"]
    begins = token if late and token is not None else machine.born
    if world.now() < begins:
        return list(before)
    script = (*before, *_ENGINE[:-1], *_certificate(machine), _ENGINE[-1])
    whole = world.scenario.endpoint_startup_s
    past = (world.now() - begins).total_seconds()
    share = 1.0 if whole <= 0 else min(1.0, past / whole)
    written = list(script[: 1 + int(share * (len(script) - 1))])
    failure = world.scenario.endpoint_failure
    if failure and is_ready(written):
        words = _LAST_WORDS.get(failure, failure)
        *kept, _, _ = (line for line in written if line not in _certificate(machine))
        return [*kept, words, "planner: failed: vLLM ended with code 1"]
    return written


def is_ready(started: Sequence[str]) -> bool:
    """Tell whether the engine answers by now, from what was written of the start."""
    return started[-1].endswith("ready")


def text(world: World, machine: Machine) -> str:
    """Return what the cloud keeps of a console: its end."""
    started = start(world, machine)
    written = "\r\n".join([*started, *_later(world, machine, started)])
    kept = world.scenario.console_kib * _KIB
    return written[-kept:] if kept else written


def _later(world: World, machine: Machine, started: Sequence[str]) -> list[str]:
    """Return what was written since the engine answers, as far back as a console may keep it."""
    if not is_ready(started):
        return []
    since = machine.born + timedelta(seconds=max(0.0, world.scenario.endpoint_startup_s))
    second = int((world.now() - since).total_seconds())
    room = (world.scenario.console_kib or _ALL_KIB) * _KIB
    backwards: list[str] = []
    while second > 0 and room > 0:
        said = list(_said(machine, second))
        backwards += reversed(said)
        room -= sum(len(line) + 2 for line in said)
        second -= 1
    return backwards[::-1]


def _certificate(machine: Machine) -> tuple[str, ...]:
    return (f"planner-certificate: {machine.certificate}",) if machine.certificate else ()


def _said(machine: Machine, second: int) -> Iterator[str]:
    """Yield what is written in one second of an endpoint's life."""
    script = machine.script
    if second % _CERTIFICATE_EVERY_S == 0:
        yield from _certificate(machine)
    if script.logs_requests:
        yield _REQUEST
    if second % _EVERY_S == 0:
        yield _STATISTICS
    if script.ready_every_s and second % script.ready_every_s == 0:
        yield "planner: ready"
