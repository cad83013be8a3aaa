"""Every command that planner's own texts name is one, and takes the options that they give it.

Texts are found in the source: each literal of the package, with X where a value is put in.
"""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

import planner
from planner.cli import next_command
from planner.cli.app import ALIASES, cli

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(planner.__file__).parent
# As far as a command goes in a sentence.
COMMAND = re.compile(r"\bplanner (?P<rest>(?:--sandbox )?[a-z][^\n;)\"]*)")
NEXT = re.compile(r",? (then|and|or)\b|, |\. |  |: | > |\(|\\|$")
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")


def texts(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield the literals of a module with their lines, docstrings left out."""
    inside: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            inside.add(id(node.value))  # a docstring: it speaks to developers
        if isinstance(node, ast.JoinedStr):
            parts = [part.value if isinstance(part, ast.Constant) else "X" for part in node.values]
            inside |= {id(part) for part in node.values}
            yield node.lineno, "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and id(node) not in inside:
            yield node.lineno, str(node.value)


@cache
def named() -> list[tuple[str, str]]:
    """Return where each command is named, and its words."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        for line, text in texts(ast.parse(path.read_text(encoding="utf-8"))):
            for match in COMMAND.finditer(text):
                end = NEXT.search(match["rest"])
                words = match["rest"][: end.start()] if end else match["rest"]
                found.append((f"{path.relative_to(PACKAGE)}:{line}", words))
    return found


def command_of(words: list[str]) -> click.Command | None:
    """Return the command that words begin with, by name or alias; None for prose."""
    first = ALIASES.get(words[0], words[0])
    if first not in cli.list_commands(click.Context(cli)):
        return None
    command = cli.get_command(click.Context(cli), first)
    for word in words[1:]:
        if not isinstance(command, click.Group):
            break
        inner = command.get_command(click.Context(command), word)
        if inner is None:
            break
        command = inner
    return command


def options_of(command: click.Command) -> set[str]:
    """Return the long options of a command."""
    taken = [name for p in command.params for name in (*p.opts, *p.secondary_opts)]
    return {name for name in taken if name.startswith("--")} | {"--help"}


@pytest.mark.long
def test_the_harvest_is_a_rich_one() -> None:
    assert len(named()) > 150
    assert sum(command_of(words.removeprefix("--sandbox ").split()) is not None
               for _, words in named()) > 120  # fmt: skip


def test_every_option_is_one_of_its_command() -> None:
    wrong = []
    for where, words in named():
        command = command_of(words.removeprefix("--sandbox ").split())
        if command is None:
            continue
        unknown = set(OPTION.findall(words)) - options_of(command) - {"--sandbox", "--debug"}
        if unknown:
            wrong.append(f"{where}: planner {words}: {', '.join(sorted(unknown))}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", next_command._OF_CLOUDS)
def test_what_gets_accounts_takes_them(name: str) -> None:
    command = command_of(name.split())
    assert command is not None
    assert {"--profile", "--subscription", "--project"} <= options_of(command)


def test_what_takes_accounts_gets_them() -> None:
    """Each command with ``--profile`` is printed with it, when this one was given it."""
    taking = {
        name
        for name in cli.list_commands(click.Context(cli))
        if "--profile" in options_of(command_of([name]) or click.Command("none"))
    }
    assert taking - {"actuals"} <= set(next_command._OF_CLOUDS)
