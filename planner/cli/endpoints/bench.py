"""``planner bench``: a short load test, beside what planner predicted."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from planner.cli.endpoints.named import named, where_options
from planner.cli.layout_options import latency_options
from planner.cli.output import emit, format_option, note
from planner.cli.quota.options import use_accounts
from planner.cli.tables import Column

if TYPE_CHECKING:
    from collections.abc import Mapping

    from planner.endpoints.model import Endpoint
    from planner.endpoints.talking.bench import Load


@click.command()
@click.argument("name")
@click.option(
    "--concurrency",
    "concurrencies",
    type=click.IntRange(min=1),
    multiple=True,
    default=(1, 4, 16),
    show_default=True,
    metavar="N",
    help="Clients at once (repeatable).",
)
@click.option(
    "--requests",
    type=click.IntRange(min=1),
    default=4,
    show_default=True,
    metavar="N",
    help="Of each client.",
)
@click.option(
    "--input-tokens",
    type=click.IntRange(min=1),
    default=512,
    show_default=True,
    help="Prompt of each request.",
)
@click.option(
    "--output-tokens",
    type=click.IntRange(min=1),
    default=256,
    show_default=True,
    help="Answer of each request.",
)
@click.option(
    "--find",
    is_flag=True,
    help="Look for the most clients within --ttft and --tpot, instead of --concurrency.",
)
@click.option(
    "--most",
    type=click.IntRange(min=1),
    default=512,
    show_default=True,
    metavar="N",
    help="With --find: clients at once that may be tried.",
)
@latency_options(tpot="50ms")
@click.option(
    "--save",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the load test into a file, for planner size --measured FILE.",
)
@where_options
@format_option
def bench(  # noqa: PLR0917 - click passes them by name
    name: str,
    region: str,
    output_format: str,
    find: bool,
    most: int,
    ttft_s: float | None,
    tpot_s: float | None,
    save: Path | None,
    **options: Any,  # noqa: ANN401 - mirrors the options
) -> None:
    """Load the endpoint NAME for a short while and compare it with planner's prediction.

    Figures are kept as measurements in your data folder, except those of the sandbox; planner
    size --measured NAME plans with them.

    \b
    planner bench llama-2-70b
    planner bench llama-2-70b --find --ttft 2s --tpot 50ms
    """  # noqa: D301 - click reads the backspace as "keep these lines"
    use_accounts(options)
    from planner.endpoints.talking import awake, capacity_search
    from planner.endpoints.talking import bench as work
    from planner.serving.load import Targets

    found, adapter = named(name, region)
    awake.require(found)
    targets = Targets(ttft_s, tpot_s)
    if find:
        options |= {"targets": targets, "concurrencies": (most,)}
    loads = work.run(found, adapter.transport(found), **options)
    records = [_record(load) for load in loads]
    emit(records, _columns(), output_format, fields=list(records[0]))
    if find:
        note(capacity_search.in_words(loads, targets, most))
    if save is not None:
        _save(save, found, loads)
    _keep(found, loads)


def _save(path: Path, endpoint: Endpoint, loads: list[Load]) -> None:
    from datetime import UTC, datetime

    from planner.clouds import settings
    from planner.endpoints.talking import kept_benches

    simulated = settings.current().simulated
    kept_benches.write(path, endpoint, loads, datetime.now(UTC), simulated=simulated)
    use = f"planner size {endpoint.model} --measured {path}"
    note(f"The load test is in {path}{'' if simulated else f': {use}'}")


def _keep(endpoint: Endpoint, loads: list[Load]) -> None:
    from datetime import UTC, datetime

    from planner.clouds import settings
    from planner.endpoints.talking import bench as work
    from planner.endpoints.talking import kept_benches, own_measurements
    from planner.errors import NotFoundError

    if settings.current().simulated:
        note("Simulated clouds measure nothing: not kept.")
        return
    try:
        rows = [work.measurement(endpoint, load, datetime.now(UTC)) for load in loads]
    except NotFoundError as error:
        note(f"Not kept: {error}.")
        return
    path = own_measurements.own_file()
    own_measurements.store(path, rows)
    kept_benches.keep(endpoint, loads, datetime.now(UTC))
    note(
        f"Kept in {path}; planner throughput and compare show it, and planner size "
        f"{endpoint.model} --measured {endpoint.name} plans with it."
    )


def _record(load: Load) -> dict[str, Any]:
    fields = asdict(load)
    fields.pop("predicted")
    known = load.predicted
    return fields | {
        "predicted_tokens_per_second": known.tokens_per_second if known else None,
        "off_percent": load.off_percent,
        "predicted_tokens_per_second_low": known.tokens_per_second_low if known else None,
        "predicted_tokens_per_second_high": known.tokens_per_second_high if known else None,
        "predicted_ttft_ms": 1000 * known.time_to_first_token_s
        if known and known.time_to_first_token_s is not None
        else None,
        "predicted_tpot_ms": 1000 * known.time_per_output_token_s
        if known and known.time_per_output_token_s is not None
        else None,
    }


def _columns() -> list[Column]:
    return [
        Column("concurrency", "At\nonce", "right"),
        Column("tokens_per_second", "Tokens/s", "right", _number("tokens_per_second", 0)),
        Column("predicted_tokens_per_second", "Predicted", "right", _predicted),
        Column("off_percent", "Off", "right", _off),
        Column("ttft_p50_ms", "TTFT\nms", "right", _number("ttft_p50_ms", 0)),
        Column("ttft_p95_ms", "TTFT p95\nms", "right", _number("ttft_p95_ms", 0)),
        Column("tpot_p50_ms", "TPOT\nms", "right", _number("tpot_p50_ms", 1)),
        Column(
            "predicted_tpot_ms",
            "Predicted\nTPOT",
            "right",
            _number("predicted_tpot_ms", 1),
            drop_below=76,
        ),
        Column("failed", "Failed", "right"),
    ]


def _number(key: str, digits: int) -> Any:  # noqa: ANN401 - a small formatter
    def show(record: Mapping[str, Any]) -> str:
        value = record[key]
        return "not told" if value is None else f"{value:,.{digits}f}"

    return show


def _off(record: Mapping[str, Any]) -> str:
    value = record["off_percent"]
    return "" if value is None else f"{value:+.0f} %"


def _predicted(record: Mapping[str, Any]) -> str:
    value = record["predicted_tokens_per_second"]
    if value is None:
        return "not known"
    low, high = (record[f"predicted_tokens_per_second_{end}"] for end in ("low", "high"))
    return f"{value:,.0f} ({low:,.0f}-{high:,.0f})"
