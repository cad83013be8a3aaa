"""The options of ``planner size``, and the request they make."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from planner.cli.duration import to_duration
from planner.cli.layout_options import engine_options, memory_options, target_options
from planner.cli.options import as_of_option, filter_options, geo_option
from planner.cli.size import reading
from planner.cli.words import Choice

if TYPE_CHECKING:
    from collections.abc import Callable

    from planner.planning.sizing import SizeRequest

_OF_REQUEST = (
    "ttft_s",
    "tpot_s",
    "engine",
    "engine_generation",
    "kv_precision",
    "gpu_memory_utilization",
    "max_num_seqs",
)


def to_share(
    _context: click.Context, _parameter: click.Parameter, value: str | None
) -> float | None:
    """Return the share that ``30%`` or ``0.3`` means (a click callback)."""
    if value is None:
        return None
    text = value.strip()
    try:
        return float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        raise click.BadParameter(f"{value!r} is no share; say 0.3 or 30%") from None


def _number(text: str) -> float:
    """Return the number of ``2.5``, ``10k``, ``3M`` or ``1.2B``."""
    units = {"k": 1e3, "m": 1e6, "b": 1e9}
    unit = units.get(text[-1:].casefold(), 1.0)
    return float(text[:-1] if unit > 1 else text) * unit


def to_amount(
    _context: click.Context, _parameter: click.Parameter, value: str | None
) -> float | None:
    """Return the number of ``10k`` or ``500M`` (a click callback)."""
    try:
        return None if value is None else _number(value.strip())
    except ValueError:
        raise click.BadParameter(f"{value!r} is no number; say 2.5, 10k, 500M or 2B") from None


def _load_options() -> tuple[Any, ...]:
    return (
        click.option(
            "--requests-per-second",
            callback=to_amount,
            metavar="R",
            help="Mean over the week.",
        ),
        click.option(
            "--requests-per-day", callback=to_amount, metavar="N", help="Mean over the week."
        ),
        click.option(
            "--tokens-per-month",
            callback=to_amount,
            metavar="N",
            help="Prompts and answers together: 500M.",
        ),
        click.option(
            "--users", callback=to_amount, metavar="N", help="People at work at the busiest hour."
        ),
        click.option(
            "--requests-per-user-hour",
            type=float,
            default=10.0,
            show_default=True,
            metavar="H",
            help="What each of them asks in that hour.",
        ),
        click.option(
            "--shape",
            default="flat",
            show_default=True,
            metavar="NAME|FILE",
            help="The week: flat, office, consumer; or a CSV of hours, or a trace of requests.",
        ),
        click.option(
            "--peak",
            type=float,
            metavar="X",
            help="The busiest hour against the mean.  [default: the shape's own]",
        ),
        click.option(
            "--growth",
            callback=to_share,
            default="0",
            show_default=True,
            metavar="SHARE",
            help="Of the load, from month to month: 5%.",
        ),
        click.option(
            "--input-tokens", type=int, metavar="I", help="Prompt, mean.  [default: 1024]"
        ),
        click.option(
            "--output-tokens", type=int, metavar="O", help="Answer, mean.  [default: 256]"
        ),
        click.option(
            "--input-tokens-p95", type=int, metavar="I", help="Prompt.  [default: 3.3 x the mean]"
        ),
        click.option(
            "--output-tokens-p95", type=int, metavar="O", help="Answer.  [default: 3 x the mean]"
        ),
    )


def _fleet_options() -> tuple[Any, ...]:
    return (
        click.option(
            "--measured",
            metavar="[TYPE=]NAME|FILE",
            help="A load test in place of a prediction: of planner bench (the endpoint's name), or "
            "a result file of planner bench, vllm bench serve, guidellm, inference-perf, or a "
            "recommendation job of SageMaker's. TYPE is the machine, where the file does not say.",
        ),
        click.option(
            "--precision",
            metavar="NAME|any",
            help="Of the weights.  [default: the model's own]",
        ),
        click.option(
            "--min-replicas",
            type=click.IntRange(min=1),
            default=1,
            show_default=True,
            help="Copies of the model that always run.",
        ),
        click.option(
            "--spare",
            type=click.IntRange(min=0),
            default=0,
            show_default=True,
            help="Machines more than the load needs; 1 is N+1.",
        ),
        click.option(
            "--fixed", is_flag=True, help="The same machines around the clock, no coming and going."
        ),
        click.option(
            "--start-up",
            callback=to_duration,
            default="20m",
            show_default=True,
            metavar="TIME",
            help="From asking for a machine to its first answer.",
        ),
    )


def _buying_options() -> tuple[Any, ...]:
    return (
        click.option(
            "--horizon",
            type=click.IntRange(1, 60),
            default=12,
            show_default=True,
            metavar="MONTHS",
            help="For how long the fleet is needed.",
        ),
        click.option(
            "--pay",
            type=Choice(["no_upfront", "partial_upfront", "all_upfront", "any"]),
            default="no_upfront",
            show_default=True,
            help="How commitments are paid, where they are sold so.",
        ),
        click.option(
            "--term",
            "terms",
            multiple=True,
            type=Choice(["0", "1", "3"]),
            default=("1",),
            show_default=True,
            help="Years of commitments that may be made; 0 for none (repeatable).",
        ),
        click.option("--spot", is_flag=True, help="Allow spot machines above the floor."),
        click.option(
            "--spot-floor",
            type=click.IntRange(min=0),
            metavar="N",
            help="Machines that are never spot.  [default: those that run at every hour]",
        ),
        click.option(
            "--discount",
            callback=to_share,
            default="0",
            show_default=True,
            metavar="SHARE",
            help="Off every price, by a contract of your own: 10%.",
        ),
        click.option(
            "--discount-rate",
            callback=to_share,
            default="0",
            show_default=True,
            metavar="SHARE",
            help="Of a year, for money paid later.",
        ),
        click.option(
            "--credits", "credits_usd", type=float, default=0.0, metavar="USD", help="Paid first."
        ),
        click.option(
            "--held",
            multiple=True,
            metavar="TYPE=N",
            help="Machines that are paid for already (repeatable).",
        ),
        click.option("--no-estimates", is_flag=True, help="Leave estimated prices out."),
    )


def size_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add every option that :func:`request_of` reads."""
    for option in reversed(
        (
            *_load_options(),
            target_options(tpot="50ms"),
            *_fleet_options(),
            engine_options,
            memory_options,
            *_buying_options(),
            filter_options,
            geo_option,
            as_of_option,
        )
    ):
        function = option(function)
    return function


