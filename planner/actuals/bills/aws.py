"""AWS Cost Explorer: costs by day, tag and usage type.

A tag is seen only once it is activated as a cost allocation tag, and from that day on. Costs of
today and yesterday are estimates. ``UnblendedCost`` has usage that a Savings Plan covers at its
on-demand price, with the difference in rows that carry no tag: ``AmortizedCost`` is the one to
trust where commitments are. Each request costs $0.01
(https://aws.amazon.com/aws-cost-management/aws-cost-explorer/pricing/).
"""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from planner.actuals.model import Bill, Charge, Kind, Period, end_of
from planner.clouds import aws
from planner.endpoints.model import TAG_ENDPOINT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_FEE_USD = Decimal("0.01")
_METRICS = ("UnblendedCost", "AmortizedCost", "UsageQuantity")
_APART = {"Credit": Kind.CREDIT, "Refund": Kind.CREDIT, "Tax": Kind.TAX}
# USE1-BoxUsage:p4d.24xlarge, SpotUsage:g5.xlarge, USE1-Host:ml.g5.48xlarge
_MACHINE = re.compile(r"(BoxUsage|SpotUsage|DedicatedUsage|HeavyUsage|Host|ml\.)[:.]")


class Source:
    """Asks Cost Explorer; it needs ``ce:GetCostAndUsage``.

    Args:
        table: Not used by AWS.
    """

    title = "AWS Cost Explorer"

    def __init__(self, table: str = "") -> None:
        del table

    def fee_usd(self, period: Period) -> Decimal:
        """Return the price of the two questions; long answers have more pages, each a request."""
        del period
        return 2 * _FEE_USD

    def read(self, period: Period) -> Bill:
        """Return what AWS bills for planner's tag."""
        apart = {"Dimensions": {"Key": "RECORD_TYPE", "Values": list(_APART)}}
        charges = [
            _usage(day, keys, metrics)
            for day, keys, metrics in _groups(period, "USAGE_TYPE", {"Not": apart})
        ]
        charges += [
            _other(day, keys, metrics)
            for day, keys, metrics in _groups(period, "RECORD_TYPE", apart)
        ]
        ours = tuple(charge for charge in charges if charge.billed or charge.effective)
        said = ["costs of the last two days are AWS's estimates"]
        if not any(charge.endpoint for charge in ours):
            said.append(
                f"no cost carries the tag {TAG_ENDPOINT}: activate it under Billing, Cost "
                "allocation tags; it counts from the next day on"
            )
        return Bill(self.title, period, ours, until=end_of(ours), warnings=tuple(said))


def _groups(
    period: Period, dimension: str, where: dict[str, Any]
) -> Iterator[tuple[date, list[str], Mapping[str, Any]]]:
    """Yield day, (tag, dimension) and metrics of each group, page by page."""
    token: dict[str, str] = {}
    while True:
        with aws.errors("read what AWS billed", action="ce:GetCostAndUsage"):
            answer = aws.client("ce", aws.HOME_REGION).get_cost_and_usage(
                TimePeriod={"Start": str(period.start), "End": str(period.end)},
                Granularity="DAILY",
                Metrics=list(_METRICS),
                GroupBy=[
                    {"Type": "TAG", "Key": TAG_ENDPOINT},
                    {"Type": "DIMENSION", "Key": dimension},
                ],
                Filter=where,
                **token,
            )
        for result in answer["ResultsByTime"]:
            day = date.fromisoformat(result["TimePeriod"]["Start"][:10])
            for group in result["Groups"]:
                yield day, group["Keys"], group["Metrics"]
        if not answer.get("NextPageToken"):
            return
        token = {"NextPageToken": answer["NextPageToken"]}


def _usage(day: date, keys: list[str], metrics: Mapping[str, Any]) -> Charge:
    usage_type = keys[1]
    machine = _MACHINE.search(usage_type) is not None
    quantity = metrics["UsageQuantity"]
    return Charge(
        _name(keys[0]),
        "aws",
        day,
        metrics["UnblendedCost"]["Unit"],
        Kind.MACHINE if machine else Kind.OTHER,
        Decimal(metrics["UnblendedCost"]["Amount"]),
        Decimal(metrics["AmortizedCost"]["Amount"]),
        hours=Decimal(quantity["Amount"])
        if machine and quantity["Unit"].casefold() in {"hrs", "hours"}
        else None,
        what=usage_type,
    )


def _other(day: date, keys: list[str], metrics: Mapping[str, Any]) -> Charge:
    return Charge(
        _name(keys[0]),
        "aws",
        day,
        metrics["UnblendedCost"]["Unit"],
        _APART.get(keys[1], Kind.ADJUSTMENT),
        Decimal(metrics["UnblendedCost"]["Amount"]),
        Decimal(metrics["AmortizedCost"]["Amount"]),
        what=keys[1],
    )


def _name(key: str) -> str:
    """Return the value of ``planner:endpoint$chat``; empty for what has no such tag."""
    return key.partition("$")[2]
