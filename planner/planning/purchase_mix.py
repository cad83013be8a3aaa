"""How to buy a fleet: which machines are committed, for how long and from when. Pure.

A fleet needs so many machines in each hour. Sorted, that makes levels: the first machine runs in
most hours, the last in few. A commitment covers one machine around the clock for its whole term,
and what it covers need not be bought by the hour. So the question is how many commitments of
each kind start in each month, and it is answered at the least total cost:

* In a load that does not grow, every month is alike, and each level stands alone: the cheapest
  way to fill its months is found exactly, term by term (:func:`cheapest_terms`).
* In a load that grows, commitments of different levels may follow each other. All levels
  together are then a flow of least cost through the months (:func:`_by_flow`); exact, too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from planner.planning.flow import Span, cheapest_flow

if TYPE_CHECKING:
    from collections.abc import Sequence

HOURS_PER_MONTH = 730.0
_MONTHS_PER_YEAR = 12
_MONTHS_PER_QUARTER = 3
ON_DEMAND = "on_demand"
SPOT = "spot"
COMMITTED = "committed"


@dataclass(frozen=True, slots=True)
class Commitment:
    """One way to commit one machine.

    Attributes:
        name: For people: ``1 year, no upfront``.
        months: Its term.
        upfront_usd: Paid on its first day; None where the source gives the effective price only.
        hourly_usd: Paid for every hour of the term; where ``upfront_usd`` is None the effective
            price, upfront part included.
    """

    name: str
    months: int
    hourly_usd: float
    upfront_usd: float | None = 0.0
    key: tuple[str, ...] = ()

    @property
    def total_usd(self) -> float:
        """Return what the whole term costs, used or not."""
        return (self.upfront_usd or 0.0) + self.hourly_usd * HOURS_PER_MONTH * self.months


@dataclass(frozen=True, slots=True)
class Market:
    """What one machine costs, each way it can be bought.

    Attributes:
        on_demand_usd: An hour; None where it is not sold by the hour.
        spot_usd: An hour that was really served: price / (1 - share of hours interrupted).
        commitments: All that may be used.
        held: Machines already paid for elsewhere; they cost nothing here.
    """

    on_demand_usd: float | None
    commitments: tuple[Commitment, ...] = ()
    spot_usd: float | None = None
    held: int = 0


@dataclass(frozen=True, slots=True)
class Usage:
    """How long each machine runs.

    Attributes:
        hours: By month, then by level: hours of the month in which more than ``level`` machines
            run. Within a month they never rise with the level.
        floor: Levels below it are never spot machines.
    """

    hours: tuple[tuple[float, ...], ...]
    floor: int = 0

    @property
    def months(self) -> int:
        """Return the horizon."""
        return len(self.hours)

    @property
    def levels(self) -> int:
        """Return the most machines that run at once."""
        return max((len(month) for month in self.hours), default=0)

    def of(self, month: int, level: int) -> float:
        """Return the hours that a level runs in a month."""
        return self.hours[month][level] if level < len(self.hours[month]) else 0.0

    @property
    def steady(self) -> bool:
        """Tell whether every month is like the first."""
        return all(month == self.hours[0] for month in self.hours)


@dataclass(frozen=True, slots=True)
class Start:
    """So many commitments of one kind that start in one month."""

    commitment: Commitment
    month: int
    count: int


@dataclass(frozen=True, slots=True)
class Mix:
    """How the machines are bought, and the cash that goes out.

    Attributes:
        starts: The commitments.
        on_demand_hours: Of all machines over the horizon.
        spot_hours: Likewise.
        cash: By month; a commitment that outlasts the horizon is paid to its end, and what falls
            behind the horizon stands in ``after_horizon_usd``.
        total_usd: All of it, with ``after_horizon_usd``.
        value_usd: The same, discounted to the first day; what the choice minimises.
    """

    starts: tuple[Start, ...]
    on_demand_hours: float
    spot_hours: float
    cash: tuple[float, ...]
    after_horizon_usd: float
    due_now_usd: float | None
    value_usd: float
    committed: tuple[int, ...] = field(default=())

    @property
    def total_usd(self) -> float:
        """Return all that is paid, to the end of the last commitment."""
        return math.fsum(self.cash) + self.after_horizon_usd

    @property
    def monthly_usd(self) -> float:
        """Return what a month of the horizon costs: the total over the months of the horizon."""
        return self.total_usd / len(self.cash)

    @property
    def quarters(self) -> tuple[float, ...]:
        """Return the cash of each quarter of the horizon."""
        return tuple(
            math.fsum(self.cash[first : first + _MONTHS_PER_QUARTER])
            for first in range(0, len(self.cash), _MONTHS_PER_QUARTER)
        )


def best_mix(usage: Usage, market: Market, *, discount_rate: float = 0.0) -> Mix | None:
    """Return the cheapest way to buy what is used; None where there is none.

    Args:
        usage: Hours by month and level.
        market: Prices.
        discount_rate: Of a year, for money paid later.
    """
    factors = _factors(usage.months, discount_rate)
    if market.on_demand_usd is None and not market.commitments and usage.levels > market.held:
        return None
    if usage.steady or not market.commitments:
        starts = _by_level(usage, market, factors)
    else:
        starts = _by_flow(usage, market, factors)
    return account(usage, market, starts, discount_rate=discount_rate)


def account(
    usage: Usage, market: Market, starts: Sequence[Start], *, discount_rate: float = 0.0
) -> Mix:
    """Return what the given commitments, and the rest by the hour, come to."""
    months = usage.months
    active = _active(starts, months)
    cash = [0.0] * months
    after = on_demand_hours = spot_hours = 0.0
    seen: dict[tuple[tuple[float, ...], int], tuple[float, float]] = {}
    for month in range(months):
        alike = (usage.hours[month], market.held + active[month])
        if alike not in seen:
            seen[alike] = _by_the_hour(*alike, market, usage.floor)
        ordinary, spot = seen[alike]
        cash[month] += ordinary * (market.on_demand_usd or 0.0) + spot * (market.spot_usd or 0.0)
        on_demand_hours += ordinary
        spot_hours += spot
    value = math.fsum(c * f for c, f in zip(cash, _factors(months, discount_rate), strict=True))
    for start in starts:
        value += start.count * _value(start.commitment, start.month, discount_rate)
        cash[start.month] += start.count * (start.commitment.upfront_usd or 0.0)
        monthly = start.count * start.commitment.hourly_usd * HOURS_PER_MONTH
        end = start.month + start.commitment.months
        for month in range(start.month, min(end, months)):
            cash[month] += monthly
        after += monthly * max(0, end - months)
    now = [s for s in starts if s.month == 0]
    known = all(s.commitment.upfront_usd is not None for s in now)
    due = math.fsum(s.count * (s.commitment.upfront_usd or 0.0) for s in now) if known else None
    return Mix(
        tuple(starts), on_demand_hours, spot_hours, tuple(cash), after, due, value, tuple(active)
    )


def _by_the_hour(
    hours: Sequence[float], covered: int, market: Market, floor: int
) -> tuple[float, float]:
    """Return the hours of a month that are bought on demand and as spot."""
    left = hours[covered:]
    if market.spot_usd is None or market.spot_usd >= (market.on_demand_usd or math.inf):
        return math.fsum(left), 0.0
    first = max(0, floor - covered)
    return math.fsum(left[:first]), math.fsum(left[first:])


def _hour(market: Market, level: int, floor: int) -> tuple[float, bool]:
    """Return the cheapest price of an hour at a level, and whether it is spot's."""
    on_demand = math.inf if market.on_demand_usd is None else market.on_demand_usd
    if level >= floor and market.spot_usd is not None and market.spot_usd < on_demand:
        return market.spot_usd, True
    return on_demand, False


