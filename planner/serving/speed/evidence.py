"""How sure a prediction is: what was measured near it, and how wrong the fit was in such a case."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

from planner.serving import accelerators
from planner.serving.speed import shipped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.serving.speed.effects import Setting
    from planner.serving.speed.shipped import Point
    from planner.serving.speed.workload import Workload

Load = tuple[float, float, float]
Basis = Literal["measured", "modelled", "unvalidated"]

# A load this many times outside everything a generation was measured with is beyond it.
_REACH = 4.0
# A load this many times outside what was measured on the very set-up still counts as between.
_BETWEEN = 1.5
UNVALIDATED = "unvalidated"


def situation(setting: Setting, workload: Workload, batch: float) -> tuple[Basis, float, str]:
    """Return the basis, the factor of the band, and a reason for people."""
    name, why = _situation(setting, workload, batch)
    bands = shipped.bands()[name]
    factor = bands.get(f"{setting.engine} {setting.generation}", bands["all"])
    if name in (UNVALIDATED, "other_vendor"):
        return "unvalidated", factor, why
    return "modelled", factor, why


def _situation(setting: Setting, workload: Workload, batch: float) -> tuple[str, str]:
    card, model = workload.accelerator.name, workload.model.name
    seen = _seen(setting.engine, setting.generation)
    load = (workload.input_tokens, workload.output_tokens, batch)
    here = seen.setups.get(workload.nominal())
    rules = (
        *_foreign(seen, setting, workload, load),
        (
            all(card != measured for measured, _ in seen.cards),
            *("new_card", f"{card} was measured with other software only"),
        ),
        (
            here is not None and here.reaches(load, _BETWEEN),
            *("interpolated", "between measured loads of this set-up"),
        ),
        (
            (card, setting.precision) not in seen.cards,
            *("new_card", f"{setting.precision} was not measured on {card}, but on its like"),
        ),
        (
            (model, card) in seen.pairs,
            *("seen_model", f"{model} was measured on {card}, not in this set-up"),
        ),
        (True, "new_model", f"{model} was not measured on {card}"),
    )
    return next((name, why) for holds, name, why in rules if holds)


def _foreign(
    seen: _Seen, setting: Setting, workload: Workload, load: Load
) -> tuple[tuple[bool, str, str], ...]:
    """Return what would set a workload apart from everything that was measured, each with words."""
    card = workload.accelerator
    generation = f"{setting.engine} of {setting.generation}"
    return (
        (seen.reach is None, UNVALIDATED, f"nothing was measured with {generation}"),
        (
            card.vendor not in _vendors(setting.engine, setting.generation),
            *("other_vendor", f"nothing was measured on {card.vendor} accelerators"),
        ),
        (card.name not in _anywhere(), UNVALIDATED, f"nothing was measured on {card.name}"),
        (
            all(setting.precision != precision for _, precision in seen.cards),
            *(UNVALIDATED, f"{setting.precision} was not measured with {generation}"),
        ),
        (
            setting.kind not in seen.kinds,
            *(UNVALIDATED, f"no model built like {workload.model.name} was measured"),
        ),
        (
            workload.pipeline_parallel > 1 and seen.stages == 1,
            *(UNVALIDATED, f"pipeline parallel was not measured with {generation}"),
        ),
        (
            seen.reach is not None and not seen.reach.reaches(load, _REACH),
            *(UNVALIDATED, "the load is far from what was measured"),
        ),
    )


@dataclass(frozen=True, slots=True)
class _Reach:
    """The least and the most of prompt, output and batch."""

    lowest: Load
    highest: Load

    @classmethod
    def of(cls, points: Sequence[Point]) -> _Reach:
        loads = [(point.input_tokens, point.output_tokens, point.batch) for point in points]
        sides = list(zip(*loads, strict=True))
        low, high = [min(side) for side in sides], [max(side) for side in sides]
        return cls((low[0], low[1], low[2]), (high[0], high[1], high[2]))

    def reaches(self, load: Load, times: float) -> bool:
        """Tell whether each number of a load is at most so many times outside the range."""
        ranges = zip(self.lowest, load, self.highest, strict=True)
        return all(low / times <= value <= high * times for low, value, high in ranges)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What one generation was measured with."""

    cards: frozenset[tuple[str, str]]  # with the precision
    models: frozenset[tuple[str, str]]  # with the precision
    pairs: frozenset[tuple[str, str]]  # model and card
    kinds: frozenset[str]
    stages: int
    reach: _Reach | None
    setups: dict[tuple[str, str, str, int, int], _Reach]


@cache
def _seen(engine: str, generation: str) -> _Seen:
    points = shipped.points(engine, generation)
    setups: dict[tuple[str, str, str, int, int], list[Point]] = {}
    for point in points:
        setups.setdefault(point.setup, []).append(point)
    return _Seen(
        cards=frozenset((point.accelerator, point.precision) for point in points),
        models=frozenset((point.model, point.precision) for point in points),
        pairs=frozenset((point.model, point.accelerator) for point in points),
        kinds=frozenset(shipped.shapes()[p.model, p.precision][0] for p in points),
        stages=max((point.pipeline_parallel for point in points), default=1),
        reach=_Reach.of(points) if points else None,
        setups={setup: _Reach.of(there) for setup, there in setups.items()},
    )


@cache
def _anywhere() -> frozenset[str]:
    """Return the cards that anything was measured on."""
    return frozenset(key for level, key in shipped.effects() if level == "card")


@cache
def _vendors(engine: str, generation: str) -> frozenset[str]:
    cards = {point.accelerator for point in shipped.points(engine, generation)}
    return frozenset(accelerators.get(card).vendor for card in cards)
