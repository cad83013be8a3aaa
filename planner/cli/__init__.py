"""The command line: one thin module per command, loaded when the command is called."""

from __future__ import annotations


def main() -> None:
    """Run the command line (the ``planner`` script)."""
    from planner.cli.app import run

    run()
