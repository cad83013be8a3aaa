"""Write docs/commands.md from the commands themselves: ``python docs/make_commands.py``.

tests/test_docs.py fails while the page differs from what ``--help`` says.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from planner.cli.app import cli

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = Path(__file__).with_name("commands.md")
_WIDTH = 80
_INTRODUCTION = """\
# Commands

Generated from the commands by `python docs/make_commands.py`.
Every list command takes `--format table|json|csv|markdown`; machine formats go to stdout and
notes to stderr. [Exit codes](how-to.md#exit-codes) are the same everywhere.
"""


def page() -> str:
    """Return the page as it should be."""
    return _INTRODUCTION + "".join(_sections(cli, None, "planner"))


def _sections(command: click.Command, parent: click.Context | None, name: str) -> Iterator[str]:
    """Yield the section of a command, then those of its subcommands."""
    context = click.Context(
        command,
        info_name=name,
        parent=parent,
        terminal_width=_WIDTH,
        help_option_names=cli.context_settings["help_option_names"],
    )
    depth = 2 if parent is None or parent.parent is None else 3
    yield f"\n{'#' * depth} {context.command_path}\n\n```text\n{command.get_help(context)}\n```\n"
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            found = command.get_command(context, child)
            if found is not None and not found.hidden:
                yield from _sections(found, context, child)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
