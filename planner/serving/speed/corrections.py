"""What measured points near a set-up add to the roofline: a Gaussian process over residuals.

Each point of a generation pulls the prediction towards its own residual, the more the nearer it
lies in prompt, output, batch and accelerators, and the more it has in common: the kind of model,
the model, the card. What points of other cards say is shared by all cards; only points of the
very card tell it apart.

The sums run over a thousand points, so they are folded step by step: first for a model and
precision, then for a shape of load, until a handful of batches is left.
"""

from __future__ import annotations

import math
from collections import defaultdict
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from planner.serving import memory, models
from planner.serving.speed import shipped
from planner.serving.speed.effects import kind

if TYPE_CHECKING:
    from planner.serving.models import Model
    from planner.serving.speed.effects import Setting
    from planner.serving.speed.shipped import Point

_PER_LOG_BATCH = 10  # batches are told apart by tenths of their log
_NEGLIGIBLE = 1e-5


class Shape(NamedTuple):
    """A shape of load on so many accelerators."""

    input_tokens: int
    output_tokens: int
    accelerators: int


class Correction(NamedTuple):
    """What to add to the log of the speed and of the time to the first token."""

    speed: float
    first: float


class _Pull(NamedTuple):
    """A point as one model at one precision feels it."""

    point: Point
    speed: float
    first: float


_NOTHING = Correction(0.0, 0.0)


def grid(batch: float) -> float:
    """Return the log of a batch as the corrections tell batches apart."""
    return round(math.log(batch) * _PER_LOG_BATCH) / _PER_LOG_BATCH


@cache
def size(model: Model, precision: str) -> tuple[float, float]:
    """Return where a model lies: logs of the bytes of active weights, and of cache per weight."""
    active = memory.weight_bytes(model, precision) * model.active_params_b / model.params_b
    per_weight = memory.kv_bytes_per_token(model) / (model.active_params_b * 1e9)
    return math.log(active), math.log(per_weight)


def shared(setting: Setting, model: Model, shape: Shape, batch: float) -> Correction:
    """Return what the points of all cards say, the same for every card."""
    constant = _shared_constant(setting, model)
    return _add(constant, _sum(_shared_batches(setting, model, shape), batch))


def own(setting: Setting, model: Model, card: str, shape: Shape, width: int, batch: float) -> Correction:
    """Return what the points of this model on this card add to that."""
    if not _pulls(setting, model, card):
        return _NOTHING
    constant = _own_constant(setting, model, card, shape.accelerators, width)
    return _add(constant, _sum(_own_batches(setting, model, card, shape), batch))


@cache
def measured_cards(engine: str, generation: str, model: str) -> frozenset[str]:
    """Return the cards that a model was measured on with a generation."""
    return frozenset(
        point.accelerator for point in shipped.points(engine, generation) if point.model == model
    )


def _add(left: Correction, right: Correction) -> Correction:
    return Correction(left.speed + right.speed, left.first + right.first)


def _sum(batches: tuple[tuple[float, float, float], ...], batch: float) -> Correction:
    here, length = math.log(batch), shipped.kernel().scales[2]
    speed = first = 0.0
    exp = math.exp
    for there, pull, first_pull in batches:
        near = exp(-0.5 * ((here - there) / length) ** 2)
        speed += near * pull
        first += near * first_pull
    return Correction(speed, first)


@cache
def _pulls(setting: Setting, model: Model, card: str | None) -> tuple[_Pull, ...]:
    """Return the points that matter to a model, of all cards or as one card's own."""
    kernel = shipped.kernel()
    found = []
    for point in shipped.points(setting.engine, setting.generation):
        if card is not None and (point.accelerator != card or point.model != model.name):
            continue
        strength = _strength(setting, model, point, own=card is not None)
        if abs(strength * point.weight) + abs(strength * point.first_weight) > _NEGLIGIBLE:
            if point.regime != setting.regime:
                strength *= kernel.other_regime
            pull = strength * point.weight
            found.append(_Pull(point, pull, strength * point.first_weight))
    return tuple(found)


def _strength(setting: Setting, model: Model, point: Point, *, own: bool) -> float:
    kernel = shipped.kernel()
    same_model = point.model == model.name
    near = 1.0 if point.precision == setting.precision else kernel.other_precision
    if own:
        return near * kernel.model_on_card**2
    strength = kernel.model**2 if same_model else 0.0
    there = models.get(point.model)
    if kind(there) == setting.kind:
        strength += kernel.kind**2 * _alike(model, setting.precision, there, point.precision)
    return near * strength


@cache
def _alike(model: Model, precision: str, other: Model, other_precision: str) -> float:
    lengths = shipped.kernel().scales[4:]
    pairs = zip(size(model, precision), size(other, other_precision), lengths, strict=True)
    return math.exp(-0.5 * sum(((a - b) / length) ** 2 for a, b, length in pairs))


@cache
def _shared_batches(
    setting: Setting, model: Model, shape: Shape
) -> tuple[tuple[float, float, float], ...]:
    return _fold(_pulls(setting, model, None), shape)


@cache
def _own_batches(
    setting: Setting, model: Model, card: str, shape: Shape
) -> tuple[tuple[float, float, float], ...]:
    return _fold(_pulls(setting, model, card), shape)


def _fold(pulls: tuple[_Pull, ...], shape: Shape) -> tuple[tuple[float, float, float], ...]:
    """Return the pull of each batch that was measured, at one shape of load."""
    prompt, output, _, gpus, *_ = shipped.kernel().scales
    here = [math.log(number) for number in shape]
    sums: defaultdict[float, list[float]] = defaultdict(lambda: [0.0, 0.0])
    log, exp = math.log, math.exp
    for point, pull, first in pulls:
        apart = ((log(point.input_tokens) - here[0]) / prompt) ** 2
        apart += ((log(point.output_tokens) - here[1]) / output) ** 2
        apart += ((log(point.tensor_parallel * point.pipeline_parallel) - here[2]) / gpus) ** 2
        near = exp(-0.5 * apart)
        total = sums[grid(point.batch)]
        total[0] += near * pull
        total[1] += near * first
    return tuple((batch, *total) for batch, total in sorted(sums.items()))


@cache
def _shared_constant(setting: Setting, model: Model) -> Correction:
    level = shipped.kernel().level ** 2
    points = [
        point
        for point in shipped.points(setting.engine, setting.generation)
        if (point.model, point.precision) == (model.name, setting.precision)
    ]
    return _weights(points, level)


@cache
def _own_constant(
    setting: Setting, model: Model, card: str, accelerators: int, width: int
) -> Correction:
    kernel = shipped.kernel()
    points = [
        point
        for point in shipped.points(setting.engine, setting.generation)
        if (point.model, point.precision, point.accelerator)
        == (model.name, setting.precision, card)
    ]
    setup = [
        point
        for point in points
        if (point.tensor_parallel, point.pipeline_parallel) == (width, accelerators // width)
    ]
    return _add(_weights(points, kernel.level_on_card**2), _weights(setup, kernel.setup**2))


def _weights(points: list[Point], size: float) -> Correction:
    return Correction(
        size * sum(point.weight for point in points),
        size * sum(point.first_weight for point in points),
    )
