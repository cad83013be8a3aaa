"""The user's own arguments of the engine: ``--engine-arg``, held against the engine's own list.

The list is that of the pinned release (``deploy_templates/vllm/arguments.csv``, written by
``build.py`` beside it from vLLM's own parser): a wrong name would show only after half an hour
of paid loading.
"""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from planner.bundled import deploy_templates
from planner.errors import UnknownNameError, UsageError
from planner.serving import table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_LIST = "https://docs.vllm.ai/en/stable/cli/serve/"
# vLLM's human-readable numbers: k is 1000, K is 1024.
_SIZE = re.compile(r"\d+(\.\d+)?[kKmMgGtT]?|-1|auto")


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of ``vllm serve``.

    Attributes:
        name: Without its dashes: ``max-num-batched-tokens``.
        values: How many it takes: ``none``, ``one``, ``several``; ``optional`` is one or none.
        kind: Of a value: ``int``, ``size`` (``8k``), ``float``, ``json`` or ``text``.
        choices: The only values it takes; empty where any will do.
        negative: Whether ``--no-NAME`` is one too.
    """

    name: str
    values: str
    kind: str
    choices: tuple[str, ...]
    negative: bool


def read(texts: Iterable[str]) -> dict[str, str]:
    """Return what the user gave as ``NAME`` or ``NAME=VALUE``, with or without dashes.

    A switch that is turned off becomes its ``no-`` form. Later ones win.

    Raises:
        UnknownNameError: vLLM has no such argument.
        UsageError: planner sets it itself, or the value is none it takes.
    """
    chosen: dict[str, str] = {}
    for text in texts:
        name, value = _one(text)
        chosen.pop(f"no-{name}", None)
        chosen.pop(name.removeprefix("no-"), None)
        chosen[name] = value
    return chosen


def takes_several(name: str) -> bool:
    """Tell whether a flag takes several values, which are written with spaces between."""
    found = known().get(name)
    return found is not None and found.values == "several"


@cache
def known() -> dict[str, Argument]:
    """Return the arguments of the pinned release, by name."""
    return {
        row["argument"]: Argument(
            row["argument"],
            row["values"],
            row["kind"],
            tuple(row["choices"].split()),
            row["negative"] == "yes",
        )
        for row in table.read(deploy_templates() / "vllm" / "arguments.csv")
    }


@cache
def _reserved() -> dict[str, dict[str, str]]:
    rows = table.read(deploy_templates() / "vllm" / "reserved.csv")
    return {row["argument"]: row for row in rows}


def _one(text: str) -> tuple[str, str]:
    given, has_value, value = text.strip().partition("=")
    name = given.removeprefix("--").replace("_", "-").casefold()
    value = " ".join(value.splitlines()).strip()  # one line each in the machine's file
    found = known().get(name)
    if found is None:
        switched = known().get(name.removeprefix("no-"))
        if not name.startswith("no-") or switched is None or not switched.negative:
            raise UnknownNameError("argument of vLLM", name, known(), advice=_LIST)
        found = switched
    _refuse_reserved(found.name)
    if found.values == "none":
        return _switch(found, name, value, stated=bool(has_value)), ""
    if not value:
        raise UsageError(
            f"vLLM's --{name} takes a value", advice=f"--engine-arg {name}={_example(found)}"
        )
    for word in _words(found, value):
        _check_value(found, word)
    return name, value


def _words(found: Argument, value: str) -> list[str]:
    if found.values != "several":
        return [value]
    try:
        return shlex.split(value)
    except ValueError as error:
        raise UsageError(
            f"vLLM's --{found.name} takes no {value!r}", why=f"it cannot be split: {error}"
        ) from error


def _switch(found: Argument, name: str, value: str, *, stated: bool) -> str:
    if not stated or value.casefold() in {"true", "yes", "on"}:
        return name
    if value.casefold() not in {"false", "no", "off"}:
        raise UsageError(
            f"vLLM's --{found.name} is a switch and takes no {value!r}",
            advice=f"--engine-arg {found.name}",
        )
    if name != found.name:
        return found.name  # not no-...
    if not found.negative:
        raise UsageError(
            f"vLLM's --{found.name} cannot be turned off", why="it is off where nobody says it"
        )
    return f"no-{found.name}"


def _refuse_reserved(name: str) -> None:
    row = _reserved().get(name)
    if row is not None:
        raise UsageError(
            f"vLLM's --{name} is planner's to set", why=row["why"], advice=row["instead"]
        )


def _check_value(found: Argument, value: str) -> None:
    if not value:
        return
    if found.choices and value not in found.choices:
        raise UsageError(
            f"vLLM's --{found.name} takes no {value!r}",
            advice=f"one of {', '.join(found.choices)}",
        )
    readable = _KINDS[found.kind]
    try:
        readable(value)
    except ValueError as error:
        raise UsageError(
            f"vLLM's --{found.name} takes no {value!r}",
            why=f"it wants {_KIND_WORDS[found.kind]}",
            advice=f"--engine-arg {found.name}={_example(found)}",
        ) from error


def _example(found: Argument) -> str:
    return found.choices[0] if found.choices else _EXAMPLES[found.kind]


def _size(value: str) -> object:
    if not _SIZE.fullmatch(value):
        raise ValueError(value)
    return value


_KINDS: dict[str, Callable[[str], object]] = {
    "int": int,
    "size": _size,
    "float": float,
    "json": json.loads,
    "text": str,
}
_KIND_WORDS = {
    "int": "a whole number",
    "size": "a number such as 8192 or 8k",
    "float": "a number",
    "json": "JSON",
}
_EXAMPLES = {
    "int": "4",
    "size": "8192",
    "float": "0.5",
    "json": '\'{"key": "value"}\'',
    "text": "VALUE",
}