@cache
def _factors(months: int, discount_rate: float) -> tuple[float, ...]:
    return tuple((1 + discount_rate) ** (-month / _MONTHS_PER_YEAR) for month in range(months))


@cache
def _value(commitment: Commitment, month: int, discount_rate: float) -> float:
    """Return the cost of a commitment from its month on, discounted to the first day."""
    if not discount_rate:
        return commitment.total_usd
    factors = _factors(month + commitment.months, discount_rate)
    recurring = commitment.hourly_usd * HOURS_PER_MONTH * math.fsum(factors[month:])
    return (commitment.upfront_usd or 0.0) * factors[month] + recurring


def _active(starts: Sequence[Start], months: int) -> list[int]:
    return [
        sum(s.count for s in starts if s.month <= month < s.month + s.commitment.months)
        for month in range(months)
    ]


def _by_level(usage: Usage, market: Market, factors: Sequence[float]) -> list[Start]:
    """Fill each level's months at the least cost; exact where all months are alike."""
    rate = _rate_of(factors)
    found: dict[tuple[int, Commitment], int] = {}
    before: tuple[float, list[tuple[int, Commitment]]] | None = None
    for level in range(market.held, usage.levels):
        price, _ = _hour(market, level, usage.floor)
        costs = [
            price * usage.of(m, level) * factors[m] if usage.of(m, level) else 0.0
            for m in range(usage.months)
        ]
        if before is None or before[0] != math.fsum(costs):
            chosen = cheapest_terms(costs, market.commitments, rate)
            before = (math.fsum(costs), chosen)
        if not before[1]:
            break  # a level that runs less does not commit either
        for start in before[1]:
            found[start] = found.get(start, 0) + 1
    return [Start(c, month, count) for (month, c), count in found.items()]


