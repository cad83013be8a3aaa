"""``planner size``: how many of which machines carry a load, and how to buy them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from planner.cli.options import model_argument
from planner.cli.output import emit_json, format_option, note
from planner.cli.size.options import request_of, size_options


@click.command()
@model_argument
@size_options
@click.option(
    "--save", type=click.Path(path_type=Path, dir_okay=False), help="Keep the question in a file."
)
@click.option(
    "--load",
    "load_file",
    metavar="FILE|recorded[:NAME]",
    help="Ask the question of such a file again; options that are typed count more. recorded: "
    "the load that endpoints really had, or the one of that name.",
)
@click.option("--top", type=click.IntRange(min=1), default=8, show_default=True, help="Rows shown.")
@format_option
@click.pass_context
def size(
    context: click.Context,
    /,
    output_format: str,
    top: int,
    save: Path | None,
    load_file: str | None,
    **given: Any,  # noqa: ANN401 - mirrors the options
) -> None:
    """Find the fleets that carry a load of MODEL within latency targets, and how to buy them.

    \b
    planner size llama-3.1-70b --requests-per-second 10 --precision any
    planner size llama-3.1-70b --users 400 --shape office --horizon 8
    planner size llama-3.1-8b --tokens-per-month 2B --ttft 1s --tpot 30ms
    planner size llama-3.1-8b --shape trace.csv --growth 5% --term 1 --term 3
    """  # noqa: D301 - click reads the backspace as "keep these lines"
    from planner.cli.size import question, view
    from planner.planning.sizing import size as run

    if load_file is not None:
        given = question.with_load(context, load_file, given)
    request = request_of(given)
    found = run(request)
    if save is not None:
        question.save(save, given, found.to_dict())
        note(f"The question is in {save}: planner size {given['model']} --load {save}")
    if output_format == "json":
        emit_json(found.to_dict())
        return
    view.show(found, output_format, top=top)
