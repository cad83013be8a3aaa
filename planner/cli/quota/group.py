"""``planner quota``: check, request, follow."""

from __future__ import annotations

from importlib import import_module

import click

_COMMANDS = {
    "check": "Is there room for a model, or for instance types?",
    "plan": "The shortest way to a running endpoint from here.",
    "request": "Ask the cloud for the room that is missing.",
    "status": "How the requests stand.",
    "watch": "Follow the open requests to their end.",
    "campaign": "Ask in several places, and again, until one has room.",
    "history": "How full the quotas were, and when they will be full.",
    "capacity": "Machines without the quota that is short or refused.",
}


class _Group(click.Group):
    """Imports a subcommand when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of use."""
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command."""
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"planner.cli.quota.{cmd_name}"), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list without importing any command."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=_Group)
def quota() -> None:
    """Check, request and follow GPU quotas on AWS, Azure and Google Cloud.

    \b
    planner quota check llama-2-70b
    planner quota plan llama-2-70b
    planner quota request llama-2-70b --cloud aws
    planner quota watch
    """  # noqa: D301 - click reads the backspace as "keep these lines"