def _rate_of(factors: Sequence[float]) -> float:
    return factors[1] ** -_MONTHS_PER_YEAR - 1 if len(factors) > 1 else 0.0


def cheapest_terms(
    costs: Sequence[float], commitments: Sequence[Commitment], discount_rate: float = 0.0
) -> list[tuple[int, Commitment]]:
    """Return when to start which commitments so that the months of one machine cost least.

    Args:
        costs: Of each month bought by the hour, discounted.
        commitments: Each covers its months from where it starts, and may outlast the last one.
        discount_rate: Of a year.
    """
    months = len(costs)
    least = [math.inf] * (months + 1)
    least[months] = 0.0
    choice: list[Commitment | None] = [None] * months
    for month in reversed(range(months)):
        least[month] = costs[month] + least[month + 1]
        for commitment in commitments:
            end = min(months, month + commitment.months)
            cost = _value(commitment, month, discount_rate) + least[end]
            if cost < least[month] - 1e-9:
                least[month], choice[month] = cost, commitment
    starts: list[tuple[int, Commitment]] = []
    month = 0
    while month < months:
        chosen = choice[month]
        if chosen is not None:
            starts.append((month, chosen))
        month += 1 if chosen is None else chosen.months
    return starts


def _by_flow(usage: Usage, market: Market, factors: Sequence[float]) -> list[Start]:
    """Choose the commitments of all levels together: a flow of least cost through the months.

    Every level is one unit of flow from the first month to the end. From each month a unit goes
    on to the next, at the cost of the least used level that is not yet bought by the hour there,
    or to the end of a commitment, at its cost.
    """
    rate = _rate_of(factors)
    levels = max(0, usage.levels - market.held)
    hourly = [_hourly_costs(usage, market, m, levels, factors[m]) for m in range(usage.months)]
    spans = {
        Span(month, min(usage.months, month + c.months), _value(c, month, rate), c)
        for month in range(usage.months)
        for c in market.commitments
    }
    chosen = cheapest_flow(levels, hourly, spans)
    order = sorted(chosen.items(), key=lambda item: (item[0].start, item[0].commitment.name))
    return [Start(span.commitment, span.start, count) for span, count in order]


def _hourly_costs(
    usage: Usage, market: Market, month: int, levels: int, factor: float
) -> list[float]:
    """Return what each level of a month costs by the hour, the cheapest first."""
    costs = []
    for level in range(market.held, market.held + levels):
        hours = usage.of(month, level)
        costs.append(_hour(market, level, usage.floor)[0] * hours * factor if hours else 0.0)
    return sorted(costs)
