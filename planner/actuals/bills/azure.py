"""Azure Cost Management: costs by day, tag and meter, of the subscription.

https://learn.microsoft.com/rest/api/cost-management/query/usage. Asking is free, and throttled.
Costs arrive within a day or so, and change until the month is closed.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from planner.actuals.model import ZERO, Bill, Charge, Kind, Period, end_of
from planner.clouds import azure
from planner.endpoints.model import TAG_ENDPOINT

if TYPE_CHECKING:
    from collections.abc import Iterator

_ACTUAL, _AMORTIZED = "ActualCost", "AmortizedCost"
_KINDS = {
    "purchase": Kind.PURCHASE,
    "refund": Kind.CREDIT,
    "tax": Kind.TAX,
    "roundingadjustment": Kind.ADJUSTMENT,
    "unusedreservation": Kind.OTHER,
    "unusedsavingsplan": Kind.OTHER,
}
_COLUMNS = ("MeterCategory", "ChargeType")
_MACHINES = "virtual machines"


class Source:
    """Asks Cost Management; it needs ``Microsoft.CostManagement/query/read``.

    Args:
        table: Not used by Azure.
    """

    title = "Azure Cost Management"

    def __init__(self, table: str = "") -> None:
        del table

    def fee_usd(self, period: Period) -> Decimal:
        """Return nothing: asking is free."""
        del period
        return ZERO

    def read(self, period: Period) -> Bill:
        """Return what Azure bills for planner's tag."""
        charges = [_charge(row, amortized=False) for row in _rows(_ACTUAL, period)]
        charges += [_charge(row, amortized=True) for row in _rows(_AMORTIZED, period)]
        return Bill(
            self.title,
            period,
            tuple(charges),
            until=end_of(charges),
            warnings=("Azure's costs of the last two days may be incomplete",),
        )


def _rows(kind: str, period: Period) -> Iterator[dict[str, Any]]:
    """Yield the rows of a question, by column, page by page."""
    from azure.core.rest import HttpRequest
    from azure.mgmt.costmanagement.models import QueryDefinition

    scope = f"subscriptions/{azure.subscription()}"
    question = _question(kind, period)
    client = azure.costs()
    with azure.errors("read what Azure billed", action="Microsoft.CostManagement/query/read"):
        page = client.query.usage(scope, QueryDefinition(question))
        answer = page.as_dict() if page is not None else {}
    while True:
        found = answer.get("properties") or {}
        names = [str(column["name"]) for column in found.get("columns", ())]
        for row in found.get("rows", ()):
            yield dict(zip(names, row, strict=True))
        if not found.get("nextLink"):
            return
        with azure.errors("read what Azure billed", action="Microsoft.CostManagement/query/read"):
            response = client.send_request(HttpRequest("POST", found["nextLink"], json=question))
            response.raise_for_status()
            answer = response.json()


def _question(kind: str, period: Period) -> dict[str, Any]:
    return {
        "type": kind,
        "timeframe": "Custom",
        "timePeriod": {
            "from": f"{period.start}T00:00:00Z",
            "to": f"{period.last}T23:59:59Z",
        },
        "dataset": {
            "granularity": "Daily",
            "aggregation": {
                "cost": {"name": "Cost", "function": "Sum"},
                "quantity": {"name": "UsageQuantity", "function": "Sum"},
            },
            "grouping": [
                {"type": "TagKey", "name": TAG_ENDPOINT},
                *({"type": "Dimension", "name": name} for name in _COLUMNS),
            ],
        },
    }


def _charge(row: dict[str, Any], *, amortized: bool) -> Charge:
    """Return a row as a charge; actual and amortized costs come as rows of their own."""
    cost = Decimal(str(row.get("cost", row.get("Cost", 0))))
    kind = _KINDS.get(str(row.get("ChargeType", "")).casefold())
    category = str(row.get("MeterCategory", ""))
    machine = kind is None and category.casefold() == _MACHINES
    return Charge(
        _name(row),
        "azure",
        _day(row["UsageDate"]),
        str(row.get("Currency", "USD")),
        Kind.MACHINE if machine else kind or Kind.OTHER,
        ZERO if amortized else cost,
        cost if amortized else ZERO,
        hours=_hours(row, amortized=amortized) if machine else None,
        what=category,
    )


def _hours(row: dict[str, Any], *, amortized: bool) -> Decimal | None:
    """Return the hours of a machine, which are in both answers and count in one of them."""
    if not amortized:
        return ZERO
    quantity = row.get("quantity", row.get("UsageQuantity"))
    return None if quantity is None else Decimal(str(quantity))


def _name(row: dict[str, Any]) -> str:
    """Return the value of the tag: ``TagValue`` is beside ``TagKey`` in the answer."""
    return str(row.get("TagValue") or row.get(TAG_ENDPOINT) or "")


def _day(value: object) -> date:
    """Return the day of 20261126, or of a text."""
    text = str(value)
    return date.fromisoformat(text[:10] if "-" in text else text[:8])
