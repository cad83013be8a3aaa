"""Options that several commands share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from planner.cli.words import CLOUD_WORDS, GEO_WORDS, PRECISION_WORDS, PRECISIONS, Choice, Tokens

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date, datetime

GEOS = ("us", "eu", "ap", "all")
_MOST_WEIGHTS = 1e14


def _to_date(
    _context: click.Context, _parameter: click.Parameter, value: datetime | None
) -> date | None:
    return None if value is None else value.date()


def _complete_model(
    _context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    from planner.serving import models

    wanted = incomplete.casefold()
    return [CompletionItem(name) for name in models.rows() if name.startswith(wanted)]


def _complete_accelerator(
    _context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    from planner.serving import accelerators

    names = dict.fromkeys(a.accelerator for a in accelerators.all_accelerators())
    wanted = incomplete.casefold()
    return [CompletionItem(name) for name in names if name.casefold().startswith(wanted)]


_PARAMETERS = "planner.parameters"


def _keep_parameters(
    context: click.Context, _parameter: click.Parameter, value: str | None
) -> None:
    context.meta[_PARAMETERS] = None if value is None else _billions(value)


def _billions(text: str) -> int:
    """Return the number of weights in a text such as ``34B``, ``350M`` or ``6.7b``."""
    scales = {"t": 1e12, "b": 1e9, "m": 1e6}
    scale = scales.get(text[-1:].casefold())
    try:
        number = float(text[:-1] if scale else text) * (scale or 1)
    except ValueError:
        number = 0.0
    if not 1 <= number < _MOST_WEIGHTS:
        raise click.BadParameter(f"{text!r} is no number of weights, such as 34B")
    return round(number)


def _find_model(context: click.Context, _parameter: click.Parameter, value: str) -> str:
    """Read what the text means, so that every command knows it; the text stays as it was typed."""
    if value is not None:
        from planner.serving import models

        models.find(value, parameters=parameters_of(context))
    return value


parameters_option = click.option(
    "--parameters",
    metavar="34B",
    is_eager=True,
    expose_value=False,
    callback=_keep_parameters,
    help="All weights, where the model's files do not say them.",
)


def parameters_of(context: click.Context) -> int | None:
    """Return what ``--parameters`` says; None where it is not given."""
    found: int | None = context.meta.get(_PARAMETERS)
    return found


def model_argument_of(*, required: bool) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return what adds MODEL to a command: a name, an id, a folder, a file, an adapter."""
    argument = click.argument(
        "model", required=required, callback=_find_model, shell_complete=_complete_model
    )
    return lambda function: argument(parameters_option(function))


model_argument = model_argument_of(required=True)

one_accelerator_option = click.option(
    "--accelerator",
    "--gpu",
    required=True,
    metavar="NAME",
    shell_complete=_complete_accelerator,
    help="The GPU (see planner gpus).",
)

as_of_option = click.option(
    "--as-of",
    type=click.DateTime(formats=["%Y-%m-%d"]),
    callback=_to_date,
    metavar="DATE",
    help="Look at prices as known on that date.  [default: today]",
)

geo_option = click.option(
    "--geo",
    type=Choice(GEOS, GEO_WORDS),
    default="us",
    show_default=True,
    help="Regions to look at.",
)


def filter_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add --cloud, --region, --accelerator and --instance-type; each may be repeated."""
    options = (
        click.option(
            "--cloud",
            "--provider",
            "clouds",
            multiple=True,
            type=Choice(["aws", "azure", "gcp"], CLOUD_WORDS),
            help="Only this cloud (repeatable).",
        ),
        click.option(
            "--region",
            "regions",
            multiple=True,
            metavar="NAME",
            help="Only this region, whatever the geo (repeatable).",
        ),
        click.option(
            "--accelerator",
            "--gpu",
            "accelerators",
            multiple=True,
            metavar="NAME",
            shell_complete=_complete_accelerator,
            help="Only this accelerator: A100, A100-80GB, L4 ... (repeatable).",
        ),
        click.option(
            "--instance-type",
            "instance_types",
            multiple=True,
            metavar="NAME",
            help="Only this instance type (repeatable).",
        ),
    )
    for option in reversed(options):
        function = option(function)
    return function


def placement_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add what decides whether a model fits: --precision, --context, --concurrency."""
    options = (
        click.option(
            "--precision",
            type=Choice([*PRECISIONS, "any"], PRECISION_WORDS),
            help="Of the weights; any: a row for each that fits.  [default: the model's own]",
        ),
        click.option(
            "--context",
            type=Tokens(),
            metavar="TOKENS",
            help="Tokens a request may hold.  [default: prompt and answer, in steps of 4096]",
        ),
        click.option(
            "--concurrency",
            type=int,
            default=4,
            show_default=True,
            metavar="N",
            help="Requests of that length that must fit at once.",
        ),
        click.option(
            "--max-instances",
            type=int,
            metavar="N",
            help="Machines.  [default: 1, and up to 4 where no single one is enough]",
        ),
        click.option(
            "--include-neuron",
            is_flag=True,
            help="Show Inferentia and Trainium, which need a Neuron-compiled model.",
        ),
    )
    for option in reversed(options):
        function = option(function)
    return function
