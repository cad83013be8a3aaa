"""Azure quotas: Microsoft.Compute's usages and SKUs, Azure ML's own counters.

A size needs room in the regional ``cores`` and in its VM family; a Spot machine in the
regional ``lowPriorityCores`` alone. A SKU that is restricted for the subscription cannot be
started, and asking for quota does not change that; asking for access to it may. Azure ML has
counters of its own, which grants of Microsoft.Compute do not move.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.clouds import azure
from planner.quotas import azure_usage
from planner.quotas.azure_requests import Requests
from planner.quotas.azure_usage import COMPUTE, MACHINE_LEARNING
from planner.quotas.catalogue import fold
from planner.quotas.model import Check, Demand, DemandCheck, Quota

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from azure.mgmt.compute.models import ResourceSku

_NOT_LISTED = (
    "Azure lists no usage there; is the provider registered? "
    "az provider register --namespace Microsoft.Compute"
)


class Adapter(Requests):
    """Microsoft.Compute and Microsoft.Quota."""

    cloud = "azure"

    def account(self) -> str:
        """Return the subscription id."""
        return azure.subscription()

    def read(self, quota: Quota) -> Check:
        """Return what Azure says of one quota of Microsoft.Compute."""
        rows = azure_usage.usages(quota.region)
        return _one(quota.quota_id, COMPUTE, quota.region, 0, rows, fixed="")

    def check(self, region: str, demands: Sequence[Demand]) -> list[DemandCheck]:
        """Check all demands of one region."""
        found: list[DemandCheck] = []
        virtual = [demand for demand in demands if demand.service != "azure-ml"]
        managed = [demand for demand in demands if demand.service == "azure-ml"]
        skus = azure_usage.skus(region)
        if virtual:
            rows = azure_usage.usages(region)
            found += [_check(demand, region, rows, skus) for demand in virtual]
        if managed:
            counters = azure_usage.ml_usages(region)
            found += [_check_ml(demand, region, counters, skus) for demand in managed]
        return found


def _check(
    demand: Demand,
    region: str,
    rows: Mapping[str, azure_usage.Row],
    skus: Mapping[str, ResourceSku] | None,
) -> DemandCheck:
    if not rows:
        return DemandCheck(demand, why=_NOT_LISTED)
    sku = (skus or {}).get(demand.instance_type.casefold())
    if skus and sku is None:
        return DemandCheck(
            demand, closed=f"Azure does not offer {demand.instance_type} in {region}"
        )
    need = demand.largest * _vcpus(demand, sku)
    names = ["lowPriorityCores"] if demand.spot else ["cores", _family(demand, sku)]
    closed = azure_usage.restriction(sku, region)
    checks = tuple(_one(name, COMPUTE, region, need, rows, fixed=closed) for name in names)
    return DemandCheck(demand, checks, closed=closed, may_be_opened=bool(closed))


def _check_ml(
    demand: Demand,
    region: str,
    counters: Mapping[str, azure_usage.Row],
    skus: Mapping[str, ResourceSku] | None,
) -> DemandCheck:
    sku = (skus or {}).get(demand.instance_type.casefold())
    need = demand.largest * _vcpus(demand, sku)
    names = ["TotalDedicatedCores", _family(demand, sku)]
    checks = [_one(name, MACHINE_LEARNING, region, need, counters, fixed="") for name in names]
    return DemandCheck(demand, tuple(checks))


def _one(
    name: str,
    service: str,
    region: str,
    need: int,
    rows: Mapping[str, azure_usage.Row],
    *,
    fixed: str,
) -> Check:
    """Return the check of one quota; one that is missing or unset is unknown, not zero."""
    row = rows.get(fold(name))
    if row is None:
        quota = Quota("azure", service, region, name, "", "vCPU")
        if not name:
            return Check(quota, need, why="the VM family of this size is not known")
        return Check(quota, need, why=f"Azure lists no quota {name!r} in {region}", fixed=fixed)
    spelled, title, limit, used = row
    quota = Quota("azure", service, region, spelled, title, "vCPU")
    if limit < 0:
        return Check(quota, need, usage=used, why=f"Azure has no limit set for {spelled}")
    return Check(quota, need, limit, used, fixed=fixed)


def _family(demand: Demand, sku: ResourceSku | None) -> str:
    return (sku.family if sku is not None else "") or demand.quota_family


def _vcpus(demand: Demand, sku: ResourceSku | None) -> int:
    """Return the vCPUs of one machine; the API's word before planner's table."""
    for capability in (sku.capabilities if sku is not None else None) or []:
        if capability.name == "vCPUs" and (capability.value or "").isdigit():
            return int(capability.value or 0)
    return demand.vcpus
