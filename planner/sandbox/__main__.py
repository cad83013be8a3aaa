"""Run the sandbox in the foreground: ``python -m planner.sandbox``."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING

import click

from planner.errors import PlannerError
from planner.sandbox import process, scenarios
from planner.sandbox.server import Sandbox

if TYPE_CHECKING:
    from types import FrameType


@click.command()
@click.option("--scenario", default="new-account")
@click.option("--set", "settings", multiple=True)
def main(scenario: str, settings: tuple[str, ...]) -> None:
    """Run until SIGTERM or Ctrl-C."""
    try:
        chosen = scenarios.with_settings(
            scenarios.get(scenario), dict(pair.split("=", 1) for pair in settings)
        )
    except PlannerError as error:
        raise click.ClickException(f"{error}. {error.why}") from error

    def leave(_signal: int, _frame: FrameType | None) -> None:
        sys.exit(0)

    signal.signal(signal.SIGTERM, leave)
    with Sandbox(chosen) as sandbox:
        path = process.write_state(sandbox.endpoints)
        try:
            sandbox.wait()
        finally:
            path.unlink(missing_ok=True)


main()
