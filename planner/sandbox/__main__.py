"""Run the sandbox in the foreground: ``python -m planner.sandbox``."""

from __future__ import annotations

import signal

import click

from planner.errors import PlannerError
from planner.sandbox import process, scenarios
from planner.sandbox.server import Sandbox


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

    # Blocked in every thread and waited for here: a signal that another thread receives
    # would not wake a main thread that waits for a lock.
    endings = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, endings)
    with Sandbox(chosen) as sandbox:
        path = process.write_state(sandbox.endpoints)
        try:
            signal.sigwait(endings)
        finally:
            path.unlink(missing_ok=True)


main()
