"""A decision as a page, as Markdown for a pull request, or as JSON."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from planner.errors import UsageError
from planner.reports import page, wording
from planner.reports.markdown import escape, table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from planner.reports.decision import Decision

FORMATS = (".html", ".md", ".json")
_BLOCKS = 20
# Of the drawing of bars, in CSS pixels.
_ROW, _WIDTH, _LABELS = 40, 340, 22


def write(decision: Decision, path: Path) -> Path:
    """Write a decision to a file and return its path.

    Raises:
        UsageError: No such format, or the file cannot be written.
    """
    check(path)
    made = {".html": html, ".md": markdown, ".json": as_json}
    try:
        path.write_text(made[path.suffix.casefold()](decision), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be written", why=str(error)) from error
    return path


def check(path: Path) -> None:
    """Look whether a decision can be written in the format of a name.

    Raises:
        UsageError: It cannot.
    """
    if path.suffix.casefold() not in FORMATS:
        raise UsageError(
            f"no decision page format for {path.name!r}",
            why=f"its name should end with one of {', '.join(FORMATS)}",
            advice="-o decision.html",
        )


def as_json(decision: Decision) -> str:
    """Return all figures as JSON."""
    return json.dumps(decision.to_dict(), indent=2, default=_plain, allow_nan=False) + "\n"


def html(decision: Decision) -> str:
    """Return one page that opens offline and asks for nothing."""
    style = page.asset("report.css") + page.asset("decision.css")
    policy = (
        f"default-src 'none'; base-uri 'none'; form-action 'none'; style-src {page.digest(style)}"
    )
    template = page.environment().get_template("decision.html.j2")
    return template.render(decision=decision, style=style, policy=policy, bars=_drawn(decision))


def markdown(decision: Decision) -> str:
    """Return Markdown that a pull request shows: tables and text, no pictures."""
    return "\n".join(_lines(decision)) + "\n"


def _lines(decision: Decision) -> Iterator[str]:
    yield f"# {escape(decision.title)}\n"
    yield f"**{escape(decision.answer)}**\n"
    yield f"{escape(decision.question)}\n"
    yield "\n## Options\n"
    options = decision.options
    yield from table(
        ("", *("; ".join(option.names) for option in options)),
        [
            ("Machines", *(option.machine for option in options)),
            ("Precision", *(option.fleet["precision"] for option in options)),
            ("$ a month", *(wording.usd(option.fleet["monthly_usd"]) for option in options)),
            ("Due now", *(wording.usd(option.fleet["due_now_usd"]) for option in options)),
            ("Risk", *(" ".join(option.risks) for option in options)),
        ],
        set(),
    )
    yield "\n## Budget by quarter\n"
    yield "A month is the mean over the horizon, with what is owed afterwards.\n"
    yield from table(
        ("", *(option.names[0] for option in options)),
        [(name, *(wording.usd(value) for value in usd)) for name, usd in decision.quarters],
        set(range(1, len(options) + 1)),
    )
    yield "\n## If things turn out otherwise\n"
    most = max((abs(bar.change_usd) for bar in decision.bars), default=1)
    yield from table(
        ("", "$ a month", "change", ""),
        [
            (
                bar.name,
                wording.usd(bar.monthly_usd),
                changed(bar.change_usd),
                "█" * max(1, round(abs(bar.change_usd) / most * _BLOCKS)),
            )
            for bar in decision.bars
        ],
        {1, 2},
    )
    for beside in decision.beside:
        yield f"\n## {escape(beside.title)}\n"
        yield from table(("", *beside.names, "change"), beside.rows, {3})
    yield f"\n## Rent instead\n\n{escape(decision.rent)}"
    yield "\n## What this assumes\n"
    yield from table(("", ""), decision.assumptions, set())
    yield f"\nMade by planner {decision.version}: list prices in US dollars, not an offer."
    if decision.command:
        yield f"The same page: {escape(decision.command)}"


def changed(usd: float) -> str:
    """Return ``+$194`` or ``-$210``."""
    return f"{'+' if usd > 0 else '-'}{wording.usd(abs(usd))}"


def _drawn(decision: Decision) -> dict[str, Any]:
    """Return the bars as places in a drawing: left of the middle is cheaper."""
    bars = decision.bars
    most = max((abs(bar.change_usd) for bar in bars), default=1)
    middle = _WIDTH / 2
    return {
        "width": _WIDTH,
        "height": _ROW * len(bars),
        "middle": middle,
        "rows": [
            {
                "name": bar.name,
                "said": f"{wording.usd(bar.monthly_usd)} ({changed(bar.change_usd)})",
                "y": _ROW * i + _LABELS,
                "x": middle if bar.change_usd > 0 else middle - _length(bar.change_usd, most),
                "length": _length(bar.change_usd, most),
                "dearer": bar.change_usd > 0,
            }
            for i, bar in enumerate(bars)
        ],
    }


def _length(change: float, most: float) -> float:
    return round(abs(change) / most * (_WIDTH / 2 - 4), 1)


def _plain(value: object) -> Any:  # noqa: ANN401 - whatever JSON can hold
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(type(value).__name__)
