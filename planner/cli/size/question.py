"""Keep the question of a ``planner size`` in a file, and ask it again."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from click.core import ParameterSource

from planner.errors import UsageError

if TYPE_CHECKING:
    import click

RECORDED = "recorded"
"""The load that the ledger has of endpoints; ``recorded:NAME`` is one endpoint's."""
_VERSION = 1
_DATES = ("as_of",)
_SPANS = ("start_up",)
_LISTS = ("clouds", "regions", "accelerators", "instance_types", "terms", "held")


def save(path: Path, given: dict[str, Any], answer: dict[str, Any]) -> None:
    """Write the options of a question and its answer, for the commands that build on it.

    A date that was typed is kept; today is not.

    Raises:
        UsageError: The file cannot be written.
    """
    try:
        document = {"planner_size": _VERSION, "question": given, "answer": answer}
        text = json.dumps(document, indent=2, default=_plain)
        path.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be written", why=str(error)) from error


def with_load(context: click.Context, load: str, given: dict[str, Any]) -> dict[str, Any]:
    """Return the options with those of ``--load``: a recorded load, or the question of a file.

    Raises:
        UsageError: There is no such file, or it holds no question.
    """
    if load.partition(":")[0] == RECORDED:
        return given | {"shape": load}
    path = Path(load)
    if not path.is_file():
        raise UsageError(
            f"there is no file {load}",
            advice=f"--load FILE of --save, --load {RECORDED}, --load {RECORDED}:ENDPOINT",
        )
    return merged(context, path, given)


def merged(context: click.Context, path: Path, given: dict[str, Any]) -> dict[str, Any]:
    """Return the options of a file, with those that were typed in their place.

    Raises:
        UsageError: The file holds no question.
    """
    kept = read(path)
    typed = {
        name: value
        for name, value in given.items()
        if context.get_parameter_source(name) is not ParameterSource.DEFAULT
    }
    return given | kept | typed


def read(path: Path) -> dict[str, Any]:
    """Return the options that a file holds.

    Raises:
        UsageError: The file holds no question.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        question: dict[str, Any] = dict(document["question"])
        return {name: _value(name, value) for name, value in question.items()}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{path} holds no question of planner size",
            why=str(error),
            advice="planner size MODEL ... --save FILE writes one",
        ) from error


def _plain(value: object) -> object:
    if isinstance(value, timedelta):
        return value.total_seconds()
    return str(value)


def _value(name: str, value: Any) -> Any:  # noqa: ANN401 - whatever JSON can hold
    if value is None:
        return None
    if name in _DATES:
        return date.fromisoformat(value)
    if name in _SPANS:
        return timedelta(seconds=value)
    return tuple(tuple(v) if isinstance(v, list) else v for v in value) if name in _LISTS else value
