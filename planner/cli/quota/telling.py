"""Tell of changes: on the screen, and where the user wants to be notified."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from planner.cli.output import note

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from planner.ledger import Ledger, QuotaRequest

notify_option = click.option(
    "--notify",
    envvar="PLANNER_NOTIFY",
    metavar="URL|COMMAND",
    help="Tell of changes there, once: a web hook, an Apprise URL or a command.  "
    "[default: planner config]",
)


def tell(
    requests: Iterable[QuotaRequest],
    target: str | None,
    ledger: Ledger,
    say: Callable[[str], None] = note,
) -> None:
    """Tell of every change that was not told yet; a failure is tried again next time."""
    from planner import preferences
    from planner.errors import PlannerError
    from planner.quotas import notify

    where = target or preferences.get("notify") or None
    for request in notify.untold(requests):
        try:
            notify.tell(where, request, ledger)
        except PlannerError as error:
            say(f"{error}: {error.why}" if error.why else str(error))
            if error.advice:
                say(f"Try: {error.advice}")
