"""What AWS says of capacity: Spot placement scores, and Capacity Blocks on offer.

GetSpotPlacementScores gives a score from 1 to 10 for a region; AWS calls 10 "highly likely,
not guaranteed". DescribeCapacityBlockOfferings gives blocks with their whole price.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from planner.clouds import aws
from planner.errors import PlannerError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from planner.quotas.model import Demand

_DAY_HOURS = 24


@dataclass(frozen=True, slots=True)
class Block:
    """One Capacity Block on offer; ``due_usd`` is the price of all of it."""

    id: str
    starts: datetime
    hours: int
    due_usd: Decimal


def scores(demands: Sequence[Demand]) -> dict[tuple[str, str], int]:
    """Return the score of each (instance type, region); those that cannot be read are left out."""
    by_type: defaultdict[str, list[Demand]] = defaultdict(list)
    for demand in demands:
        by_type[demand.instance_type].append(demand)
    found: dict[tuple[str, str], int] = {}
    for name, group in by_type.items():
        try:
            found |= _scores(name, group)
        except PlannerError:
            continue  # a hint that is missing is no failure
    return found


def block(demand: Demand) -> tuple[Block | None, str]:
    """Return the cheapest block of a day on offer in the region, or why there is none."""
    client = aws.client("ec2", demand.region)
    try:
        with aws.errors(
            "look for Capacity Blocks",
            action="ec2:DescribeCapacityBlockOfferings",
            region=demand.region,
        ):
            rows = client.describe_capacity_block_offerings(
                InstanceType=demand.instance_type,
                InstanceCount=demand.instances,
                CapacityDurationHours=_DAY_HOURS,
            )["CapacityBlockOfferings"]
    except PlannerError as error:
        return None, str(error)
    dollars = [row for row in rows if row.get("CurrencyCode", "USD") == "USD"]
    if not dollars:
        return None, "AWS offers no block of a day there now"
    best = min(dollars, key=lambda row: Decimal(row["UpfrontFee"]))
    return Block(
        id=best["CapacityBlockOfferingId"],
        starts=best["StartDate"],
        hours=int(best["CapacityBlockDurationHours"]),
        due_usd=Decimal(best["UpfrontFee"]),
    ), ""


def _scores(name: str, demands: Sequence[Demand]) -> dict[tuple[str, str], int]:
    with aws.errors("read the Spot placement scores", action="ec2:GetSpotPlacementScores"):
        rows = aws.client("ec2", aws.HOME_REGION).get_spot_placement_scores(
            InstanceTypes=[name],
            TargetCapacity=max(demand.instances for demand in demands),
            RegionNames=sorted({demand.region for demand in demands}),
        )["SpotPlacementScores"]
    return {(name, row["Region"]): int(row["Score"]) for row in rows}
