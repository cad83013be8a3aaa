"""Commands that planner prints for the user to type next.

They must address what this command addressed. Without ``--sandbox`` a rehearsal would go on in the
real account; without ``--profile`` a command would look for an endpoint in somebody else's.
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_OF_CLOUDS = (
    "bench", "chat", "connect", "deploy", "destroy", "doctor", "extend", "key", "logs", "resume",
    "status", "sweep", "url", "verify", "quota capacity", "quota check", "quota plan",
    "quota request", "quota status", "quota watch",
)  # fmt: skip
"""Those that ask a cloud, and take ``--profile``, ``--subscription`` and ``--project``."""
_ASK_NOBODY = ("quota", "refresh", "size")
"""Those that have a simulated side as well, and no accounts."""
_ACCOUNTS = ("profile", "subscription", "project")
_COMMAND = re.compile(
    rf"\bplanner (?:(?P<cloud>{'|'.join(_OF_CLOUDS)})\b(?! --(?:{'|'.join(_ACCOUNTS)})\b)"
    rf"|(?P<other>{'|'.join(_ASK_NOBODY)})\b)"
)
_given = {"sandbox": "", "accounts": ""}


def remember_sandbox(*, given: bool) -> None:
    """Keep whether this command was given ``--sandbox``; forget its accounts."""
    _given.update(sandbox=" --sandbox" if given else "", accounts="")


def remember_accounts(options: Mapping[str, str | None]) -> None:
    """Keep the accounts that this command was given: ``profile``, ``subscription``, ``project``."""
    words = [
        f" --{name} {shlex.quote(str(options[name]))}" for name in _ACCOUNTS if options.get(name)
    ]
    _given["accounts"] = "".join(words)


def pasteable(text: str) -> str:
    """Return a text whose commands address the clouds and accounts that this command does."""
    return _COMMAND.sub(_addressed, text)


def _addressed(found: re.Match[str]) -> str:
    accounts = _given["accounts"] if found["cloud"] else ""
    return f"planner{_given['sandbox']} {found['cloud'] or found['other']}{accounts}"
