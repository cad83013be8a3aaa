"""``planner report --size``: a decision page of a question that ``planner size`` kept."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from planner.cli.output import note

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path


def write(
    question: Path, output: Path, *, against: Path | None, since: date | None, command: str
) -> None:
    """Ask the question of a file at today's prices, and write what to decide.

    Args:
        question: What ``planner size --save`` wrote.
        output: The page, its end says how.
        against: A second question, to stand beside the first.
        since: Also ask the first question with what was known on that date.
        command: What a user types for the same page.

    Raises:
        UsageError: A file holds no question, or the page cannot be written.
        NotFoundError: No machine carries a load, or no price was known then.
    """
    from planner import __version__
    from planner.planning.sizing import size
    from planner.pricing.catalog import Catalog
    from planner.reports import decision, decision_files

    decision_files.check(output)
    catalog = Catalog()
    request = _request(question)
    here = size(request, catalog).to_dict()
    beside = []
    if since is not None:
        then = replace(request, where=replace(request.where, as_of=since))
        there = size(then, catalog).to_dict()
        names = (str(since), str(here["as_of"]))
        beside.append(decision.compared(f"What changed since {since}", names, there, here))
    if against is not None:
        other = size(_request(against), catalog).to_dict()
        names = (against.stem, question.stem)
        beside.append(decision.compared(f"Against {against.stem}", names, other, here))
    made = decision.Decision(here, tuple(beside), command, __version__)
    path = decision_files.write(made, output)
    note(made.answer)
    note(f"wrote {path} ({path.stat().st_size / 1000:,.0f} kB)")


def _request(path: Path) -> Any:  # noqa: ANN401 - a SizeRequest, imported only when used
    from planner.cli.size import question
    from planner.cli.size.options import request_of
    from planner.errors import UsageError

    try:
        return request_of(question.read(path))
    except (KeyError, TypeError, AttributeError) as error:
        raise UsageError(
            f"{path} holds a question of another version of planner",
            why=f"{type(error).__name__}: {error}",
            advice="planner size MODEL ... --save FILE writes one",
        ) from error
