"""The page of what was billed: it says what the JSON says, opens offline, and is accessible."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from planner.reports import actuals_page


def record(**changes: Any) -> dict[str, Any]:
    """Return a record of ``planner actuals --format json``, with text that wants escaping."""
    days = [
        {
            "day": date(2026, 10, day),
            "billed": Decimal("240.00"),
            "effective": Decimal("240.00") if day < 3 else None,
            "predicted": Decimal("250.00"),
        }
        for day in (1, 2, 3)
    ]
    endpoint = {
        "name": "<b>chat</b>",
        "cloud": "aws",
        "currency": "USD",
        "billed": Decimal("480.00"),
        "predicted": Decimal("750.00"),
        "served_output_tokens": 1_000_000,
        "usd_per_million_served_tokens": Decimal("480.00"),
        "idle_cost": None,
        "days": days,
        "notes": ["billed late"],
    }
    action = {
        "about": "chat",
        "what": "a smaller machine does",
        "saving_usd_month": Decimal("123.45"),
        "certainty": "high",
        "why": "the bill says so",
        "command": "planner size chat --load recorded:chat",
    }
    base = {
        "period": {"start": date(2026, 10, 1), "end": date(2026, 10, 31)},
        "currency": "USD",
        "total_billed": Decimal("480.00"),
        "total_effective": Decimal("400.00"),
        "total_predicted": Decimal("750.00"),
        "month_end_forecast": Decimal("900.00"),
        "budget": Decimal("1000.00"),
        "sources": ["bill.parquet"],
        "endpoints": [endpoint],
        "actions": [action] * 4,
        "notes": [],
    }
    return base | changes


def test_the_page_leads_with_the_answer_and_three_steps() -> None:
    html = actuals_page.html(record())
    assert "1 to 31 October 2026" in html
    assert "Billed: $480.00; predicted: $750.00." in html
    assert "spread over their hours: $400.00" in html
    assert "$100.00 under the budget of $1,000.00" in html
    assert html.count("planner size chat") == 3


def test_names_are_text_and_nothing_is_fetched() -> None:
    html = actuals_page.html(record())
    assert "<b>chat" not in html
    assert "&lt;b&gt;chat" in html
    for word in ("<script", "http://", "https://", "url("):
        assert word not in html


def test_what_is_not_known_is_said() -> None:
    html = actuals_page.html(record(total_billed=None, total_effective=None, sources=[]))
    assert "Predicted: $750.00. No bill was read." in html
    assert "every cost is a prediction" in html
    assert "not known" in html


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        (date(2026, 10, 5), date(2026, 10, 5), "5 October 2026"),
        (date(2026, 10, 5), date(2026, 11, 2), "5 October 2026 to 2 November 2026"),
    ],
)
def test_periods_are_written_as_people_write_them(start: date, end: date, words: str) -> None:
    made = record(period={"start": start, "end": end})
    assert actuals_page.title(made) == f"GPU endpoints, {words}"


def test_markdown_and_json_say_the_same() -> None:
    text = actuals_page.markdown(record())
    assert "\\$480.00" in text
    assert '"total_billed": 480.0' in actuals_page.as_json(record())
