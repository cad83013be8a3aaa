"""What an hour of a card that the user owns costs: its purchase spread over time, and power."""

from __future__ import annotations

from decimal import Decimal

from planner.pricing.cost import HOURS_PER_MONTH

_WATTS_PER_KILOWATT = 1000


def hourly(
    *,
    purchase_usd: Decimal | None,
    amortization_months: int,
    watts: float | None,
    usd_per_kwh: Decimal | None,
) -> Decimal | None:
    """Return the cost of an hour at full load, or None where a part of it is not known.

    Args:
        purchase_usd: What the card costs, spread evenly over ``amortization_months``.
        amortization_months: How long it is meant to serve.
        watts: Its board power at full load.
        usd_per_kwh: The price of electricity.
    """
    if purchase_usd is None or watts is None or usd_per_kwh is None:
        return None
    purchase = purchase_usd / (amortization_months * HOURS_PER_MONTH)
    return purchase + Decimal(str(watts)) / _WATTS_PER_KILOWATT * usd_per_kwh
