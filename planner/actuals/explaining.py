"""Why a bill is not what was predicted: parts that add up to the difference. Pure."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from planner.actuals.model import ZERO, Kind

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from planner.actuals.model import Charge
    from planner.actuals.predicted import Predicted


@dataclass(frozen=True, slots=True)
class Explanation:
    """Billed less predicted, in parts; all of them together are the whole difference.

    Attributes:
        hours: Machines stood longer or shorter than the ledger says.
        price: The price list asks more or less than was planned. Where the bill does not tell
            hours, this is both.
        discount: Commitments, negotiated prices and spot, against the price list.
        other_resources: Disks, addresses, traffic: all that is no machine.
        credits: Credits and refunds.
        corrections: Of bills before.
        tax: Taxes.
        timing: Paid now for later hours, or paid before: billed less effective cost.
        hours_known: Whether ``hours`` and ``price`` could be told apart.
    """

    hours: Decimal = ZERO
    price: Decimal = ZERO
    discount: Decimal = ZERO
    other_resources: Decimal = ZERO
    credits: Decimal = ZERO
    corrections: Decimal = ZERO
    tax: Decimal = ZERO
    timing: Decimal = ZERO
    hours_known: bool = True

    @property
    def total(self) -> Decimal:
        """Return the whole difference."""
        return sum((amount for _, amount in self.parts()), ZERO)

    def parts(self) -> list[tuple[str, Decimal]]:
        """Return the parts by name."""
        names = [item.name for item in fields(self) if item.name != "hours_known"]
        return [(name, getattr(self, name)) for name in names]


def explain(charges: Sequence[Charge], plan: Predicted, hours: Decimal | None) -> Explanation:
    """Return why charges are not what the plan said, all in one currency.

    Args:
        charges: Of one endpoint.
        plan: What the ledger has of it; it has a price.
        hours: Machine hours billed; None where the bill does not tell.
    """
    predicted = sum(plan.usd.values(), ZERO)
    planned_hours = sum(plan.hours.values(), ZERO)
    machines = [charge for charge in charges if charge.kind is Kind.MACHINE]
    paid = sum((charge.effective for charge in machines), ZERO)
    listed = [charge.listed for charge in machines]
    at_list = paid if None in listed else sum((amount for amount in listed if amount), ZERO)
    moved = ZERO
    if hours is not None and planned_hours:
        moved = (hours - planned_hours) * predicted / planned_hours
    return Explanation(
        hours=moved,
        price=at_list - predicted - moved,
        discount=paid - at_list,
        other_resources=_effective(charges, Kind.OTHER, Kind.PURCHASE, Kind.ADJUSTMENT),
        credits=_effective(charges, Kind.CREDIT),
        corrections=_effective(charges, Kind.CORRECTION),
        tax=_effective(charges, Kind.TAX),
        timing=sum((charge.billed - charge.effective for charge in charges), ZERO),
        hours_known=hours is not None,
    )


def _effective(charges: Sequence[Charge], *kinds: Kind) -> Decimal:
    return sum((charge.effective for charge in charges if charge.kind in kinds), ZERO)
