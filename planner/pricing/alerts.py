"""Price alerts: rules such as ``h100<2.5/gpu-hour``.

Grammar::

    rule    := subject comparison price [ "/" unit ]
    subject := an accelerator (h100, A100-80GB) or an instance type (p5.48xlarge)
    comparison := "<" | "<=" | ">" | ">="
    price   := a number of US dollars, "$" before it allowed
    unit    := "gpu-hour" | "hour" | "month"

Without a unit an accelerator is priced by the ``gpu-hour`` and an instance type by the
``hour``; a month has 730 hours. The cheapest matching offer is compared, so ``<`` says "can be
had for less", and ``>`` "can no longer be had for".
"""

from __future__ import annotations

import operator
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from planner.errors import UsageError
from planner.pricing.cost import HOURS_PER_MONTH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from planner.pricing.instance_types import InstanceTypes
    from planner.pricing.offer import Offer

GPU_HOUR, HOUR, MONTH = "gpu-hour", "hour", "month"
_COMPARISONS: dict[str, Callable[[Decimal, Decimal], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_RULE = re.compile(
    r"\s*(?P<subject>[\w.+-]+)\s*(?P<comparison><=|>=|<|>)\s*"
    r"\$?(?P<price>\d+(?:\.\d+)?)\s*(?:/\s*(?P<unit>[\w-]+))?\s*"
)
_EXAMPLES = "'h100<2.5/gpu-hour' or 'p5.48xlarge<50/hour'"


@dataclass(frozen=True, slots=True)
class Rule:
    """One alert rule.

    Attributes:
        unit: ``gpu-hour``, ``hour`` or ``month``; empty for the subject's usual one.
    """

    text: str
    subject: str
    comparison: str
    usd: Decimal
    unit: str

    def is_met(self, price: Decimal) -> bool:
        """Tell whether a price in the rule's unit meets it."""
        return _COMPARISONS[self.comparison](price, self.usd)


def parse(text: str) -> Rule:
    """Read a rule.

    Raises:
        UsageError: It does not follow the grammar.
    """
    match = _RULE.fullmatch(text)
    if match is None:
        raise UsageError(
            f"{text!r} is not an alert rule",
            why="a rule is SUBJECT<PRICE[/UNIT], with <, <=, > or >=",
            advice=f"--alert {_EXAMPLES}",
        )
    unit = match["unit"] or ""
    if unit not in ("", GPU_HOUR, HOUR, MONTH):
        raise UsageError(
            f"unknown unit {unit!r} in the alert rule {text!r}",
            why=f"a unit is {GPU_HOUR}, {HOUR} or {MONTH}",
            advice=f"--alert {_EXAMPLES}",
        )
    return Rule(text, match["subject"], match["comparison"], Decimal(match["price"]), unit)


def cheapest(
    offers: Iterable[Offer], types: InstanceTypes, unit: str
) -> tuple[Decimal, Offer] | None:
    """Return the lowest price in a unit, and its offer; None where there is no offer.

    Args:
        offers: To choose from.
        types: Say how many accelerators a machine has.
        unit: ``gpu-hour``, ``hour`` or ``month``.
    """
    priced = []
    for offer in offers:
        price = offer.effective_hourly_usd
        if unit == MONTH:
            price *= HOURS_PER_MONTH
        if unit == GPU_HOUR:
            item = types.find(offer.service, offer.instance_type)
            if item is None:
                continue
            price /= Decimal(str(item.accelerator_count))
        priced.append((price, offer))
    return min(priced, key=lambda pair: pair[0], default=None)
