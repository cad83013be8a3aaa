"""The days that ``planner actuals`` looks at, as people say them."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from planner.errors import UsageError

if TYPE_CHECKING:
    from planner.actuals.model import Period

_FORMS = "--month 2026-11, --since yesterday, --since 7d, --since 2026-11-01 --until 2026-12-01"
_SPAN = re.compile(r"^(\d+)([dw])$")
_MONTH = re.compile(r"^\d{4}-\d{2}$")


def period_of(month: str | None, since: str | None, until: str | None, now: datetime) -> Period:
    """Return the period; without any word, the calendar month that runs, up to today.

    Args:
        month: ``2026-11``, ``this`` or ``last``.
        since: The first day: a date, ``today``, ``yesterday``, ``7d``, ``2w``.
        until: The day after the last: a date, ``today``; by default tomorrow.
        now: What time it is.

    Raises:
        UsageError: The words make no period.
    """
    from planner.actuals.model import Period

    today = now.date()
    tomorrow = today + timedelta(days=1)
    if month is not None:
        if since or until:
            raise UsageError("--month is a period of its own", advice=_FORMS)
        return Period.of_month(_month(month, today))
    start = _day(since, today) if since else today.replace(day=1)
    # "Since yesterday" is for cron in the morning: the day that is over, and no half day.
    whole = since == "yesterday" and until is None
    end = _day(until, today) if until else today if whole else tomorrow
    return Period(start, end)


def _month(text: str, today: date) -> date:
    first = today.replace(day=1)
    if text in {"this", "last"}:
        return first if text == "this" else (first - timedelta(days=1)).replace(day=1)
    if not _MONTH.match(text):
        raise UsageError(f"{text!r} is no month", advice=_FORMS)
    return _parsed(f"{text}-01")


def _day(text: str, today: date) -> date:
    known = {"today": today, "yesterday": today - timedelta(days=1)}
    if text in known:
        return known[text]
    if span := _SPAN.match(text):
        return today - timedelta(days=int(span[1]) * (7 if span[2] == "w" else 1))
    return _parsed(text)


def _parsed(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text!r} is no day", advice=_FORMS) from None
