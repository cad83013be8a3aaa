"""Turn plans, or instance types and regions, into demands."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from planner.errors import UnknownNameError, UsageError
from planner.pricing import regions
from planner.quotas import types as quota_types
from planner.quotas.catalogue import ec2_quota
from planner.quotas.model import Demand

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from planner.plan import Plan
    from planner.pricing.instance_types import InstanceType, InstanceTypes


def of_plans(
    plans: Iterable[Plan],
    *,
    spot: bool = False,
    instances: int | None = None,
    purchase: str = "",
    types: InstanceTypes | None = None,
) -> dict[Demand, Plan]:
    """Return the demand of each plan in a cloud; the cheapest plan where several share one.

    Args:
        plans: In the order of preference.
        spot: As Spot capacity, where the service has it.
        instances: So many machines instead of as many as the plan needs.
        purchase: ``capacity_block`` or ``flex_start``, of what can be bought so.
        types: The instance types to look in.
    """
    table = types or quota_types.known()
    found: dict[Demand, Plan] = {}
    for plan in plans:
        item = table.find(plan.service, plan.instance_type)
        if item is not None and _can_be(item, purchase):
            demand = Demand.of_plan(plan, item, spot=spot and _can_be_spot(item))
            demand = replace(demand, purchase=purchase)
            if instances is not None:
                demand = replace(demand, instances=instances)
            found.setdefault(demand, plan)
    return found


def of_instance_types(
    names: Sequence[str],
    *,
    geo: str = "us",
    wanted_regions: Sequence[str] = (),
    instances: int = 1,
    spot: bool = False,
    managed: bool = False,
    purchase: str = "",
    types: InstanceTypes | None = None,
) -> list[Demand]:
    """Return the demands of instance types in all regions of a geography, or in those named.

    Args:
        names: Instance types of any cloud.
        geo: ``us``, ``eu``, ``ap`` or ``all``; not used where regions are named.
        wanted_regions: Regions by name; each belongs to one cloud.
        instances: How many machines of each.
        spot: As Spot capacity.
        managed: On Azure: through Azure ML, which has counters of its own.
        purchase: ``capacity_block`` or ``flex_start``.
        types: The instance types to look in.

    Raises:
        UnknownNameError: A name is unknown.
        UsageError: No region is left for an instance type, or it cannot be bought so.
    """
    table = types or quota_types.known()
    for name in wanted_regions:
        if name not in regions.all_regions():
            raise UnknownNameError("region", name, regions.all_regions(), advice="--geo all")
    found = []
    for name in names:
        item = _typed(table, name, managed=managed)
        if spot and not _can_be_spot(item):
            raise UsageError(f"{item.instance_type} cannot be had as Spot")
        if not _can_be(item, purchase):
            raise UsageError(f"{item.instance_type} cannot be had as {purchase.replace('_', ' ')}")
        places = [
            region
            for region in regions.of_cloud(item.cloud, "all" if wanted_regions else geo)
            if not wanted_regions or region in wanted_regions
        ]
        if not places:
            raise UsageError(
                f"none of the regions asked for belongs to {item.cloud}, "
                f"which has {item.instance_type}",
                advice=f"--region with one of: {', '.join(regions.of_cloud(item.cloud, geo))}",
            )
        found += [
            replace(Demand.of(item, place, instances=instances, spot=spot), purchase=purchase)
            for place in places
        ]
    return found


def _typed(table: InstanceTypes, name: str, *, managed: bool) -> InstanceType:
    item = table.get(name)
    if not managed:
        return item
    if item.cloud != "azure":
        raise UsageError("Azure ML has Azure sizes only", why=f"{name} belongs to {item.cloud}")
    return replace(item, service="azure-ml")


def _can_be(item: InstanceType, purchase: str) -> bool:
    """Tell whether a machine can be bought in a way beside on demand and spot."""
    if purchase == "capacity_block":
        return item.service == "ec2" and ec2_quota(item.instance_type, purchase) is not None
    return not purchase or item.service == "gce"


def _can_be_spot(item: InstanceType) -> bool:
    return item.service not in {"sagemaker", "azure-ml"}
