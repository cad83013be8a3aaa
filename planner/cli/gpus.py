"""``planner gpus``: the accelerators planner knows."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from planner.cli.output import emit, format_option, note
from planner.cli.tables import Column
from planner.errors import NotFoundError
from planner.serving import accelerators, engines

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from planner.serving.accelerators import Accelerator


def _number(key: str) -> Callable[[Mapping[str, Any]], str]:
    """Show a number without needless digits, and an unknown one as a dash."""
    return lambda row: "-" if row[key] is None else f"{row[key]:g}"


def _capability(row: Mapping[str, Any]) -> str:
    return "-" if row["compute_capability"] is None else f"{row['compute_capability']:.1f}"


def _runs(row: Mapping[str, Any]) -> str:
    names = (f"{name}*" if name in row["weight_only"] else name for name in row["precisions"])
    return " ".join(names) or "no LLM engine"


_COLUMNS = (
    Column("name", "Accelerator"),
    Column("memory_gib", "GiB", "right", _number("memory_gib")),
    Column("bandwidth_gbs", "GB/s", "right", _number("bandwidth_gbs")),
    Column("fp16_tflops", "TF fp16", "right", _number("fp16_tflops")),
    Column("fp8_tflops", "TF fp8", "right", _number("fp8_tflops"), drop_below=100),
    Column("compute_capability", "CC", "right", _capability, drop_below=100),
    Column("precisions", "Runs", show=_runs),
    Column("architecture", "Architecture", drop_below=140),
    Column("vendor", "Vendor", drop_below=120),
    Column("tdp_w", "W", "right", _number("tdp_w"), drop_below=120),
)

_FIELDS = (
    *("name", "accelerator", "vendor", "architecture", "memory_gib", "usable_gib"),
    *("bandwidth_gbs", "fp16_tflops", "fp8_tflops", "int8_tops", "fp4_tflops", "interconnect"),
    *("interconnect_gbs", "compute_capability", "precisions", "weight_only"),
    *("needs_neuron", "launch_year", "tdp_w", "source", "notes"),
)


@click.command()
@click.argument("words", nargs=-1)
@format_option
def gpus(words: tuple[str, ...], output_format: str) -> None:
    """List the accelerators planner knows; WORDS keep those with all of them in the name.

    TF are dense TFLOP/s; Runs are the precisions that current LLM engines run on it.
    """
    found = [item for item in accelerators.all_accelerators() if _matches(item, words)]
    if not found:
        raise NotFoundError(f"no accelerator matches {' '.join(words)!r}", advice="planner gpus")
    emit([_record(item, output_format) for item in found], _COLUMNS, output_format, fields=_FIELDS)
    if output_format == "table":
        note("* weights only: saves memory, not compute. - is not known.")


def _matches(item: Accelerator, words: tuple[str, ...]) -> bool:
    text = " ".join((item.name, item.vendor, item.architecture, *item.aliases)).casefold()
    return all(word.casefold() in text for word in words)


def _record(item: Accelerator, output_format: str) -> Mapping[str, Any]:
    lists = {"precisions": engines.runnable(item), "weight_only": engines.weight_only(item)}
    return {
        **asdict(item),
        **{k: " ".join(v) if output_format == "csv" else list(v) for k, v in lists.items()},
        "needs_neuron": engines.needs_neuron(item),
    }
