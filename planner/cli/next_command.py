"""Commands that planner prints for the user to type next.

They must address what this command addressed. Without ``--sandbox`` a rehearsal would go on in the
real account; without ``--profile`` a command would look for an endpoint in somebody else's. And
they must ask what it asked: without ``--spot`` another try would be billed on demand.
"""

from __future__ import annotations

import re
import shlex
from datetime import timedelta
from typing import TYPE_CHECKING

from click.core import ParameterSource

if TYPE_CHECKING:
    from collections.abc import Mapping

    import click

_OF_CLOUDS = (
    "bench", "chat", "connect", "deploy", "destroy", "doctor", "extend", "key", "logs", "resume",
    "status", "sweep", "url", "verify", "quota capacity", "quota check", "quota plan",
    "quota request", "quota status", "quota watch",
)  # fmt: skip
"""Those that ask a cloud, and take ``--profile``, ``--subscription`` and ``--project``."""
_ASK_NOBODY = ("quota", "refresh", "size")
"""Those that have a simulated side as well, and no accounts."""
_PLAIN = ("compare",)
"""Those that are the same everywhere."""
_ACCOUNTS = ("profile", "subscription", "project")
_COMMAND = re.compile(
    rf"\bplanner (?:(?P<cloud>{'|'.join(_OF_CLOUDS)})\b(?! --(?:{'|'.join(_ACCOUNTS)})\b)"
    rf"|(?P<other>{'|'.join(_ASK_NOBODY)})\b|(?P<plain>{'|'.join(_PLAIN)})\b)"
)
_OF_THE_QUESTION = (
    "--spot", "--instances", "--geo", "--precision", "--context", "--concurrency", "--max-hourly",
    "--access", "--allow", "--domain", "--expires", "--name", "--cloud", "--budget",
)  # fmt: skip
"""What is asked for, and not where: a printed command of the same name keeps what was typed."""
_END = re.compile(r"[\n(;]|, (?:then|or)\b")
_given = {"sandbox": "", "accounts": ""}
_asked: dict[str, dict[str, str]] = {}
"""By the command's name: its options that were typed, each with its words."""


def remember_sandbox(*, given: bool) -> None:
    """Keep whether this command was given ``--sandbox``; forget all else of the one before."""
    _given.update(sandbox=" --sandbox" if given else "", accounts="")
    _asked.clear()


def remember_accounts(options: Mapping[str, str | None]) -> None:
    """Keep the accounts that this command was given: ``profile``, ``subscription``, ``project``."""
    words = [
        f" --{name} {shlex.quote(str(options[name]))}" for name in _ACCOUNTS if options.get(name)
    ]
    _given["accounts"] = "".join(words)


def remember_question(context: click.Context) -> None:
    """Keep what this command was asked for, as far as it was typed."""
    typed = {}
    for parameter in context.command.params:
        flag = next((name for name in parameter.opts if name in _OF_THE_QUESTION), "")
        if (
            flag
            and context.get_parameter_source(str(parameter.name)) is ParameterSource.COMMANDLINE
        ):
            typed[flag] = _words(flag, context.params[str(parameter.name)])
    _asked[str(context.command.name)] = typed


def pasteable(text: str) -> str:
    """Return a text whose commands address the clouds and accounts that this command does."""
    return _COMMAND.sub(lambda found: _addressed(found, text), text)


def _addressed(found: re.Match[str], text: str) -> str:
    accounts = _given["accounts"] if found["cloud"] else ""
    name = found["cloud"] or found["other"] or found["plain"]
    sandbox = "" if found["plain"] else _given["sandbox"]
    rest = _END.split(text[found.end() :], maxsplit=1)[0]
    kept = [words for flag, words in _asked.get(name, {}).items() if f"{flag} " not in f"{rest} "]
    return f"planner{sandbox} {name}{accounts}{''.join(kept)}"


def _words(flag: str, value: object) -> str:
    """Return an option as it is typed."""
    if value is True:
        return f" {flag}"
    each = value if isinstance(value, tuple) else (value,)
    return "".join(f" {flag} {shlex.quote(_text(item))}" for item in each)


def _text(value: object) -> str:
    if isinstance(value, timedelta):
        return f"{round(value.total_seconds() / 60)}m"
    return str(value)
