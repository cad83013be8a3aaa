"""Commands that planner prints for the user to type next.

They must address what this command addressed: the simulated clouds where ``--sandbox`` was given,
or a rehearsal would go on in the real account.
"""

from __future__ import annotations

import re

_OF_CLOUDS = (
    "bench", "chat", "deploy", "destroy", "doctor", "extend", "logs", "quota", "refresh", "resume",
    "size", "status", "sweep", "verify",
)  # fmt: skip
_COMMAND = re.compile(rf"\bplanner (?=(?:{'|'.join(_OF_CLOUDS)})\b)")
_given = {"sandbox": False}


def remember_sandbox(*, given: bool) -> None:
    """Keep whether this command was given ``--sandbox``."""
    _given["sandbox"] = given


def pasteable(text: str) -> str:
    """Return a text whose commands address the clouds that this command does."""
    return _COMMAND.sub("planner --sandbox ", text) if _given["sandbox"] else text
