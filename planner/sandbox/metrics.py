"""The metrics page of a simulated machine's engine, in vLLM's names.

What is counted is what really went through: requests, the tokens that the engine behind says it
read and wrote, and the time to the first piece of its answer. vLLM's page has many more.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from planner.sandbox import engine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.sandbox.world import World

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_NOTES = "engine-metrics"
_SECONDS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class _Meter:
    """The counters of one machine's engine."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.prompt = Counter("vllm:prompt_tokens", "Prefill tokens.", registry=self.registry)
        self.answer = Counter("vllm:generation_tokens", "Tokens made.", registry=self.registry)
        self.requests = Counter(
            "vllm:request_success", "Requests done.", ("finished_reason",), registry=self.registry
        )
        self.first = Histogram(
            "vllm:time_to_first_token_seconds",
            "Time to first token.",
            buckets=_SECONDS,
            registry=self.registry,
        )


def answer(world: World, machine: str, body: bytes) -> Iterator[bytes]:
    """Return the engine's answer, counted for that machine.

    Raises:
        RefusedError: The engine refuses; that is not counted.
    """
    meter = _meter(world, machine)
    started = time.monotonic()
    pieces = engine.engine().answer(body)
    return _counted(pieces, meter, started)


def page(world: World, machine: str) -> bytes:
    """Return the metrics page of a machine."""
    return generate_latest(_meter(world, machine).registry)


def _meter(world: World, machine: str) -> _Meter:
    with world.lock:
        made: _Meter = world.notes[_NOTES].setdefault(machine, _Meter())
        return made


def _counted(pieces: Iterator[bytes], meter: _Meter, started: float) -> Iterator[bytes]:
    seen: list[bytes] = []
    for piece in pieces:
        if not seen:
            meter.first.observe(time.monotonic() - started)
        seen.append(piece)
        yield piece
    usage = _usage(b"".join(seen))
    meter.requests.labels("stop").inc()
    meter.prompt.inc(usage.get("prompt_tokens") or 0)
    meter.answer.inc(usage.get("completion_tokens") or 0)


def _usage(text: bytes) -> dict[str, Any]:
    """Return what an answer says of its tokens: a whole one, or the last event that tells."""
    found: dict[str, Any] = {}
    for line in text.decode("utf-8", "replace").splitlines():
        try:
            said = json.loads(line.removeprefix("data: "))
        except ValueError:
            continue
        if isinstance(said, dict) and said.get("usage"):
            found = said["usage"]
    return found
