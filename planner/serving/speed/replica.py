"""One replica under a load: how many requests it decodes together, and how fast.

Cards in the physical order keep it at any load: a card with less room for the cache decodes fewer
requests at a time, and is never further behind a better one than the largest of their ratios of
hardware and room allow.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from planner.serving.speed import corrections, order
from planner.serving.speed.curve import curve
from planner.serving.speed.effects import Setting, kind
from planner.serving.speed.measurements import nominal_precision

if TYPE_CHECKING:
    from planner.serving.speed.curve import Curve
    from planner.serving.speed.workload import Workload

_MAX_LOAD, _BURST = "max", "burst"
# Batches this many times beyond all steady loads that were measured are known from bursts only.
_BEYOND = 1.5
_SLACK = math.log(1.1)


@dataclass(frozen=True, slots=True)
class Loaded:
    """One replica with requests in flight.

    Attributes:
        workload: The replica and the shape of its requests.
        setting: What the fitted effects depend on.
        requests: Asked for; None for as many as the engine takes.
        load: In flight, those that wait included.
        batch: Decoded together.
        curve: The speed of this shape of load on any card.
    """

    workload: Workload
    setting: Setting
    requests: int | None
    load: int
    batch: int
    curve: Curve

    def log_speed(self) -> float:
        """Return the log of its output tokens a second, as its batch alone tells."""
        return self.curve.log_speed(self.workload.accelerator, self.requests, self.batch)


def loaded(workload: Workload, generation: str, requests: int | None) -> Loaded:
    """Return a replica with so many requests; None for as many as the engine takes."""
    load = workload.most_requests() if requests is None else requests
    batch = workload.batch(load)
    regime = _regime(workload.engine, generation, requests, batch, waiting=load > batch)
    precision = nominal_precision(workload.precision)
    setting = Setting(workload.engine, generation, regime, precision, kind(workload.model))
    anywhere = replace(workload, accelerator=order.chain()[0], kv_tokens=None)
    return Loaded(workload, setting, requests, load, batch, curve(anywhere, setting))


def in_order(replica: Loaded) -> float:
    """Return the log speed, raised to what other cards in the physical order leave it.

    Where all requests run at once there is nothing to raise: the order holds at any batch. A cache
    that is given for this card is given for the others in the same proportion to their own.
    """
    workload = replica.workload
    speed = replica.log_speed()
    all_run = replica.requests is not None and replica.load <= replica.batch
    if workload.accelerator.name not in order.CHAIN or all_run:
        return speed
    generation, asked = replica.setting.generation, replica.requests
    others = _with_room_alike(workload)
    fitting = [other for other in others if other.holds_one()]
    replicas = [loaded(other, generation, asked) for other in fitting]
    if len({other.batch for other in replicas}) == 1:
        return speed
    rooms = {other.accelerator.name: other.cache_tokens() for other in fitting}
    limit = _limit(rooms, replica.setting.precision)
    name = workload.accelerator.name
    return max(
        speed,
        *(
            other.log_speed() - limit[name, other.workload.accelerator.name]
            for other in replicas
            if (name, other.workload.accelerator.name) in limit
        ),
    )


def _with_room_alike(workload: Workload) -> list[Workload]:
    """Return the same on every card of the order, with caches in proportion to the given one."""
    plain = [replace(workload, accelerator=card, kv_tokens=None) for card in order.chain()]
    if workload.kv_tokens is None:
        return plain
    own = replace(workload, kv_tokens=None).cache_tokens() or 1
    return [
        replace(other, kv_tokens=round(other.cache_tokens() * workload.kv_tokens / own))
        for other in plain
    ]


def _limit(rooms: dict[str, int], precision: str) -> dict[tuple[str, str], float]:
    """Return by how much the second card's log speed may exceed the first's, rooms included."""
    hardware = order.reach(precision)
    found = {
        (slow, fast): 0.0
        if order.beats(slow, fast)
        else max(hardware[slow, fast], math.log(rooms[fast] / rooms[slow]) + _SLACK)
        for slow in rooms
        for fast in rooms
    }
    for middle, slow, fast in itertools.product(rooms, repeat=3):
        found[slow, fast] = min(found[slow, fast], found[slow, middle] + found[middle, fast])
    return found


def _regime(
    engine: str, generation: str, requests: int | None, batch: int, *, waiting: bool
) -> str:
    """Return the way of running that speaks for a load.

    Maximum load, and more requests at once than the engine takes or than steady loads were
    measured with, are regimes of their own where they were measured. Else the one that was
    measured most speaks.
    """
    known = corrections.regimes(engine, generation)
    if requests is None and _MAX_LOAD in known:
        return _MAX_LOAD
    beyond = batch > _BEYOND * corrections.most_steady(engine, generation)
    if _BURST in known and (waiting or beyond):
        return _BURST
    return next((name for name in known if name not in (_MAX_LOAD, _BURST)), _MAX_LOAD)
