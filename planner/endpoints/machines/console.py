"""How a machine tells how far it is: in lines of its console that begin with ``planner:``.

No way in is needed to read them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.clouds import settings
from planner.endpoints.interface import LogLine
from planner.endpoints.watching import failures

if TYPE_CHECKING:
    from collections.abc import Sequence

READY, FAILED = "ready", "failed"
_MARK = "planner: "


def stage(lines: Sequence[str]) -> str:
    """Return how far a machine has come by its own words; ``ready`` in the end."""
    marks = [line.partition(_MARK)[2] for line in lines if _MARK in line]
    if not marks:
        return "starting the machine"
    if any(mark == READY for mark in marks) and not marks[-1].startswith(FAILED):
        return READY
    last = marks[-1].removeprefix("stage: ")
    return failures.stage_of(lines) if last == "starting vLLM" else last


def new_lines(seen: Sequence[str], lines: Sequence[str]) -> Sequence[str]:
    """Return what was written since a console was read; the clouds keep its end alone."""
    if list(lines[: len(seen)]) == list(seen):
        return lines[len(seen) :]
    for place in range(len(lines) - 1, -1, -1):
        if lines[place] == seen[-1]:
            return lines[place + 1 :]
    return lines


def log(lines: Sequence[str], stream: str) -> list[LogLine]:
    """Return the console as log lines; it carries no times of its own, so all have now's."""
    now = settings.now()
    return [LogLine(now, line, stream) for line in lines]
