"""What offers cost over time: months, break-even, and the total of a commitment.

Pure arithmetic; docs/costs.md works the examples through.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from planner.errors import UsageError
from planner.pricing.offer import HOURS_PER_YEAR, PricingModel

if TYPE_CHECKING:
    from datetime import date

    from planner.pricing.offer import Offer

HOURS_PER_MONTH = Decimal(730)
_MONTHS_PER_YEAR = 12


def monthly(hourly_usd: Decimal, hours_per_month: Decimal = HOURS_PER_MONTH) -> Decimal:
    """Return the cost of a month."""
    return hourly_usd * hours_per_month


def saving_percent(on_demand_hourly_usd: Decimal, committed_hourly_usd: Decimal) -> Decimal:
    """Return how much less the commitment costs than on demand, in percent of on demand."""
    return (1 - committed_hourly_usd / on_demand_hourly_usd) * 100


def break_even_utilization(
    on_demand_hourly_usd: Decimal, committed_hourly_usd: Decimal
) -> Decimal | None:
    """Return the share of time a machine must run for the commitment to be the cheaper.

    A commitment is paid whether the machine runs or not. None where it never pays: its
    price is above on demand.
    """
    share = committed_hourly_usd / on_demand_hourly_usd
    return share if share <= 1 else None


def break_even_hours_per_month(
    on_demand_hourly_usd: Decimal,
    committed_hourly_usd: Decimal,
    hours_per_month: Decimal = HOURS_PER_MONTH,
) -> Decimal | None:
    """Return the hours a month from which the commitment is the cheaper, or None if never."""
    share = break_even_utilization(on_demand_hourly_usd, committed_hourly_usd)
    return None if share is None else share * hours_per_month


@dataclass(frozen=True, slots=True)
class TotalCost:
    """What one choice costs over a horizon.

    Attributes:
        total_usd: All cash paid from ``start`` until ``end``.
        upfront_usd: The part of it paid on the first day; None where the source states only
            the effective price of a partly upfront commitment.
        recurring_usd: The rest; None likewise.
        unused_usd: Paid for hours of the commitment that lie after ``end``.
        end: The first day after the horizon.
    """

    total_usd: Decimal
    upfront_usd: Decimal | None
    recurring_usd: Decimal | None
    unused_usd: Decimal
    start: date
    end: date


def total_cost(
    offer: Offer,
    *,
    months: int,
    start: date,
    hours_per_month: Decimal = HOURS_PER_MONTH,
    instances: int = 1,
) -> TotalCost:
    """Return what an offer costs from ``start`` over ``months``.

    On demand and spot cost the hours used. A commitment costs every hour of its term, used
    or not, and is renewed at the same price when the horizon is longer; the last term is
    counted whole, and what reaches beyond the horizon is ``unused_usd``.

    Raises:
        UsageError: ``months`` or ``instances`` is not positive.
    """
    if months <= 0 or instances <= 0:
        raise UsageError(
            "the horizon and the number of instances must be positive",
            why=f"months={months}, instances={instances}",
        )
    end = _add_months(start, months)
    if offer.pricing_model is not PricingModel.COMMITTED or offer.term_years is None:
        total = offer.effective_hourly_usd * hours_per_month * months * instances
        return TotalCost(total, Decimal(0), total, Decimal(0), start, end)
    term_months = offer.term_years * _MONTHS_PER_YEAR
    terms = -(-months // term_months)
    term_hours = HOURS_PER_YEAR * offer.term_years
    total = offer.effective_hourly_usd * term_hours * terms * instances
    unused = total * (terms * term_months - months) / (terms * term_months)
    upfront = None if offer.upfront_usd is None else offer.upfront_usd * terms * instances
    recurring = None if upfront is None else total - upfront
    return TotalCost(total, upfront, recurring, unused, start, end)


def _add_months(day: date, months: int) -> date:
    from dateutil.relativedelta import relativedelta

    moved: date = day + relativedelta(months=months)
    return moved
