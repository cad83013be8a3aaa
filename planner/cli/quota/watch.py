"""``planner quota watch``: follow the open requests to their end."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from planner.cli.duration import to_duration
from planner.cli.output import console, emit_json, note
from planner.cli.quota import codes, telling
from planner.cli.quota import options as quota_options
from planner.cli.words import Choice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.live import Live

    from planner.errors import PlannerError
    from planner.ledger import Ledger, QuotaRequest

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
@click.option("--once", is_flag=True, help="Look once and leave: for cron and workflows.")
@telling.notify_option
@click.option("--no-alternatives", is_flag=True, help="Do not look for other ways when denied.")
@click.option(
    "--format",
    "output_format",
    type=Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="json: one document, once all is decided or the time is up.",
)
@quota_options.account_options
def watch(
    *,
    interval: timedelta,
    timeout: timedelta | None,
    once: bool,
    notify: str | None,
    no_alternatives: bool,
    output_format: str,
    **options: Any,  # noqa: ANN401 - mirrors the options
) -> int:
    """Follow the open quota requests until each is decided; with --once, look once.

    Refused ones are looked at for 90 days more, because an appeal may be granted. Ctrl-C stops
    watching and nothing else; the requests stay filed. Exit codes: 0 all granted (or nothing
    was asked for), 8 one is pending, 9 one was refused or granted in part, 5 one is not known;
    of each quota the newest request counts.

    \b
    planner quota watch
    planner quota watch --once --format json --notify discord://ID/TOKEN
    """  # noqa: D301 - click reads the backspace as "keep these lines"
    from planner.cli.quota import status
    from planner.ledger import Ledger

    quota_options.use_accounts(options)
    with Ledger() as ledger:
        requests = _watched(ledger, once=once)
        if not requests:
            return _nothing(output_format)
        if once or output_format == "json":
            requests = _look(ledger, requests, interval, timedelta() if once else timeout, notify)
        else:
            requests = _follow(ledger, requests, interval, timeout, notify)
        records = status.with_history(requests, ledger)
    if output_format == "json":
        emit_json(records)
    else:
        if once:
            console().print(_table(requests))
        for request in requests:
            status.next_steps(request, alternatives=not no_alternatives)
    code = codes.of_requests(requests)
    if not code:
        note("All approved. Next: planner quota check MODEL, then planner deploy MODEL")
    return code


def _watched(ledger: Ledger, *, once: bool) -> list[QuotaRequest]:
    """Return what to look at: what is open; with --once, the newest request of each quota."""
    from planner.quotas import following

    return following.newest(ledger.requests()) if once else ledger.requests(open_only=True)


def _nothing(output_format: str) -> int:
    if output_format == "json":
        emit_json([])
    note("No request is open. Try: planner quota status")
    return 0


def _look(
    ledger: Ledger,
    requests: Sequence[QuotaRequest],
    interval: timedelta,
    timeout: timedelta | None,
    notify: str | None,
) -> list[QuotaRequest]:
    """Ask until all is decided or the time is up, and show nothing meanwhile."""
    now = list(requests)

    def ask() -> list[QuotaRequest]:
        now[:] = _ask(ledger, now, notify)
        return now

    _patiently(ask, interval, timeout)
    return now


def _ask(
    ledger: Ledger, requests: Sequence[QuotaRequest], notify: str | None
) -> list[QuotaRequest]:
    from planner.quotas import following

    def failed(request: QuotaRequest, error: PlannerError) -> None:
        note(f"#{request.id} could not be asked about, trying on: {error}")

    seen = following.refresh(ledger, requests, failed=failed)
    _say_changes(requests, seen, note)
    telling.tell(seen, notify, ledger)
    return seen


def _patiently(ask: Any, interval: timedelta, timeout: timedelta | None) -> None:  # noqa: ANN401 - a function
    from tenacity import Retrying, retry_if_result, stop_after_delay, stop_never, wait_fixed

    Retrying(
        retry=retry_if_result(lambda found: any(request.is_open for request in found)),
        wait=wait_fixed(_polite(interval)),
        stop=stop_never if timeout is None else stop_after_delay(timeout),
        retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
    )(ask)


def _follow(
    ledger: Ledger,
    requests: Sequence[QuotaRequest],
    interval: timedelta,
    timeout: timedelta | None,
    notify: str | None,
) -> list[QuotaRequest]:
    """Ask again and again, show the table live, and tell of changes."""
    from rich.live import Live

    from planner.quotas import following

    now = list(requests)
    screen = console()
    # On a terminal a remark must go through the screen that holds the live table.
    say = screen.print if screen.is_terminal else note

    def failed(request: QuotaRequest, error: PlannerError) -> None:
        say(f"#{request.id} could not be asked about, trying on: {error}")

    def ask(live: Live) -> list[QuotaRequest]:
        before = list(now)
        now[:] = following.refresh(ledger, now, failed=failed)
        live.update(_table(now), refresh=True)
        _say_changes(before, now, say)
        telling.tell(now, notify, ledger, say)
        return now

    with Live(_table(now), console=screen, auto_refresh=False) as live:
        _patiently(lambda: ask(live), interval, timeout)
    if not screen.is_terminal:
        screen.print()  # a live table leaves its last line open
    return now


def _say_changes(before: Sequence[QuotaRequest], now: Sequence[QuotaRequest], say: Any) -> None:  # noqa: ANN401 - a function
    from planner.quotas import notify

    for old, new in zip(before, now, strict=True):
        if old.state != new.state:
            say(str(notify.message(new)["text"]))


def _polite(interval: timedelta) -> timedelta:
    """Return how long to wait between questions to a real cloud: half a minute at least."""
    from planner.clouds import settings

    return interval if settings.current().simulated else max(interval, _LEAST)


def _table(requests: Sequence[QuotaRequest]) -> Any:  # noqa: ANN401 - what Rich can show
    from rich.console import Group

    from planner.cli.quota import view
    from planner.cli.tables import fitted

    records = view.request_records(requests)
    shown = fitted(records, view.request_columns(), console().width)
    return Group(view.title("Quota requests"), shown)
