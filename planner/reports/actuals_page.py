"""What was billed and served in a period: a page for the CFO, Markdown, or JSON.

Takes the record of ``planner actuals --format json``, so that a page says what the JSON says.
"""

from __future__ import annotations

import json
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from planner import __version__
from planner.reports import page
from planner.reports.markdown import escape, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_ACTIONS = 3
# Of the drawing of days, in CSS pixels.
_WIDTH, _HEIGHT, _FOOT = 420, 140, 20
NOT_KNOWN = "not known"


def as_json(record: Mapping[str, Any]) -> str:
    """Return all figures as JSON."""
    return json.dumps(record, indent=2, default=_plain, allow_nan=False) + "\n"


def html(record: Mapping[str, Any]) -> str:
    """Return one page that opens offline and asks for nothing."""
    style = page.asset("report.css") + page.asset("decision.css")
    policy = (
        f"default-src 'none'; base-uri 'none'; form-action 'none'; style-src {page.digest(style)}"
    )
    template = page.environment().get_template("actuals.html.j2")
    return template.render(
        actuals=record,
        title=title(record),
        lead=lead(record),
        actions=record["actions"][:_ACTIONS],
        endpoints=[_cells(item) for item in record["endpoints"]],
        headings=_HEADINGS,
        days=_drawn(record),
        style=style,
        policy=policy,
        version=__version__,
    )


def markdown(record: Mapping[str, Any]) -> str:
    """Return Markdown for a wiki or a pull request."""
    return "\n".join(_lines(record)) + "\n"


def title(record: Mapping[str, Any]) -> str:
    """Return the page's title."""
    return f"GPU endpoints, {_span(record['period']['start'], record['period']['end'])}"


def _span(start: date, end: date) -> str:
    """Return a period as people write it: 1 to 26 November 2026."""
    last = f"{end.day} {end:%B %Y}"
    if start == end:
        return last
    if (start.year, start.month) == (end.year, end.month):
        return f"{start.day} to {last}"
    return f"{start.day} {start:%B %Y} to {last}"


def lead(record: Mapping[str, Any]) -> str:
    """Return the answer in a few sentences."""
    predicted, currency = money(record["total_predicted"]), record["currency"]
    if record["total_billed"] is None:
        text = f"Predicted: {predicted}. No bill was read."
    else:
        text = f"Billed: {money(record['total_billed'], currency)}; predicted: {predicted}."
        if record["total_effective"] != record["total_billed"]:
            spread = money(record["total_effective"], currency)
            text += f" With commitments spread over their hours: {spread}."
    end, budget = record["month_end_forecast"], record["budget"]
    if end is not None:
        text += f" At the month's end, as things go: {money(end, currency)}."
        # A budget is in dollars, and is compared with dollars only.
        if budget is not None and currency == "USD":
            word = "over" if end > budget else "under"
            text += f" That is {money(abs(end - budget))} {word} the budget of {money(budget)}."
    return text


_HEADINGS = ("Endpoint", "Cloud", "Billed", "Predicted", "Tokens out", "$/M out", "Idle cost")


def _cells(item: Mapping[str, Any]) -> list[str]:
    tokens = item["served_output_tokens"]
    return [
        item["name"],
        item["cloud"],
        money(item["billed"], item["currency"]),
        money(item["predicted"]),
        NOT_KNOWN if tokens is None else f"{tokens:,}",
        money(item["usd_per_million_served_tokens"]),
        money(item["idle_cost"], item["currency"]),
    ]


def _lines(record: Mapping[str, Any]) -> Iterator[str]:
    yield f"# {escape(title(record))}\n"
    yield f"**{escape(lead(record))}**\n"
    if record["endpoints"]:
        rows = [tuple(_cells(item)) for item in record["endpoints"]]
        yield from table(_HEADINGS, rows, {2, 3, 4, 5, 6})
    if record["actions"]:
        yield "\n## What to change\n"
        for action in record["actions"][:_ACTIONS]:
            saving = money(action["saving_usd_month"])
            yield f"- **{escape(saving)} a month**: {escape(action['what'])}."
            yield f"  {escape(action['why'])}. `{action['command']}`"
    notes = [f"{item['name']}: {text}" for item in record["endpoints"] for text in item["notes"]]
    if notes or record["notes"]:
        yield "\n## What is not known\n"
        yield from (f"- {escape(text)}." for text in [*notes, *record["notes"]])
    if record["sources"]:
        yield f"\nBills: {escape(', '.join(record['sources']))}."


def _drawn(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the bars of the days: effective cost where billed, and the prediction's mark."""
    currency = record["currency"]
    costs: dict[date, float] = {}
    marks: dict[date, float] = {}
    for item in record["endpoints"]:
        for day in item["days"] if item["currency"] == record["currency"] else ():
            if day["effective"] is not None:
                costs[day["day"]] = costs.get(day["day"], 0.0) + float(day["effective"])
            if day["predicted"] is not None:
                marks[day["day"]] = marks.get(day["day"], 0.0) + float(day["predicted"])
    days = sorted({*costs, *marks})
    top = max([*costs.values(), *marks.values()], default=0.0)
    if not days or top <= 0:
        return {"bars": []}
    step = _WIDTH / len(days)
    scale = (_HEIGHT - _FOOT) / top

    def bar(number: int, day: date) -> dict[str, Any]:
        high = max(0.0, costs.get(day, 0.0)) * scale
        said = f"{day}: {money(costs.get(day), currency)}, predicted {money(marks.get(day))}"
        return {
            "x": round(number * step + step * 0.1, 1),
            "width": round(step * 0.8, 1),
            "y": round(_HEIGHT - _FOOT - high, 1),
            "height": round(high, 1),
            "mark": round(_HEIGHT - _FOOT - marks[day] * scale, 1) if day in marks else None,
            "said": said,
        }

    return {
        "bars": [bar(number, day) for number, day in enumerate(days)],
        "width": _WIDTH,
        "height": _HEIGHT,
        "first": str(days[0]),
        "last": str(days[-1]),
        "top": money(top, currency),
    }


def money(amount: Decimal | float | None, currency: str = "USD") -> str:
    """Return an amount as people read it: ``$9.50``, ``-$9.50``, ``9.50 EUR``, ``not known``."""
    if amount is None:
        return NOT_KNOWN
    if currency != "USD":
        return f"{amount:,.2f} {currency}"
    return f"-${-amount:,.2f}" if amount < 0 else f"${amount:,.2f}"


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, date | datetime):
        return value.isoformat()
    return str(value)
