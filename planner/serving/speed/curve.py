"""The speed of one shape of load over the requests decoded together, on any card.

A search over layouts asks for the same model, load and parallel size on many cards and with many
numbers of requests: everything that does not depend on these is worked out once.
"""

from __future__ import annotations

import math
import statistics
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from planner.serving.speed import corrections, effects, generations, measurements, order, roofline
from planner.serving.speed.corrections import Shape

if TYPE_CHECKING:
    from planner.serving.accelerators import Accelerator
    from planner.serving.speed.corrections import Pulls
    from planner.serving.speed.effects import Setting
    from planner.serving.speed.measurements import Measurement
    from planner.serving.speed.roofline import Rates, Work
    from planner.serving.speed.workload import Workload

# Scenarios in which a number of requests is in flight all the time, or as many as fit.
_STEADY = ("serving", "static-batch", "static-batch-max", "max-load", "virtual-users")


class OnCard(NamedTuple):
    """One card at the curve's shape of load."""

    work: Work
    rates: Rates
    own: Pulls
    measured: dict[int | None, float]  # requests -> log of the measured speed


class Curve:
    """The log speed of one shape of load by card and batch.

    Args:
        workload: The shape of load on any card.
        setting: What the effects depend on.
    """

    def __init__(self, workload: Workload, setting: Setting) -> None:
        self._workload = workload
        self.setting = setting
        shape = Shape(workload.input_tokens, workload.output_tokens, workload.accelerators)
        self._shape = shape
        self._shared = corrections.shared(setting, workload.model, shape)
        self._cards: dict[str, OnCard] = {}
        self._chain: dict[tuple[int | None, float], dict[str, float]] = {}
        seen = corrections.measured_cards(setting.engine, setting.generation)
        self._seen = [name for name in order.CHAIN if name in seen]

    def on(self, card: Accelerator) -> OnCard:
        """Return what is known of the load on one card."""
        found = self._cards.get(card.name)
        if found is None:
            workload, at = self._workload.on(card), self.setting
            found = OnCard(
                workload.work(),
                effects.rates(at, card),
                corrections.own(
                    at, workload.model, card.name, self._shape, workload.tensor_parallel
                ),
                _measured(workload, at.generation),
            )
            self._cards[card.name] = found
        return found

    def log_speed(self, card: Accelerator, requests: int | None, batch: float) -> float:
        """Return the log of the output tokens a second, in the physical order of cards.

        Args:
            card: The card.
            requests: In flight; None for as many as the engine takes.
            batch: Those decoded together.
        """
        # At maximum load each card was measured with as many requests as it has room for.
        as_measured = requests is None and None in self.on(card).measured
        shared = self._shared.at(batch).speed
        if card.name not in order.CHAIN or as_measured:
            return self._alone(card, requests, batch, shared)
        known = self._chain.get((requests, batch))
        if known is None:
            known = self._chain[requests, batch] = self._in_order(requests, batch, shared)
        return known[card.name]

    def _in_order(self, requests: int | None, batch: float, shared: float) -> dict[str, float]:
        """Return the log speed of every card of the order, moved as little as it takes."""
        precision = self.setting.precision
        alone = {c.name: self._alone(c, requests, batch, shared) for c in order.chain()}
        if order.holds(alone, precision):
            return alone
        known: dict[str, float] = {}
        # What was measured at this very load moves least, then the cards of the generation.
        for names in self._by_evidence(requests):
            placed = {name: order.between(name, alone[name], known, precision) for name in names}
            known = order.keep(known | placed, precision)
        return known

    def _by_evidence(self, requests: int | None) -> list[list[str]]:
        """Return the cards of the order: measured at this load, in the generation, not at all."""
        exact = [c.name for c in order.chain() if requests in self.on(c).measured]
        seen = [name for name in self._seen if name not in exact]
        return [exact, seen, [n for n in order.CHAIN if n not in seen and n not in exact]]

    def first(self, card: Accelerator, batch: float) -> float:
        """Return the log of what the time to the first token is multiplied with."""
        return self._shared.at(batch).first + self.on(card).own.at(batch).first

    def _alone(self, card: Accelerator, requests: int | None, batch: float, shared: float) -> float:
        """Return a card's log speed by itself: measured, or the corrected roofline."""
        here = self.on(card)
        if requests in here.measured:
            return here.measured[requests]
        plain = roofline.tokens_per_second(here.work, here.rates, batch)
        return math.log(plain) + shared + here.own.at(batch).speed


def runs(workload: Workload, generation: str) -> list[Measurement]:
    """Return the usable runs of exactly this set-up and shape of load with a generation."""
    model, accelerator, precision, width, stages = workload.nominal()
    return [
        row
        for row in measurements.of(model, accelerator)
        if measurements.nominal_precision(row.precision) == precision
        and row.engine == workload.engine
        and (row.tensor_parallel, row.pipeline_parallel) == (width, stages)
        and row.accelerator_count == workload.accelerators
        and (row.input_tokens, row.output_tokens) == (workload.input_tokens, workload.output_tokens)
        and row.scenario in _STEADY
        and not row.unusable
        and generations.of_software(row.engine, row.software, row.source) == generation
    ]


def newest(rows: list[Measurement], requests: int | None) -> list[Measurement]:
    """Return the newest of the runs with so many requests."""
    matching = [row for row in rows if row.concurrency == requests]
    last = max((row.as_of for row in matching), default="")
    return [row for row in matching if row.as_of == last]


def _measured(workload: Workload, generation: str) -> dict[int | None, float]:
    rows = runs(workload, generation)
    return {
        load: math.log(statistics.median(row.tokens_per_second for row in newest(rows, load)))
        for load in {row.concurrency for row in rows}
    }


@cache
def curve(workload: Workload, setting: Setting) -> Curve:
    """Return the curve of a shape of load; ``workload`` stands for any card and cache."""
    return Curve(workload, setting)
