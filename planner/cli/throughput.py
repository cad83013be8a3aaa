"""``planner throughput``: how many tokens a second a set-up gives, and how sure that is."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from planner.cli.compare.measured_here import finder, words
from planner.cli.layout_options import memory_options
from planner.cli.options import model_argument, one_accelerator_option
from planner.cli.output import emit, emit_json, format_option, note
from planner.cli.tables import Column
from planner.cli.words import Choice
from planner.serving import accelerators, engines, models, setups
from planner.serving.load import LoadShape, Question
from planner.serving.memory import EngineSettings, Split
from planner.serving.speed.predict import ENGINES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from planner.serving.setups import Setup
    from planner.serving.speed.predict import Throughput

MAX = "max"


def _to_concurrency(_context: click.Context, _parameter: click.Parameter, value: str) -> int | None:
    """Return the number of requests; None for ``max``."""
    if value.casefold() == MAX:
        return None
    if value.isdecimal() and int(value) > 0:
        return int(value)
    raise click.BadParameter(f"{value!r} is not a number of requests (1 or more) or {MAX}")


@click.command()
@model_argument
@one_accelerator_option
@click.option(
    "--count", type=click.IntRange(min=1), default=1, show_default=True, help="How many of it."
)
@click.option("--precision", metavar="NAME", help="Of the weights.  [default: the model's own]")
@click.option(
    "--engine",
    type=Choice(ENGINES),
    default="vllm",
    show_default=True,
    help="What serves the model.",
)
@click.option(
    "--input-tokens",
    type=click.IntRange(min=1),
    default=1024,
    show_default=True,
    help="Prompt of each request.",
)
@click.option(
    "--output-tokens",
    type=click.IntRange(min=1),
    default=1024,
    show_default=True,
    help="Answer of each request.",
)
@click.option(
    "--concurrency",
    callback=_to_concurrency,
    default=MAX,
    show_default=True,
    metavar="N|max",
    help="Requests at once; max for as many as fit.",
)
@click.option(
    "--tensor-parallel",
    type=click.IntRange(min=1),
    metavar="N",
    help="GPUs that share each layer; the rest make copies.  [default: what gives most]",
)
@click.option(
    "--pipeline-parallel",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="N",
    help="Stages that the layers are split into.",
)
@click.option(
    "--engine-generation",
    metavar="YEAR",
    help="Release that the speed is stated for.  [default: what planner deploys]",
)
@memory_options
@format_option
def throughput(
    model: str,
    accelerator: str,
    precision: str | None,
    output_format: str,
    **options: Any,  # noqa: ANN401 - mirrors the options
) -> None:
    """Estimate how many tokens a second MODEL gives on some GPUs.

    \b
    planner throughput llama-2-70b --accelerator H100 --count 4
    planner throughput llama-3.1-8b --accelerator L40S --precision fp8 --concurrency 32
    """  # noqa: D301 - click reads the backspace as "keep these lines"
    subject = models.get(model)
    runs = subject.precision(precision)
    setup = setups.at(
        subject,
        accelerators.get(accelerator),
        count=options["count"],
        question=_question(runs, options),
        requests=options["concurrency"],
        split=_split(options),
    )
    found = setup.throughput
    record = asdict(found) | {
        "replicas": setup.replicas,
        "kv_cache_tokens_low": setup.kv_cache_tokens_low,
        "kv_cache_tokens_high": setup.kv_cache_tokens_high,
        "tight": setup.tight,
    }
    own = finder()(
        model=found.model,
        accelerator=found.accelerator,
        count=found.accelerator_count,
        precision=found.precision,
        engine=found.engine,
    )
    if output_format == "json":
        emit_json(record | {"measured_here": own})
    elif output_format == "table":
        here = [{"what": f"Measured here {item['as_of']}", "value": words(item)} for item in own]
        emit(
            [*_lines(setup), *here],
            [Column("what", _title(found)), Column("value", "")],
            output_format,
        )
        note(f"Source: {found.source}")
        if setup.tight:
            note("tight: the engine may not start so; see planner fit for what to set")
    else:
        emit([record], _columns(record), output_format)


def _question(precision: str, options: Mapping[str, Any]) -> Question:
    """Return the engine and the load that the options mean."""
    engine = options["engine"]
    settings = EngineSettings(
        engine=engine,
        kv_precision=options["kv_precision"] or engines.usual_kv_precision(engine, precision),
        utilization=options["gpu_memory_utilization"],
        most_requests=options["max_num_seqs"],
    )
    return Question(
        precision=precision,
        shape=LoadShape(options["input_tokens"], options["output_tokens"]),
        settings=settings,
        engine_generation=options["engine_generation"],
    )


def _split(options: Mapping[str, Any]) -> Split | None:
    """Return the split that was asked for; None where planner is to choose."""
    width, stages = options["tensor_parallel"], options["pipeline_parallel"]
    if width is None and stages == 1:
        return None
    return Split(width or max(1, options["count"] // stages), stages)


def _title(found: Throughput) -> str:
    cards = f"{found.accelerator_count} x {found.accelerator}"
    return f"{found.model} {found.precision} on {cards}, {found.engine}"


def _lines(setup: Setup) -> list[Mapping[str, Any]]:
    found = setup.throughput
    speed = f"{found.tokens_per_second:,.0f}"
    low, high = found.tokens_per_second_low, found.tokens_per_second_high
    load = f"{found.input_tokens:,} tokens in, {found.output_tokens:,} out"
    copies = "1 copy" if setup.replicas == 1 else f"{setup.replicas} copies"
    split = f"{copies} of tensor parallel {found.tensor_parallel}"
    if found.pipeline_parallel > 1:
        split += f" x pipeline parallel {found.pipeline_parallel}"
    first, first_p95 = found.time_to_first_token_s, found.time_to_first_token_p95_s
    each, each_p95 = found.time_per_output_token_s, found.time_per_output_token_p95_s
    cache = f"{setup.kv_cache_tokens_low:,} to {setup.kv_cache_tokens_high:,}"
    pairs = {
        "Load": f"{load}, {found.concurrency:,} at once",
        "Layout": split,
        "Output tokens per second": f"{speed}  ({low:,.0f} to {high:,.0f})",
        "How it is known": found.throughput_basis,
        "Time to first token": f"{first:,.2f} s  (19 of 20 within {first_p95:,.2f})",
        "Time per output token": f"{each * 1e3:,.1f} ms  (19 of 20 within {each_p95 * 1e3:,.1f})",
        "Tokens in the cache of a copy": cache,
        "Requests that fit at once": f"{found.max_concurrency:,}",
    }
    return [{"what": what, "value": value} for what, value in pairs.items()]


def _columns(record: Mapping[str, Any]) -> list[Column]:
    return [Column(key, key) for key in record]
