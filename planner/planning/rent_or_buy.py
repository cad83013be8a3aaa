"""Rent or buy tokens: a per-token API against an endpoint of one's own for the same load.

A load is output tokens a month. The API charges them, and the prompts that led to them, one by
one; an endpoint costs the same whether it is busy or idle, and a second machine is needed where
the load passes what one may be kept busy with (the utilisation that the comparison assumes). So
an endpoint is the cheaper from some load on only where its tokens, at that utilisation, cost
less than the API's; where they do not, it never is. Pure arithmetic; docs/rent-or-buy.md works
an example through.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable
    from decimal import Decimal

    from planner.plan import Plan
    from planner.pricing.api_prices import ApiPrice

_HOURS_PER_MONTH = 730.0
_SECONDS_PER_HOUR = 3600
_MILLION = 1_000_000

Way = Literal["on_demand", "committed_1y"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A plan, bought one way, as a producer of tokens.

    Attributes:
        monthly_usd: Of the plan's machines, whatever the load.
        capacity: Million output tokens a month that they give at the assumed utilisation.
        saturated: The same at full speed, around the hours they run.
    """

    plan: Plan
    way: Way
    monthly_usd: float
    capacity: float
    saturated: float

    def monthly_cost(self, load: float) -> float:
        """Return what a load of million output tokens a month costs, in whole machines."""
        return self.monthly_usd * max(1, math.ceil(load / self.capacity))

    @property
    def usd_per_million_tokens(self) -> float:
        """Return the price of a million output tokens at the assumed utilisation."""
        return self.monthly_usd / self.capacity


@dataclass(frozen=True, slots=True)
class BreakEven:
    """Where an endpoint meets an API.

    Attributes:
        load: Million output tokens a month from which the endpoint is the cheaper; None where
            it never is.
        busy: Share of its saturated speed that the endpoint must be kept busy with; above 1
            no load is enough.
    """

    endpoint: Endpoint
    api: ApiPrice
    load: float | None
    busy: float


def endpoints(
    plans: Iterable[Plan], *, utilization: float, hours_per_month: float
) -> list[Endpoint]:
    """Return the plans as producers of tokens, each way of paying whose price is known.

    Plans whose speed is not known are left out.

    Args:
        plans: Of one comparison.
        utilization: Share of the saturated speed that the machines may be kept busy with.
        hours_per_month: That an on-demand machine runs; a commitment runs around the clock.
    """
    found = []
    for plan in plans:
        if plan.tokens_per_second is None:
            continue
        ways: tuple[tuple[Way, Decimal | None, float], ...] = (
            ("on_demand", plan.on_demand_monthly_usd, hours_per_month),
            ("committed_1y", plan.committed_1y_monthly_usd, _HOURS_PER_MONTH),
        )
        for way, monthly, hours in ways:
            if monthly is not None:
                saturated = plan.tokens_per_second * _SECONDS_PER_HOUR * hours / _MILLION
                found.append(
                    Endpoint(plan, way, float(monthly), saturated * utilization, saturated)
                )
    return found


def break_even(endpoint: Endpoint, api: ApiPrice) -> BreakEven:
    """Return the load from which the endpoint is cheaper than the API."""
    load = endpoint.monthly_usd / float(api.usd_per_million_output_tokens)
    busy = load / endpoint.saturated
    return BreakEven(endpoint, api, load if load <= endpoint.capacity else None, busy)


def cheapest_tokens(found: Iterable[Endpoint], way: Way) -> Endpoint | None:
    """Return the endpoint with the cheapest tokens of those paid one way."""
    return min(
        (e for e in found if e.way == way), key=lambda e: e.usd_per_million_tokens, default=None
    )


def earliest(found: Iterable[Endpoint], way: Way, api: ApiPrice) -> BreakEven | None:
    """Return the break-even at the smallest load of all endpoints paid one way.

    None where no endpoint is ever cheaper than the API.
    """
    points = [break_even(e, api) for e in found if e.way == way]
    reached = [(point.load, i) for i, point in enumerate(points) if point.load is not None]
    return points[min(reached)[1]] if reached else None
