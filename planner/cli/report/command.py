"""``planner report``: a comparison as a file for people."""

from __future__ import annotations

import shlex
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import click

from planner.cli.options import model_argument_of
from planner.cli.output import note
from planner.cli.request_options import request_of, request_options
from planner.errors import UsageError

# What a decision page takes beside the question.
_OF_DECISION = {"output", "question", "against", "since"}
_OF_ACTUALS = {"output", "bills", "month"}


@click.command()
@partial(request_options, model=model_argument_of(required=False))
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    metavar="FILE",
    help="Where to write; its end says how: .html, .md, .csv, .json, .xlsx, .focus.csv.",
)
@click.option(
    "--check-quotas",
    is_flag=True,
    help="Ask the clouds you are signed in to about the quotas of the first plans.",
)
@click.option(
    "--size",
    "question",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="A decision page of what planner size --save wrote, instead of MODEL.",
)
@click.option(
    "--against",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="With --size: a second such file beside it.",
)
@click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="DATE",
    help="With --size: what changed since the prices known then.",
)
@click.option(
    "--actuals",
    "bills",
    multiple=True,
    metavar="PATH|URL",
    help="A page of what was really billed and served, instead of MODEL: a FOCUS export, as "
    "planner actuals --focus takes it (repeatable).",
)
@click.option("--month", metavar="MONTH", help="With --actuals: 2026-11, this or last.")
@click.pass_context
def report(
    ctx: click.Context,
    /,
    *,
    output: Path,
    check_quotas: bool,
    question: Path | None,
    against: Path | None,
    since: datetime | None,
    bills: tuple[str, ...],
    month: str | None,
    **options: Any,  # noqa: ANN401 - mirrors the options
) -> None:
    """Write a report on MODEL that people can read without planner.

    The page (.html) opens offline: the answer, charts, a table that sorts, filters and exports,
    rent or buy, quotas, assumptions and sources. The workbook (.xlsx) has formulas to play with;
    .focus.csv is a price sheet in the words of FinOps FOCUS. Charts lie beside a .md as .svg.

    With --size it is a decision page (.html, .md, .json): three options with their risks, the
    budget by quarter, what changes the cost, and a second scenario or an earlier date beside it.
    With --actuals it is a page of what was really billed and served, and what to change.

    \b
    planner report llama-2-70b -o report.html
    planner report llama-2-70b --precision int4 --geo eu -o report.xlsx
    planner report mixtral-8x7b --cloud aws -o prices.focus.csv
    planner report --size fleet.json --since 2026-06-30 -o decision.html
    planner report --actuals exports/ --month last -o october.html
    """  # noqa: D301 - click reads the backspace as "keep these lines"
    if bills:
        from planner.cli.actuals import asking, files

        _only(ctx, "--actuals", _OF_ACTUALS, "planner actuals has more options")
        found, advised = asking.answer(asking.Question(focus=bills, month=month, no_metrics=True))
        files.write(found, advised, output)
        return
    if question is not None:
        from planner.cli.report import decision

        advice = "planner size MODEL --load FILE ... --save FILE changes it"
        _only(ctx, "--size", _OF_DECISION, advice)
        day = None if since is None else since.date()
        decision.write(question, output, against=against, since=day, command=_command(ctx))
        return
    _check_model(ctx, options["model"])
    from planner.reporting import make_report
    from planner.reports import suffix, warm_up, write

    suffix(output.name)  # a wrong name is told before the work is done
    warm_up(output.name)
    made = make_report(request_of(options), command=_command(ctx), check_quotas=check_quotas)
    for path in write(made, output):
        note(f"wrote {path} ({path.stat().st_size / 1000:,.0f} kB)")


def _only(ctx: click.Context, what: str, allowed: set[str], advice: str) -> None:
    """Refuse options that say nothing to a page of another kind than a comparison."""
    given = [p for p in ctx.command.params if _is_typed(ctx, p) and p.name not in allowed]
    if given:
        name = given[0].opts[0] if isinstance(given[0], click.Option) else "MODEL"
        raise UsageError(
            f"{name} cannot be given with {what}",
            why="that page answers its own question",
            advice=advice,
        )


def _check_model(ctx: click.Context, model: str | None) -> None:
    """Refuse a report of nothing, and a decision's options without its question."""
    if ctx.params["month"] is not None:
        raise UsageError("--month needs --actuals", advice="planner report --actuals FOLDER ...")
    for name in ("against", "since"):
        if ctx.params[name] is not None:
            raise UsageError(
                f"--{name} needs --size",
                why="a decision page is of a question of planner size",
                advice="planner size MODEL ... --save fleet.json",
            )
    if model is None:
        raise click.MissingParameter(ctx=ctx, param_type="argument", param_hint="'MODEL'")


def _is_typed(ctx: click.Context, param: click.Parameter) -> bool:
    source = ctx.get_parameter_source(param.name or "")
    return source is click.core.ParameterSource.COMMANDLINE


def _command(ctx: click.Context) -> str:
    """Return what to type for the same report, without the folder it was written to."""
    words = ["planner", "report"]
    for param in ctx.command.params:
        value = ctx.params.get(param.name or "")  # None: taken by the option itself
        if value is None:
            continue
        if not _is_typed(ctx, param):
            continue
        if isinstance(param, click.Argument):
            words.append(str(value))
        elif value is True:
            words.append(param.opts[0])
        else:
            values = value if isinstance(value, tuple) else (value,)
            for item in values:
                words += [param.opts[0], _typed(item)]
    return shlex.join(words)


def _typed(item: object) -> str:
    """Return a value as it is typed."""
    if isinstance(item, Path):
        return item.name
    return str(item.date()) if isinstance(item, datetime) else str(item)
