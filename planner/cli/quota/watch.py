"""``planner quota watch``: follow the open requests to their end."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from planner.cli.duration import to_duration
from planner.cli.output import console, note
from planner.cli.quota import options as quota_options

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.live import Live

    from planner.errors import PlannerError
    from planner.ledger import Ledger, QuotaRequest

_SHORT = 4
_LEAST = timedelta(seconds=30)


@click.command()
@click.option(
    "--interval",
    default="5m",
    show_default=True,
    callback=to_duration,
    help="How often to ask; decisions take minutes to days.",
)
@click.option("--timeout", callback=to_duration, help="Give up watching after that long.")
@click.option(
    "--notify",
    metavar="URL|COMMAND",
    help="Post to a webhook, or run a command, when a state changes.",
)
@click.option("--no-alternatives", is_flag=True, help="Do not look for other ways when denied.")
@quota_options.account_options
def watch(
    interval: timedelta,
    timeout: timedelta | None,
    notify: str | None,
    no_alternatives: bool,
    **options: Any,  # noqa: ANN401 - mirrors the options
) -> int:
    """Follow the open quota requests until each is decided.

    Ctrl-C stops watching and nothing else; the requests stay filed. Exit code 4: a request
    ended with less than was asked for, or the time was up.
    """
    from planner.ledger import Ledger
    from planner.quotas.outcome import State

    quota_options.use_accounts(options)
    with Ledger() as ledger:
        requests = ledger.requests(open_only=True)
        if not requests:
            note("No request is open. Try: planner quota status")
            return 0
        requests = _follow(ledger, requests, interval, timeout, notify)
    from planner.cli.quota.status import next_steps

    for request in requests:
        next_steps(request, alternatives=not no_alternatives)
    done = all(request.state == State.APPROVED for request in requests)
    if done:
        note("All approved. Next: planner quota check MODEL, then planner deploy MODEL")
    return 0 if done else _SHORT


def _follow(
    ledger: Ledger,
    requests: Sequence[QuotaRequest],
    interval: timedelta,
    timeout: timedelta | None,
    notify: str | None,
) -> list[QuotaRequest]:
    """Ask again and again, show the table live, and tell of changes."""
    from rich.live import Live
    from tenacity import (
        Retrying,
        retry_if_result,
        stop_after_delay,
        stop_never,
        wait_fixed,
    )

    from planner.quotas import tracker

    now = list(requests)
    screen = console()
    # On a terminal a remark must go through the screen that holds the live table.
    say = screen.print if screen.is_terminal else note

    def failed(request: QuotaRequest, error: PlannerError) -> None:
        say(f"#{request.id} could not be asked about, trying on: {error}")

    def ask(live: Live) -> list[QuotaRequest]:
        before = {request.id: request.state for request in now}
        now[:] = tracker.refresh(ledger, now, failed=failed)
        live.update(_table(now), refresh=True)
        for request in now:
            if request.state != before[request.id]:
                _tell(request, before[request.id], notify, say)
        return now

    patient = Retrying(
        retry=retry_if_result(lambda found: any(request.is_open for request in found)),
        wait=wait_fixed(_polite(interval)),
        stop=stop_never if timeout is None else stop_after_delay(timeout),
        retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
    )
    with Live(_table(now), console=screen, auto_refresh=False) as live:
        patient(ask, live)
    if not screen.is_terminal:
        screen.print()  # a live table leaves its last line open
    return now


def _polite(interval: timedelta) -> timedelta:
    """Return how long to wait between questions to a real cloud: half a minute at least."""
    from planner.clouds import settings

    return interval if settings.current().simulated else max(interval, _LEAST)


def _table(requests: Sequence[QuotaRequest]) -> Any:  # noqa: ANN401 - what Rich can show
    from rich.console import Group

    from planner.cli.output import table
    from planner.cli.quota import view

    records = view.request_records(requests)
    shown = table(records, view.request_columns(), console().width)
    return Group(view.title("Quota requests"), shown)


def _tell(
    request: QuotaRequest, before: str, target: str | None, say: Callable[[str], None]
) -> None:
    from planner.errors import PlannerError
    from planner.quotas import notify

    say(str(notify.message(request, before)["text"]))
    if target is None:
        return
    try:
        notify.notify(target, request, before)
    except PlannerError as error:
        say(f"{error}: {error.why}")
