"""Gather what ``planner actuals`` joins: bills, the ledger's plans, served work, advice."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from planner.cli.output import note
from planner.errors import DataError

if TYPE_CHECKING:
    from planner.actuals.advice import Action
    from planner.actuals.answer import Actuals
    from planner.actuals.model import Bill, Owned, Period
    from planner.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, in the options' own words; see ``planner actuals --help``."""

    focus: tuple[str, ...] = ()
    clouds: tuple[str, ...] = ()
    bigquery: str = ""
    month: str | None = None
    since: str | None = None
    until: str | None = None
    rates: dict[str, Decimal] = field(default_factory=dict)
    prometheus: str | None = None
    match: str = ""
    no_metrics: bool = False
    budget: Decimal | None = None
    yes: bool = False


FIELDS = tuple(item.name for item in fields(Question))


def answer(asked: Question) -> tuple[Actuals, list[Action]]:
    """Return what was billed and served, and what to change.

    Raises:
        PlannerError: A bill cannot be read.
    """
    from planner.actuals import predicted
    from planner.actuals.advice import actions
    from planner.actuals.answer import actuals
    from planner.cli.actuals.period import period_of
    from planner.clouds import settings
    from planner.ledger import Ledger as Book

    now = settings.now()
    period = period_of(asked.month, asked.since, asked.until, now)
    start, end = _midnight(period.start), min(_midnight(period.end), now)
    with Book() as ledger:
        resources = ledger.resources(include_removed=True)
        bills = _bills(asked, period, predicted.owned(resources))
        names = [item.name for item in predicted.endpoints(resources, period, now)]
        if not asked.no_metrics:
            _collect(asked, ledger, names, (start, end, now))
        served = ledger.served(since=start, until=end)
    budget = asked.budget or _budget()
    found = actuals(
        bills,
        lambda until: predicted.endpoints(resources, period, until),
        served,
        period,
        now,
        budget=budget,
    )
    by_endpoint: dict[str, list[Any]] = {}
    for hour in served:
        by_endpoint.setdefault(hour.endpoint, []).append(hour)
    return found, actions(found, by_endpoint)


def _budget() -> Decimal | None:
    from planner import preferences

    told = preferences.get("budget")
    try:
        return Decimal(told.replace(",", "").lstrip("$")) if told else None
    except InvalidOperation:
        raise DataError(
            f"the budget {told!r} of planner config is no amount",
            advice="planner config set budget=5000",
        ) from None


def _bills(asked: Question, period: Period, owned: Owned) -> list[Bill]:
    from planner.actuals.bills import focus, places

    bills = []
    for where in asked.focus:
        with places.files(where) as files:
            bills.append(focus.read(files, period, owned=owned, rates=asked.rates, source=where))
    wanted = list(asked.clouds)
    if asked.bigquery and "gcp" not in wanted:
        wanted.append("gcp")
    return bills + [_asked(cloud, asked, period) for cloud in wanted]


def _asked(cloud: str, asked: Question, period: Period) -> Bill:
    """Ask a cloud, after the user has agreed to what the question costs."""
    from planner.actuals.bills.interface import source
    from planner.cli.deploy.confirm import confirm

    made = source(cloud, table=asked.bigquery)
    fee = made.fee_usd(period)
    if fee >= Decimal("0.005"):
        costs = f"about ${fee:,.2f}"
        note(f"{made.title} asks {costs} for this question.")
        if not asked.yes:
            confirm(f"Ask {made.title}?", costs=costs)
    return made.read(period)


def _collect(
    asked: Question,
    ledger: Ledger,
    names: list[str],
    times: tuple[datetime, datetime, datetime],
) -> None:
    """Read served work into the ledger: from Prometheus, else from the endpoints themselves."""
    start, end, now = times
    if asked.prometheus:
        from planner.actuals.work import prometheus

        last = end.replace(minute=0, second=0, microsecond=0)
        for name in names:
            match = asked.match.replace("{endpoint}", name)
            if last > start:
                for hour in prometheus.read(asked.prometheus, name, match, start, last):
                    ledger.save_served(hour)
        return
    from planner.actuals.collecting import collect
    from planner.errors import PlannerError

    try:
        unread = collect(ledger, start, now)
    except PlannerError as error:
        note(f"What endpoints served could not be read: {error}. --no-metrics does not look.")
        return
    for name, why in unread:
        note(f"{name}: what it served could not be read: {why}")


def _midnight(day: Any) -> datetime:  # noqa: ANN401 - a date
    return datetime.combine(day, time(), UTC)


def recorded_hours(name: str) -> Any:  # noqa: ANN401 - the ledger's hours
    """Return the recorded hours of an endpoint, or of all (an empty name), for planner size.

    Raises:
        NotFoundError: None is recorded.
    """
    from planner.clouds import settings
    from planner.errors import NotFoundError
    from planner.ledger import Ledger as Book

    with Book() as ledger:
        since = settings.now() - timedelta(weeks=8)
        served = ledger.served(endpoint=name or None, since=since)
        known = sorted({hour.endpoint for hour in ledger.served(since=since)})
    if not served:
        raise NotFoundError(
            f"no load of {name} is recorded" if name else "no load is recorded",
            why=f"recorded: {', '.join(known)}" if known else "the ledger has no served hour",
            advice="planner actuals reads the endpoints' metrics into the ledger",
        )
    return served
