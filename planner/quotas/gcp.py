"""Google Cloud quotas: Cloud Quotas for the limits, Compute Engine for what is in use.

A GPU machine needs room for the card in the region (H100 and newer: per GPU family) and for
all GPUs of the project. The machines that bring their cards (A2, A3, A4, G2, G4) need GPU
quota only; N1 machines, to which cards are attached, need CPU quota too. Spot and flex-start
machines count against ``PREEMPTIBLE-*`` quotas; where the one for CPUs is not granted, Spot
machines count against the regular one. One answer of Cloud Quotas holds all regions, so
checking twenty regions takes as many calls as checking one.
"""

from __future__ import annotations

import math
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from planner.clouds import gcp
from planner.quotas import catalogue, gcp_usage, types
from planner.quotas.gcp_limits import COMPUTE, limit_of, read_info, why_fixed
from planner.quotas.gcp_requests import Requests
from planner.quotas.model import Check, Demand, DemandCheck, Quota

if TYPE_CHECKING:
    from collections.abc import Sequence

    from google.cloud.cloudquotas_v1.types import QuotaInfo

_CPUS = "CPUS-per-project-region"
_SPOT_CPUS = "PREEMPTIBLE-CPUS-per-project-region"


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
                demand,
                tuple(
                    self._check(demand, self._in_force(quota)) for quota in _quotas(demand, region)
                ),
            )
            for demand in demands
        ]

    def _in_force(self, quota: Quota) -> Quota:
        """Return the regular CPU quota where the one for Spot machines is not granted."""
        if quota.quota_id != _SPOT_CPUS:
            return quota
        info = self._info(quota.quota_id)
        granted = info and limit_of(info, dict(quota.dimensions), quota.region)
        return quota if granted else replace(quota, quota_id=_CPUS)

    def _check(self, demand: Demand, quota: Quota) -> Check:
        need = demand.largest * (
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
    bought = "on_demand" if demand.bought == "on_demand" else "spot"
    card = types.card_of(demand.accelerator, demand.quota_family)
    rows = [row for row in catalogue.rows("gcp", "gce") if row.admits(bought)]
    found_card = [row for row in rows if row.covers == card]
    found = []
    if found_card:
        dimensions = (*found_card[0].dimensions, ("region", region))
        found.append(_quota(found_card[0].quota_id, region, "GPU", tuple(sorted(dimensions))))
    else:
        # Old cards have a quota of their own name; ask the API for it.
        kind = demand.accelerator.split("-", maxsplit=1)[0]
        prefix = "PREEMPTIBLE-" if bought == "spot" else ""
        quota_id = f"{prefix}NVIDIA-{kind}-GPUS-per-project-region"
        found.append(_quota(quota_id, region, "GPU", (("region", region),)))
    binding = {catalogue.EVERYTHING, demand.instance_type.split("-", maxsplit=1)[0]}
    found += [_of(row, region) for row in rows if row.covers in binding]
    return found


def _of(row: catalogue.QuotaRow, region: str) -> Quota:
    """Return a quota of the region, or of the whole project, as its id says."""
    if not row.quota_id.endswith("-per-project-region"):
        return _quota(row.quota_id, "", row.unit, ())
    return _quota(row.quota_id, region, row.unit, (("region", region),))


def _quota(quota_id: str, region: str, unit: str, dimensions: tuple[tuple[str, str], ...]) -> Quota:
    return Quota("gcp", COMPUTE, region, quota_id, "", unit, dimensions)
