"""``planner report``: a comparison as a file for people."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import click

from planner.cli.output import note
from planner.cli.request_options import request_of, request_options


@click.command()
@request_options
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
@click.pass_context
def report(ctx: click.Context, /, output: Path, check_quotas: bool, **options: Any) -> None:  # noqa: ANN401 - mirrors the options
    """Write a report on MODEL that people can read without planner.

    The page (.html) opens offline: the answer, charts, a table that sorts, filters and exports,
    rent or buy, quotas, assumptions and sources. The workbook (.xlsx) has formulas to play with;
    .focus.csv is a price sheet in the words of FinOps FOCUS. Charts lie beside a .md as .svg.

    \b
    planner report llama-2-70b -o report.html
    planner report llama-2-70b --precision int4 --geo eu -o report.xlsx
    planner report mixtral-8x7b --cloud aws -o prices.focus.csv
    """  # noqa: D301 - click reads the backspace as "keep these lines"
    from planner.reporting import make_report
    from planner.reports import suffix, warm_up, write

    suffix(output.name)  # a wrong name is told before the work is done
    warm_up(output.name)
    made = make_report(request_of(options), command=_command(ctx), check_quotas=check_quotas)
    for path in write(made, output):
        note(f"wrote {path} ({path.stat().st_size / 1000:,.0f} kB)")


def _command(ctx: click.Context) -> str:
    """Return what to type for the same report, without the folder it was written to."""
    words = ["planner", "report"]
    for param in ctx.command.params:
        source = ctx.get_parameter_source(param.name or "")
        value = ctx.params.get(param.name or "")  # None: taken by the option itself
        if value is None:
            continue
        if source is not click.core.ParameterSource.COMMANDLINE:
            continue
        if isinstance(param, click.Argument):
            words.append(str(value))
        elif value is True:
            words.append(param.opts[0])
        else:
            values = value if isinstance(value, tuple) else (value,)
            for item in values:
                words += [param.opts[0], item.name if isinstance(item, Path) else str(item)]
    return shlex.join(words)
