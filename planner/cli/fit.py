"""``planner fit``: why an instance type can or cannot serve a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from planner.cli.layout_options import engine_options, load_options, memory_options
from planner.cli.options import filter_options, model_argument, placement_options
from planner.cli.output import emit, format_option, grouped_warnings, note
from planner.cli.tables import Column
from planner.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping

FIELDS = (
    "cloud",
    "service",
    "instance_type",
    "accelerator",
    "accelerator_count",
    "instances",
    "fits",
    "tight",
    "precision",
    "replicas",
    "tensor_parallel",
    "pipeline_parallel",
    "weights_gib",
    "kv_gib",
    "usable_gib",
    "kv_cache_tokens",
    "kv_cache_tokens_low",
    "kv_cache_tokens_high",
    "max_concurrency",
    "needs_neuron",
    "reason",
    "remedies",
    "warnings",
)


_COLOURS = {"yes": "green", "tight": "yellow", "no": "red"}


@click.command()
@model_argument
@placement_options
@load_options
@engine_options
@memory_options
@click.option(
    "--tensor-parallel",
    type=click.IntRange(min=1),
    metavar="N",
    help="GPUs that share each layer; 1 for unsharded.  [default: what serves most]",
)
@filter_options
@click.option("--only-fitting", is_flag=True, help="Leave out what cannot serve the model.")
@format_option
def fit(output_format: str, only_fitting: bool, **options: Any) -> None:  # noqa: ANN401 - mirrors the options
    """Explain why instance types can or cannot serve MODEL.

    \b
    planner fit llama-2-70b --instance-type g5.12xlarge
    planner fit llama-2-70b --accelerator L4 --precision int4
    planner fit llama-2-13b --instance-type g4dn.12xlarge --tensor-parallel 1
    """  # noqa: D301 - click reads the backspace as "keep these lines"
    from planner.planning import Request, explain

    options.pop("regions")  # a machine holds the same wherever it stands
    records = [r for r in explain(Request(**options)) if r["fits"] or not only_fitting]
    if not records:
        raise NotFoundError(
            f"no instance type asked for can serve {options['model']}",
            advice=f"planner fit {options['model']}  (without --only-fitting, for the reasons)",
        )
    emit(records, _columns(), output_format, fields=FIELDS)
    if output_format == "table":
        for line in grouped_warnings(records):
            note(line)


def _columns() -> list[Column]:
    return [
        Column("instance_type", "Instance type"),
        Column("accelerator", "GPUs", show=_gpus, drop_below=100),
        Column(
            "fits",
            "Fits",
            show=_verdict,
            style=lambda r: _COLOURS[_verdict(r)],
        ),
        Column("reason", "Why"),
        Column("max_concurrency", "Requests\nat once", "right", drop_below=120),
    ]


def _verdict(record: Mapping[str, Any]) -> str:
    if record["fits"]:
        return "yes"
    return "tight" if record["tight"] else "no"


def _gpus(record: Mapping[str, Any]) -> str:
    return f"{record['accelerator_count']:g}x {record['accelerator']}"
