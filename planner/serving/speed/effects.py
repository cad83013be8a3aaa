"""Which fitted effects make up the rates of a set-up, and their sum.

The logarithm of each rate is a mean plus effects of the engine, its generation, the kernel of the
precision, the card's architecture, the card itself, and the kind of model. Every effect was fitted
with all measurements at once and pulled towards zero as far as the data is silent
(``calibration``): what one generation taught about a card serves the others, and a card that was
never measured with a generation gets what the generation did to its like.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from functools import cache
from typing import TYPE_CHECKING

from planner.serving.speed import order, shipped
from planner.serving.speed.roofline import Rates

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.serving.accelerators import Accelerator
    from planner.serving.models import Model

RATES = tuple(field.name for field in fields(Rates))
OVERHEADS = ("layer", "request", "sync")
"""Rates in seconds, where less is faster; the others are shares of a peak."""

ALL = RATES
# Level -> the rates it may move.
REACH: dict[str, tuple[str, ...]] = {
    "mean": ALL,
    "engine": ALL,
    "generation": ALL,
    "kernel": ("prefill", "compute", "bandwidth", "layer"),
    "vendor": ALL,
    "architecture": ("prefill", "compute", "bandwidth", "cache", "link", "layer", "request"),
    "architecture_kernel": ("prefill", "compute", "bandwidth"),
    "card": ("prefill", "compute", "bandwidth", "cache", "link"),
    "generation_architecture": (
        *("prefill", "compute", "bandwidth", "cache", "link", "layer", "sync"),
    ),
    "kind": ("prefill", "compute", "bandwidth", "cache", "layer", "request", "sync"),
    "generation_kind": ALL,
    "regime": ("prefill", "compute", "layer", "request"),
}
OF_THE_CARD = ("architecture", "architecture_kernel", "card", "generation_architecture")
"""Levels that tell one card from another of the same vendor."""

_BLACKWELL = 10


@dataclass(frozen=True, slots=True)
class Setting:
    """What effects depend on: everything but the sizes of the model and of the load."""

    engine: str
    generation: str
    regime: str
    precision: str
    kind: str


def kind(model: Model) -> str:
    """Return what a model's speed depends on in kind."""
    if model.kv_lora_rank is not None:
        return "latent"
    hybrid = model.state_bytes > 0
    experts = model.moe_experts is not None
    return {(False, False): "dense", (True, False): "experts", (False, True): "hybrid"}.get(
        (experts, hybrid), "hybrid-experts"
    )


def architecture(accelerator: Accelerator) -> str:
    """Return the family of chips: consumer and data-centre chips of one generation differ."""
    capability = accelerator.compute_capability
    if capability is None:
        return accelerator.architecture
    # B200 and B300 differ in their revision only; A100 and A10, H100 and L40S are other chips.
    return "sm10" if int(capability) == _BLACKWELL else f"sm{capability:g}"


def levels(setting: Setting, accelerator: Accelerator) -> Iterator[tuple[str, str]]:
    """Yield the level and key of every effect on a set-up's rates."""
    chip, generation = architecture(accelerator), f"{setting.engine} {setting.generation}"
    yield "mean", "all"
    yield "engine", setting.engine
    yield "generation", generation
    yield "kernel", f"{generation} {setting.precision}"
    yield "vendor", accelerator.vendor
    yield "architecture", chip
    yield "architecture_kernel", f"{chip} {setting.precision}"
    yield "card", accelerator.name
    yield "generation_architecture", f"{generation} {chip}"
    yield "kind", setting.kind
    yield "generation_kind", f"{generation} {setting.kind}"
    yield "regime", f"{setting.engine} {setting.regime}"


@cache
def rates(setting: Setting, accelerator: Accelerator) -> Rates:
    """Return the rates of a set-up; cards in the physical order keep it in every single rate."""
    table = shipped.effects()
    total = dict.fromkeys(RATES, 0.0)
    for level, key in levels(setting, accelerator):
        if level in OF_THE_CARD:
            continue
        for name, value in table.get((level, key), {}).items():
            total[name] += value
    own = _of_card(setting.engine, setting.generation, setting.precision, accelerator)
    return Rates(**{name: math.exp(total[name] + own[name]) for name in RATES})


@cache
def _of_card(
    engine: str, generation: str, precision: str, accelerator: Accelerator
) -> dict[str, float]:
    """Return what sets a card's rates apart, in logs."""
    if accelerator.name not in order.CHAIN:
        return _raw_of_card(engine, generation, precision, accelerator)
    return _ordered(engine, generation, precision)[accelerator.name]


@cache
def _ordered(engine: str, generation: str, precision: str) -> dict[str, dict[str, float]]:
    """Return the effects of the cards in the physical order, moved as little as the order asks."""
    cards = order.chain()
    raw = {c.name: _raw_of_card(engine, generation, precision, c) for c in cards}
    result: dict[str, dict[str, float]] = {name: {} for name in raw}
    for rate in RATES:
        sign = -1.0 if rate in OVERHEADS else 1.0
        peak = {c.name: order.log_peak(c, rate, precision) for c in cards}
        speed = {name: peak[name] + sign * raw[name][rate] for name in raw}
        lawful = order.keep(speed, precision, upper=rate != "link")
        for name, value in lawful.items():
            result[name][rate] = sign * (value - peak[name])
    return result


def _raw_of_card(
    engine: str, generation: str, precision: str, accelerator: Accelerator
) -> dict[str, float]:
    table = shipped.effects()
    setting = Setting(engine, generation, "", precision, "")
    total = dict.fromkeys(RATES, 0.0)
    for level, key in levels(setting, accelerator):
        if level in OF_THE_CARD:
            for name, value in table.get((level, key), {}).items():
                total[name] += value
    return total
