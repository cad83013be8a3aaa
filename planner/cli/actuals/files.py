"""The answer of ``planner actuals`` as a file; its name says how."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.cli.output import note
from planner.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from planner.actuals.advice import Action
    from planner.actuals.answer import Actuals

FORMS = {
    ".html": "a page",
    ".md": "Markdown",
    ".json": "all figures",
    ".csv": "FOCUS rows",
    ".prom": "Prometheus metrics",
}
_SAME = {".focus": ".csv", ".prometheus": ".prom"}


def check(path: Path) -> None:
    """Look whether a name says how to write, before any work is done.

    Raises:
        UsageError: It does not.
    """
    if path.suffix.casefold() not in FORMS:
        listed = ", ".join(f"{suffix} ({what})" for suffix, what in FORMS.items())
        raise UsageError(
            f"{path.name!r} does not say how to write",
            why=f"say one of {listed}",
            advice="-o actuals.html",
        )


def write(found: Actuals, advised: Sequence[Action], path: Path) -> None:
    """Write the answer to a file.

    Raises:
        UsageError: No such form, or the file cannot be written.
    """
    check(path)
    made = text(found, advised, path.suffix.casefold())
    try:
        path.write_text(made, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be written", why=str(error)) from error
    note(f"Wrote {path} ({len(made.encode()) / 1000:,.0f} kB).")


def text(found: Actuals, advised: Sequence[Action], form: str) -> str:
    """Return the answer in a form: a key of ``FORMS``, or ``.focus`` or ``.prometheus``."""
    from planner.actuals import records
    from planner.reports import actuals_page

    form = _SAME.get(form, form)
    if form == ".csv":
        return records.focus_csv(found)
    if form == ".prom":
        return records.prometheus_text(found)
    pages = {
        ".html": actuals_page.html,
        ".md": actuals_page.markdown,
        ".json": actuals_page.as_json,
    }
    return pages[form](records.record(found, advised))
