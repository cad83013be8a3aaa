"""The accelerators planner knows: one row per GPU model, memory size and form factor.

Source: ``pricing_data/accelerators.csv``; every row cites where its figures come from.
This table decides an accelerator's name and memory: price sources name and size the same
card in different ways and all map to it (``planner.pricing.instance_types``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from planner.bundled import pricing_data
from planner.errors import NotFoundError, UnknownNameError
from planner.serving import table

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

# What people write before a card's name: 2xRTX-4090.
_COUNT = re.compile(r"^\d+\s*x\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Accelerator:
    """One accelerator in one form factor.

    ``name`` is unique (``A100-80GB-PCIe``); ``accelerator`` is the name users write and
    instance types carry (``A100-80GB``), shared by form factors that differ only in speed.
    Memory is GiB as the hardware has it; ``usable_gib`` is what the driver or the cloud's API
    reports of it. ``architecture`` decides which precisions run (``planner.serving.engines``):
    ``Ampere``, ``gfx942``, ``NeuronCore-v2``, ... Rates are per accelerator and dense (no
    sparsity): bandwidth in GB/s, compute in TFLOP/s (TOP/s for int8), interconnect in GB/s per
    direction. ``None`` is not known.
    """

    name: str
    accelerator: str
    aliases: tuple[str, ...]
    vendor: str
    memory_gib: float
    usable_gib: float | None
    bandwidth_gbs: float | None
    fp16_tflops: float | None
    fp8_tflops: float | None
    int8_tops: float | None
    fp4_tflops: float | None
    interconnect: str
    interconnect_gbs: float | None
    architecture: str
    compute_capability: float | None
    launch_year: int | None
    tdp_w: float | None
    source: str
    notes: str


@cache
def all_accelerators() -> tuple[Accelerator, ...]:
    """Return every accelerator, in the table's order."""
    return tuple(_parse(row) for row in table.read(pricing_data() / "accelerators.csv"))


@cache
def _by_name() -> dict[str, Accelerator]:
    index: dict[str, Accelerator] = {}
    for item in all_accelerators():
        for key in (item.name, *item.aliases):
            index[_fold(key)] = item
    return index


@cache
def get(name: str, interconnect: str | None = None) -> Accelerator:
    """Return the accelerator with this name or alias (any case, ``_`` as ``-``).

    Args:
        name: ``A100-80GB``, ``A100_SXM_80``, ``H100``, ...
        interconnect: How the instance joins its accelerators (``PCIe``, ``NVLink3``): picks the
            form factor where an accelerator comes in several.

    Raises:
        UnknownNameError: No such accelerator.
    """
    found = _by_name().get(_fold(name))
    if found is None:
        raise UnknownNameError(
            "accelerator", name, (a.name for a in all_accelerators()), advice="planner gpus"
        )
    if interconnect and found.name == found.accelerator:
        for item in all_accelerators():
            same_link = _fold(item.interconnect) == _fold(interconnect)
            if item.accelerator == found.accelerator and same_link:
                return item
    return found


def matches(wanted: str, accelerator: str) -> bool:
    """Tell whether a user's filter (``A100``, ``a100-80gb``, ``2xA100``) names this accelerator."""
    asked, have = _fold(_COUNT.sub("", wanted)), _fold(accelerator)
    found = _by_name().get(asked)
    same = found is not None and _fold(found.accelerator) == have
    return same or asked == have or have.startswith(asked + "-")


def check_sold(wanted: Iterable[str], sold: Collection[str]) -> None:
    """Raise for a filter that names none of the accelerators that are sold.

    Raises:
        NotFoundError: planner knows the card, and nobody sells machines with it.
        UnknownNameError: planner does not know it.
    """
    for name in wanted:
        if any(matches(name, have) for have in sold):
            continue
        known = _by_name().get(_fold(_COUNT.sub("", name)))
        if known is None:
            raise UnknownNameError("accelerator", name, sold, advice="planner gpus")
        raise NotFoundError(
            f"no cloud that planner knows sells machines with {known.name}",
            advice=f"for a card of your own: planner compare MODEL --include-local {name}",
        )


def _fold(name: str) -> str:
    return name.casefold().replace("_", "-").replace(" ", "-")


def _parse(row: dict[str, str]) -> Accelerator:
    return Accelerator(
        name=row["name"],
        accelerator=row["accelerator"],
        aliases=tuple(row["aliases"].split()),
        vendor=row["vendor"],
        memory_gib=float(row["memory_gib"]),
        usable_gib=table.number(row["usable_gib"]),
        bandwidth_gbs=table.number(row["bandwidth_gbs"]),
        fp16_tflops=table.number(row["fp16_tflops"]),
        fp8_tflops=table.number(row["fp8_tflops"]),
        int8_tops=table.number(row["int8_tops"]),
        fp4_tflops=table.number(row["fp4_tflops"]),
        interconnect=row["interconnect"],
        interconnect_gbs=table.number(row["interconnect_gbs"]),
        architecture=row["architecture"],
        compute_capability=table.number(row["compute_capability"]),
        launch_year=table.integer(row["launch_year"]),
        tdp_w=table.number(row["tdp_w"]),
        source=row["source"],
        notes=row["notes"],
    )
