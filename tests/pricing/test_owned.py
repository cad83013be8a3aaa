"""What a card that the user owns costs an hour."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from planner.pricing import owned


def test_a_card_costs_its_share_of_the_purchase_and_its_power() -> None:
    hourly = owned.hourly(
        purchase_usd=Decimal(1600),
        amortization_months=36,
        watts=450,
        usd_per_kwh=Decimal("0.15"),
    )
    assert hourly is not None
    assert round(hourly, 6) == Decimal("0.128383")  # 1600 / 26,280 h + 0.45 kW x $0.15


@pytest.mark.parametrize("unknown", ["purchase_usd", "watts", "usd_per_kwh"])
def test_a_part_that_is_not_known_leaves_the_whole_unknown(unknown: str) -> None:
    parts: dict[str, Any] = {
        "purchase_usd": Decimal(1600),
        "watts": 450.0,
        "usd_per_kwh": Decimal("0.15"),
    }
    parts[unknown] = None
    assert owned.hourly(amortization_months=36, **parts) is None
