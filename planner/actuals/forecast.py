"""Where the month will end, if what stands goes on as it did. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from planner.actuals.model import ZERO, Period

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date

    from planner.actuals.answer import EndpointActuals

_RECENT_DAYS = 7
_DAY_HOURS = Decimal(24)
_DAY_S = 86400


def month_end(
    endpoints: Sequence[EndpointActuals], period: Period, now: datetime, until: datetime | None
) -> Decimal | None:
    """Return the effective cost of the month that runs, if what stands goes on as it did.

    What is billed or predicted so far, plus the mean day of the last week for what still stands,
    until it expires or the month ends.
    """
    month = Period.of_month(now.date())
    if period.start > month.start or period.end <= now.date():
        return None
    reached = min(until or now, now)
    return _sum(_at_end(item, month, reached) for item in endpoints if item.days)


def _at_end(item: EndpointActuals, month: Period, reached: datetime) -> Decimal:
    costs = _day_costs(item, month)
    so_far = _sum(costs.values())
    if not _stands(item, costs, reached):
        return so_far
    whole = [day for day in costs if day < reached.date()][-_RECENT_DAYS:]
    if whole:
        pace = _sum(costs[day] for day in whole) / len(whole)
    else:
        pace = (item.plan.hourly_usd or ZERO) * _DAY_HOURS if item.plan else ZERO
    end = datetime.combine(month.end, time(), UTC)
    if item.plan is not None and item.plan.expires_at is not None:
        end = min(end, item.plan.expires_at)
    left = max(timedelta(0), end - reached)
    return so_far + pace * Decimal(str(left.total_seconds())) / _DAY_S


def _stands(item: EndpointActuals, costs: Mapping[date, Decimal], reached: datetime) -> bool:
    """Tell whether it goes on: by the ledger; of one that the ledger does not know, by its bill."""
    if item.plan is not None:
        return item.plan.standing
    return bool(costs) and max(costs) >= reached.date() - timedelta(days=1)


def _day_costs(item: EndpointActuals, month: Period) -> Mapping[date, Decimal]:
    inside = {day: of for day, of in item.days.items() if month.start <= day < month.end}
    if item.effective is None:
        return {day: predicted or ZERO for day, (_, _, predicted) in inside.items()}
    return {day: effective for day, (_, effective, _) in inside.items()}


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, ZERO)
