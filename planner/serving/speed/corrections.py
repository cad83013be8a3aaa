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
from collections import Counter, defaultdict
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from planner.serving import memory
from planner.serving.speed import shipped

if TYPE_CHECKING:
    from planner.serving.models import Model
    from planner.serving.speed.effects import Setting
    from planner.serving.speed.shipped import Point

_PER_LOG_BATCH = 10  # batches are told apart by tenths of their log
_NEGLIGIBLE = 1e-5
# Of a token. State-space models keep none, and a logarithm needs some.
_LEAST_CACHE_BYTES = 1024.0


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
    """A point as one model at one precision feels it, with the logs of where it lies."""

    batch: float
    prompt: float
    output: float
    gpus: float
    speed: float
    first: float


def grid(batch: float) -> float:
    """Return the log of a batch as the corrections tell batches apart."""
    return round(math.log(batch) * _PER_LOG_BATCH) / _PER_LOG_BATCH


@cache
def size(model: Model, precision: str) -> tuple[float, float]:
    """Return where a model lies: logs of the bytes of active weights, and of cache per weight."""
    active = memory.weight_bytes(model, precision) * model.active_params_b / model.params_b
    cache_bytes = max(memory.kv_bytes_per_token(model), _LEAST_CACHE_BYTES)
    per_weight = cache_bytes / (model.active_params_b * 1e9)
    return math.log(active), math.log(per_weight)


class Pulls(NamedTuple):
    """What the points add at one shape of load, ready for any batch.

    Args:
        constant: Whatever the batch.
        batches: Log of each batch that was measured, and its pulls on speed and first token.
    """

    constant: Correction
    batches: tuple[tuple[float, float, float], ...]

    def at(self, batch: float) -> Correction:
        """Return the correction at a batch."""
        speed, first = self.constant
        if not self.batches:
            return self.constant
        here, length = math.log(batch), shipped.kernel().scales[2]
        exp = math.exp
        for there, pull, first_pull in self.batches:
            near = exp(-0.5 * ((here - there) / length) ** 2)
            speed += near * pull
            first += near * first_pull
        return Correction(speed, first)


def shared(setting: Setting, model: Model, shape: Shape) -> Pulls:
    """Return what the points of all cards say, the same for every card."""
    return Pulls(_shared_constant(setting, model), _fold(_pulls(setting, model, None), shape))


def own(setting: Setting, model: Model, card: str, shape: Shape, width: int) -> Pulls:
    """Return what the points of this very card add to that."""
    constant = _own_constant(setting, model, card, shape.accelerators, width)
    return Pulls(constant, _fold(_pulls(setting, model, card), shape))


@cache
def regimes(engine: str, generation: str) -> tuple[str, ...]:
    """Return the ways of running that a generation was measured in, the most often first."""
    counted = Counter(point.regime for point in shipped.points(engine, generation))
    return tuple(name for name, _ in counted.most_common())


@cache
def most_steady(engine: str, generation: str) -> int:
    """Return the largest batch that a steady load was measured with."""
    points = shipped.points(engine, generation)
    return max((point.batch for point in points if point.regime != "burst"), default=0)


@cache
def measured_cards(engine: str, generation: str) -> frozenset[str]:
    """Return the cards that anything was measured on with a generation."""
    return frozenset(point.accelerator for point in shipped.points(engine, generation))


def _add(left: Correction, right: Correction) -> Correction:
    return Correction(left.speed + right.speed, left.first + right.first)


@cache
def _pulls(setting: Setting, model: Model, card: str | None) -> tuple[_Pull, ...]:
    """Return the points that matter to a model, of all cards or as one card's own."""
    kernel = shipped.kernel()
    found = []
    for point in _points(setting.engine, setting.generation, card):
        strength = _strength(setting, model, point, own=card is not None)
        if abs(strength * point.weight) + abs(strength * point.first_weight) > _NEGLIGIBLE:
            if point.regime != setting.regime:
                strength *= kernel.other_regime
            gpus = point.tensor_parallel * point.pipeline_parallel
            found.append(
                _Pull(
                    grid(point.batch),
                    math.log(point.input_tokens),
                    math.log(point.output_tokens),
                    math.log(gpus),
                    strength * point.weight,
                    strength * point.first_weight,
                )
            )
    return tuple(found)


def _strength(setting: Setting, model: Model, point: Point, *, own: bool) -> float:
    """Return how strongly a point of the same load pulls, on all cards or on its own."""
    kernel = shipped.kernel()
    for_model, for_kind = (
        (kernel.model_on_card, kernel.card) if own else (kernel.model, kernel.kind)
    )
    strength = for_model**2 if point.model == model.name else 0.0
    of_kind, *there = shipped.shapes()[point.model, point.precision]
    if of_kind == setting.kind:
        strength += for_kind**2 * _alike(size(model, setting.precision), (there[0], there[1]))
    return strength * (1.0 if point.precision == setting.precision else kernel.other_precision)


@cache
def _alike(here: tuple[float, float], there: tuple[float, float]) -> float:
    pairs = zip(here, there, shipped.kernel().scales[4:], strict=True)
    return math.exp(-0.5 * sum(((a - b) / length) ** 2 for a, b, length in pairs))


def _fold(pulls: tuple[_Pull, ...], shape: Shape) -> tuple[tuple[float, float, float], ...]:
    """Return the pull of each batch that was measured, at one shape of load."""
    prompt, output, _, gpus, *_ = shipped.kernel().scales
    here = [math.log(number) for number in shape]
    sums: defaultdict[float, list[float]] = defaultdict(lambda: [0.0, 0.0])
    exp = math.exp
    for batch, asked, given, split, pull, first in pulls:
        apart = ((asked - here[0]) / prompt) ** 2
        apart += ((given - here[1]) / output) ** 2
        apart += ((split - here[2]) / gpus) ** 2
        near = exp(-0.5 * apart)
        total = sums[batch]
        total[0] += near * pull
        total[1] += near * first
    return tuple((batch, speed, first) for batch, (speed, first) in sorted(sums.items()))


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
        for point in _points(setting.engine, setting.generation, card)
        if (point.model, point.precision) == (model.name, setting.precision)
    ]
    setup = [
        point
        for point in points
        if (point.tensor_parallel, point.pipeline_parallel) == (width, accelerators // width)
    ]
    return _add(_weights(points, kernel.level_on_card**2), _weights(setup, kernel.setup**2))


def _points(engine: str, generation: str, card: str | None) -> tuple[Point, ...]:
    """Return the points of a generation, or of one card in it."""
    if card is None:
        return shipped.points(engine, generation)
    return _by_card(engine, generation).get(card, ())


@cache
def _by_card(engine: str, generation: str) -> dict[str, tuple[Point, ...]]:
    found: defaultdict[str, list[Point]] = defaultdict(list)
    for point in shipped.points(engine, generation):
        found[point.accelerator].append(point)
    return {card: tuple(points) for card, points in found.items()}


def _weights(points: list[Point], size: float) -> Correction:
    return Correction(
        size * sum(point.weight for point in points),
        size * sum(point.first_weight for point in points),
    )
