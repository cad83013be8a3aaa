"""Fleets: so many machines of a layout at each hour, and how they are bought. Pure.

A fleet is planned with the low end of the machine's speed, so that it holds where the prediction
is too high. It follows the load by the hour: a machine that the busiest hours need only runs in
those, plus the time it takes to start.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from math import ceil
from typing import TYPE_CHECKING

from planner.planning import pool, purchase_mix
from planner.planning.demand import HOURS_PER_MONTH, HOURS_PER_WEEK
from planner.planning.purchase_mix import Market, Mix, Usage

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from planner.planning.demand import Load
    from planner.pricing.instance_types import InstanceType
    from planner.pricing.offer import Offer
    from planner.serving.layouts import Layout

MOST_MACHINES = 2000  # a fleet of more is refused: a mistake in the load, or another tool's work
_MILLION = 1_000_000
_BROKEN_BY = {
    "memory": "room in the KV cache",
    "engine": "the requests that the engine has in flight at most",
    "ttft": "the time to the first token",
    "tpot": "the time per output token",
}
# A mix of two machines is harder to run than one kind; it has to save so much.
_WORTH_A_MIX = 0.97
_MIXED_FROM = 6  # the cheapest kinds that are tried together
_WORKED_OUT = 24  # the cheapest kinds whose growing fleets are worked out


@dataclass(frozen=True, slots=True)
class Server:
    """A machine in a region that serves the model in one layout, and what it costs.

    Attributes:
        rate: Requests a second within the targets, at the low end of the prediction, where every
            slot is taken.
        rate_expected: Likewise, in its middle.
        deploy_to: What ``planner deploy --to`` takes; None where planner has no way there yet.
        trusted: False where a price rests on a source of low confidence.
        weights_known: Whether weights of that precision are published, as far as planner knows.
    """

    instance_type: InstanceType
    region: str
    layout: Layout
    market: Market
    rate: float
    rate_expected: float
    on_demand: Offer | None
    spot: Offer | None
    deploy_to: str | None
    trusted: bool = True
    weights_known: bool = True

    @property
    def slots(self) -> int:
        """Return the requests in flight that it serves within the targets."""
        return self.layout.concurrent_requests or 1

    @property
    def latency_s(self) -> float:
        """Return how long a request stays, at the low end of the speed."""
        return self.slots / self.rate

    @property
    def is_sure(self) -> bool:
        """Tell whether price, speed and weights are all known well enough to lead an answer."""
        return self.trusted and self.weights_known and self.layout.basis != "unvalidated"

    def sped_up(self) -> Server:
        """Return the machine as fast as the middle of the prediction says."""
        return replace(self, rate=self.rate_expected)


@dataclass(frozen=True, slots=True)
class Rules:
    """How a fleet is run.

    Attributes:
        min_replicas: Copies of the model that always run.
        spare: Machines more than the load needs at any hour: N+1 is 1.
        fixed: The same machines around the clock, each month.
        start_hours: From asking for a machine to its first answer; paid, and serves nothing.
        spot_floor: Machines that are never spot; None for those that run at every hour.
        discount_rate: Of a year, for money paid later.
    """

    min_replicas: int = 1
    spare: int = 0
    fixed: bool = False
    start_hours: float = 0.33
    spot_floor: int | None = None
    discount_rate: float = 0.0


@dataclass(frozen=True)
class Week:
    """The hours of a week, sorted by how much is asked, with how often the load rises past it."""

    rates: tuple[float, ...]

    @cached_property
    def ordered(self) -> tuple[float, ...]:
        """Return the rates, the least first."""
        return tuple(sorted(self.rates))

    @cached_property
    def _rises(self) -> dict[float, int]:
        """Return how often a week the load rises from a rate or less to more than it."""
        before = self.rates[-1:] + self.rates[:-1]
        steps = [(a, b) for a, b in zip(before, self.rates, strict=True) if b > a]
        begun = sorted(a for a, _ in steps)
        ended = sorted(b for _, b in steps)
        return {r: bisect_right(begun, r) - bisect_right(ended, r) for r in self.ordered}

    def above(self, rate: float) -> tuple[int, int]:
        """Return the hours of a week in which more is asked, and how often they begin."""
        place = bisect_right(self.ordered, rate)
        hours = HOURS_PER_WEEK - place
        if hours in {0, HOURS_PER_WEEK}:
            return hours, 0
        return hours, self._rises[self.ordered[place - 1]]


@lru_cache(maxsize=64)
def week_of(load: Load) -> Week:
    """Return the week that machines are planned for: each hour by its busiest ten minutes."""
    return Week(tuple(r * s for r, s in zip(load.rates, load.swell, strict=True)))


@dataclass(frozen=True, slots=True)
class Part:
    """The machines of one kind in a fleet.

    Attributes:
        machines_min: That run at every hour of the first month.
        machines_peak: That run at once at most, in the whole horizon.
        machines_mean: Over the horizon, start-up included.
    """

    server: Server
    usage: Usage
    mix: Mix
    machines_min: int
    machines_peak: int

    @property
    def machines_mean(self) -> float:
        """Return how many machines run on average over the horizon."""
        return sum(map(sum, self.usage.hours)) / HOURS_PER_MONTH / self.usage.months


@dataclass(frozen=True, slots=True)
class Fleet:
    """Machines that carry a load, and how they are bought; the largest part first."""

    parts: tuple[Part, ...]
    load: Load

    @property
    def monthly_usd(self) -> float:
        """Return what a month of the horizon costs."""
        return sum(part.mix.monthly_usd for part in self.parts)

    @property
    def value_usd(self) -> float:
        """Return what is minimised: all that is paid, discounted to the first day."""
        return sum(part.mix.value_usd for part in self.parts)

    @property
    def due_now_usd(self) -> float | None:
        """Return what is paid on the first day; None where a source does not tell."""
        dues = [part.mix.due_now_usd for part in self.parts]
        return None if None in dues else sum(due or 0.0 for due in dues)

    @property
    def usd_per_million_served_tokens(self) -> float:
        """Return the cost of a million answer tokens that the load really asks for."""
        tokens = self.load.requests() * self.load.output_tokens.mean
        return sum(part.mix.total_usd for part in self.parts) / tokens * _MILLION

    @property
    def utilisation(self) -> float:
        """Return the share of what the running machines could serve that is asked of them."""
        able = sum(part.machines_mean * part.server.rate for part in self.parts)
        asked = self.load.requests() / self.load.months / HOURS_PER_MONTH / 3600
        return min(1.0, asked / able)

    @property
    def headroom(self) -> float:
        """Return how much more than the busiest hour the most machines would carry: 0.2 is 20 %."""
        most = sum(
            pool.most_rate(part.machines_peak, part.server.slots, part.server.latency_s)
            for part in self.parts
        )
        last = self.load.factor(self.load.months - 1 if self.load.growth > 0 else 0)
        return max(0.0, most / (max(week_of(self.load).rates) * last) - 1)


def of_one(server: Server, load: Load, rules: Rules) -> Fleet | None:
    """Return the cheapest fleet of one kind; None where it would be too large or has no price."""
    part = _part(server, week_of(load), load, rules, base=0.0)
    return None if part is None else Fleet((part,), load)


def best(servers: Iterable[Server], load: Load, rules: Rules, *, mixes: bool = True) -> list[Fleet]:
    """Return the fleets of one kind, and a mix of two that is worth it, cheapest first.

    In a load that grows, only the kinds that are among the cheapest at its mean are worked out
    month by month.
    """
    if load.growth:
        servers = _promising(servers, load, rules)
    found = [fleet for server in servers if (fleet := of_one(server, load, rules)) is not None]
    found.sort(key=_order)
    mixed = _mixed(found[:_MIXED_FROM], load, rules) if mixes else []
    return sorted([*found, *mixed], key=_order)


def _promising(servers: Iterable[Server], load: Load, rules: Rules) -> list[Server]:
    middle = load.requests() / load.months / load.requests(1)
    mean = replace(load.scaled(middle), growth=0.0)
    found = [fleet for server in servers if (fleet := of_one(server, mean, rules)) is not None]
    return [fleet.parts[0].server for fleet in sorted(found, key=_order)[:_WORKED_OUT]]


def _order(fleet: Fleet) -> tuple[float, str, str]:
    server = fleet.parts[0].server
    return (fleet.value_usd, server.instance_type.instance_type, server.region)


def _mixed(found: Sequence[Fleet], load: Load, rules: Rules) -> list[Fleet]:
    """Return the best mix of two kinds, where it is cheaper than the best of one by enough.

    Some machines of the first kind run around the clock; the second kind carries the rest.
    """
    if not found:
        return []
    limit = found[0].value_usd * _WORTH_A_MIX
    mixes = [
        mix
        for first in found
        for second in found
        if first is not second
        and (mix := _base_and_rest(first.parts[0], second.parts[0].server, load, rules))
        and mix.value_usd < limit
    ]
    return [min(mixes, key=_order)] if mixes else []


def _base_and_rest(first: Part, second: Server, load: Load, rules: Rules) -> Fleet | None:
    """Return the cheapest of: one machine of the first kind and the rest of the second, two, ..."""
    week = week_of(load)
    best_fleet: Fleet | None = None
    for machines in range(1, min(first.machines_peak, 16)):
        server = first.server
        base = pool.most_rate(machines, server.slots, server.latency_s)
        hours = ((HOURS_PER_MONTH,) * machines,) * load.months
        usage = Usage(tuple(tuple(map(float, month)) for month in hours), floor=machines)
        mix = purchase_mix.best_mix(usage, server.market, discount_rate=rules.discount_rate)
        rest = _part(second, week, load, replace(rules, min_replicas=0), base=base)
        if mix is None or rest is None or not rest.machines_peak:
            continue
        fleet = Fleet((Part(server, usage, mix, machines, machines), rest), load)
        if best_fleet is None or fleet.value_usd < best_fleet.value_usd:
            best_fleet = fleet
    return best_fleet


def _part(server: Server, week: Week, load: Load, rules: Rules, *, base: float) -> Part | None:
    """Return the machines of one kind for what is asked above ``base`` requests a second."""
    months = [
        _levels(server, week, load.factor(month), rules, base=base)
        for month in range(load.months if load.growth else 1)
    ]
    if any(month is None for month in months):
        return None
    hours = tuple(month or () for month in months) * (1 if load.growth else load.months)
    always = sum(level >= HOURS_PER_MONTH for level in hours[0])
    floor = always if rules.spot_floor is None else rules.spot_floor
    usage = Usage(hours, floor)
    mix = purchase_mix.best_mix(usage, server.market, discount_rate=rules.discount_rate)
    if mix is None:
        return None
    return Part(server, usage, mix, always, usage.levels)


def _levels(
    server: Server, week: Week, factor: float, rules: Rules, *, base: float
) -> tuple[float, ...] | None:
    """Return the hours of a month that the first, second, ... machine runs; None for too many."""
    always = ceil(rules.min_replicas / server.layout.replicas)
    levels: list[float] = []
    top = max(week.rates) * factor - base
    if pool.machines_for(top, server.slots, server.latency_s) > MOST_MACHINES:
        return None
    while True:
        machines = len(levels)
        carried = pool.most_rate(machines, server.slots, server.latency_s) + base
        hours, starts = week.above(carried / factor)
        if machines < always:
            levels.append(float(HOURS_PER_MONTH))
        elif not hours:
            break
        else:
            paid = hours + starts * rules.start_hours
            levels.append(HOURS_PER_MONTH * min(1.0, paid / HOURS_PER_WEEK))
    if rules.fixed:
        levels = [float(HOURS_PER_MONTH)] * len(levels)
    return (*((float(HOURS_PER_MONTH),) * rules.spare), *levels) if levels else ()


def breaks_first(fleet: Fleet) -> str:
    """Say what keeps the largest part of a fleet from serving more."""
    return _BROKEN_BY.get(fleet.parts[0].server.layout.bound, "not known")


def monthly_range(fleet: Fleet, rules: Rules) -> tuple[float, float]:
    """Return the cost of a month where the machines are as fast as expected, and as planned."""
    quick = [
        of_one(part.server.sped_up(), fleet.load, rules)
        for part in fleet.parts
        if len(fleet.parts) == 1
    ]
    low = min((f.monthly_usd for f in quick if f is not None), default=fleet.monthly_usd)
    return min(low, fleet.monthly_usd), fleet.monthly_usd