def request_of(given: dict[str, Any]) -> SizeRequest:
    """Return the request that the options mean.

    Raises:
        UsageError: A number makes no sense, or a file is no load.
    """
    from planner.planning import Request
    from planner.planning.fleets import Rules
    from planner.planning.servers import Buying
    from planner.planning.sizing import SizeRequest

    start = given["start_up"]
    return SizeRequest(
        where=Request(
            model=given["model"],
            precision=given["precision"],
            as_of=given["as_of"],
            geo=given["geo"],
            clouds=given["clouds"],
            regions=given["regions"],
            accelerators=given["accelerators"],
            instance_types=given["instance_types"],
            **{name: given[name] for name in _OF_REQUEST},
        ),
        load=reading.load_of(given),
        buying=Buying(
            pay=given["pay"],
            terms=tuple(sorted({int(term) for term in given["terms"]} - {0})),
            spot=given["spot"],
            discount_percent=_below_one("--discount", given["discount"]) * 100,
            held=tuple(_held(text) for text in given["held"]),
            estimates=not given["no_estimates"],
        ),
        rules=Rules(
            min_replicas=given["min_replicas"],
            spare=given["spare"],
            fixed=given["fixed"],
            start_hours=start.total_seconds() / 3600,
            spot_floor=given["spot_floor"],
            discount_rate=_below_one("--discount-rate", given["discount_rate"]),
        ),
        credits_usd=given["credits_usd"],
        measured=reading.measured_of(given),
    )


def _below_one(name: str, share: float) -> float:
    if not 0 <= share < 1:
        raise click.BadParameter(f"it is {share:g}; say 0.1 or 10%", param_hint=name)
    return share


def _held(text: str) -> tuple[str, int]:
    name, _, count = text.partition("=")
    if not name or not count.isdecimal():
        raise click.BadParameter(f"{text!r}: say p5.48xlarge=2", param_hint="--held")
    return name, int(count)
