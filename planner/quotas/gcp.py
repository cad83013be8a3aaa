"""Google Cloud quotas: Cloud Quotas for the limits, Compute Engine for what is in use.

A GPU machine needs room for the card in the region (H100 and newer: per GPU family) and for
all GPUs and CPUs of the project. Spot machines count against ``PREEMPTIBLE-*`` quotas of
their own. One answer of Cloud Quotas holds all regions, so checking twenty regions takes as
many calls as checking one.
"""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING

from planner.clouds import gcp
from planner.quotas import catalogue, gcp_usage
from planner.quotas.gcp_limits import COMPUTE, limit_of, read_info, why_fixed
from planner.quotas.gcp_requests import Requests
from planner.quotas.model import Check, Demand, DemandCheck, Quota

if TYPE_CHECKING:
    from collections.abc import Sequence

    from google.cloud.cloudquotas_v1.types import QuotaInfo


class Adapter(Requests):
    """Cloud Quotas and Compute Engine."""

    cloud = "gcp"

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._infos: dict[str, QuotaInfo | None] = {}
        self._usage = gcp_usage.Usage()

    def account(self) -> str:
        """Return the project id."""
        return gcp.project()

    def read(self, quota: Quota) -> Check:
        """Return what Google says of one quota."""
        info = self._info(quota.quota_id)
        if info is None:
            return Check(quota, 0, why=f"Google lists no quota {quota.quota_id}")
        limit = limit_of(info, dict(quota.dimensions), quota.region)
        return Check(quota, 0, limit, None, fixed=why_fixed(info))

    def check(self, region: str, demands: Sequence[Demand]) -> list[DemandCheck]:
        """Check all demands of one region."""
        return [
            DemandCheck(
                demand, tuple(self._check(demand, quota) for quota in _quotas(demand, region))
            )
            for demand in demands
        ]

    def _check(self, demand: Demand, quota: Quota) -> Check:
        need = demand.instances * (
            demand.vcpus if quota.unit == "vCPU" else math.ceil(demand.accelerator_count)
        )
        if quota.unit == "GPU" and demand.accelerator_count % 1:
            why = "Google does not say how a part of a card counts"
            return Check(quota, need, why=why)
        info = self._info(quota.quota_id)
        if info is None:
            return Check(quota, need, why=f"Google lists no quota {quota.quota_id}")
        limit = limit_of(info, dict(quota.dimensions), quota.region)
        fixed = why_fixed(info)
        if limit is None:
            why = f"Google lists no value of {quota.title} for {quota.region}"
            return Check(quota, need, why=why, fixed=fixed)
        used, why = self._usage.of(quota, demand)
        return Check(quota, need, limit, used, why=why, fixed=fixed)

    def _info(self, quota_id: str) -> QuotaInfo | None:
        """Read a quota once for all regions; None where Google has no such quota."""
        with self._lock:
            if quota_id not in self._infos:
                self._infos[quota_id] = read_info(quota_id)
            return self._infos[quota_id]


def _quotas(demand: Demand, region: str) -> list[Quota]:
    """Return the quotas that bind a demand, the one to raise first at the front."""
    rows = [row for row in catalogue.rows("gcp", "gce") if row.admits(spot=demand.spot)]
    card = [row for row in rows if row.covers == demand.accelerator]
    found = []
    if card:
        dimensions = (*card[0].dimensions, ("region", region))
        found.append(_quota(card[0].quota_id, region, "GPU", tuple(sorted(dimensions))))
    else:
        # Old cards have a quota of their own name; ask the API for it.
        kind = demand.accelerator.split("-", maxsplit=1)[0]
        prefix = "PREEMPTIBLE-" if demand.spot else ""
        quota_id = f"{prefix}NVIDIA-{kind}-GPUS-per-project-region"
        found.append(_quota(quota_id, region, "GPU", (("region", region),)))
    found += [_quota(row.quota_id, "", row.unit, ()) for row in rows if row.covers == "*"]
    return found


def _quota(quota_id: str, region: str, unit: str, dimensions: tuple[tuple[str, str], ...]) -> Quota:
    return Quota("gcp", COMPUTE, region, quota_id, "", unit, dimensions)
