"""What runs already in a Google Cloud project, in the units of its quotas.

``regions.list`` counts the old cards and leaves out the ones that are counted per family;
those are counted from the instances, and from what reservations hold that nobody uses, which
counts too. Flex-start machines count as preemptible ones. ``projects.get`` has the
project-wide figures.
"""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

from planner.clouds import gcp
from planner.errors import ExpiredCredentialsError, NoCredentialsError, PlannerError
from planner.quotas import types

if TYPE_CHECKING:
    from collections.abc import Callable

    from planner.quotas.model import Demand, Quota

_API = "compute.googleapis.com"
_TAKEN_BACK = {"SPOT", "FLEX_START"}
_HOLDS_GPUS = {"PROVISIONING", "STAGING", "RUNNING", "REPAIRING", "STOPPING", "SUSPENDING"}

Counts = Counter[tuple[str, str]]
"""(region, metric) or (region, accelerator and how it is bought) -> how many"""


class Usage:
    """Reads each list once, on first use; shared by the threads of a check."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._read: dict[str, Counts | PlannerError] = {}

    def of(self, quota: Quota, demand: Demand) -> tuple[float | None, str]:
        """Return what is in use of a quota, or None and why it is not known."""
        try:
            if not quota.region:
                metric = quota.quota_id.removesuffix("-per-project").replace("-", "_")
                return self._known(self._once("project", _project), "", metric)
            if dict(quota.dimensions).get("gpu_family"):
                return self._of_cards(quota, demand), ""
            metric = quota.quota_id.removesuffix("-per-project-region").replace("-", "_")
            counts = self._once("regions", _regions)
            if (quota.region, metric) in counts or quota.unit != "GPU":
                return self._known(counts, quota.region, metric)
            return self._of_cards(quota, demand), ""
        except (NoCredentialsError, ExpiredCredentialsError):
            raise
        except PlannerError as error:
            return None, str(error)

    def _of_cards(self, quota: Quota, demand: Demand) -> float:
        """Return the cards that run or are reserved in the quota's region."""
        spot = demand.bought != "on_demand"
        card = types.card_of(demand.accelerator, demand.quota_family)
        key = (quota.region, _bought(card, spot=spot))
        used = self._once("instances", _instances)[key]
        return used if spot else used + self._once("reservations", _reservations)[key]

    def _known(self, counts: Counts, region: str, metric: str) -> tuple[float | None, str]:
        if (region, metric) in counts:
            return counts[region, metric], ""
        return None, f"Google does not say how much of {metric} is in use"

    def _once(self, name: str, read: Callable[[], Counts]) -> Counts:
        with self._lock:
            if name not in self._read:
                try:
                    self._read[name] = read()
                except PlannerError as error:
                    self._read[name] = error
            found = self._read[name]
        if isinstance(found, PlannerError):
            raise found
        return found


def _project() -> Counts:
    with gcp.errors("read the project's quotas", action="compute.projects.get", api=_API):
        answer = gcp.read("", fields="quotas")
    return Counter({("", row["metric"]): int(row["usage"]) for row in answer.get("quotas", [])})


def _regions() -> Counts:
    counts: Counts = Counter()
    with gcp.errors("read the regions' quotas", action="compute.regions.list", api=_API):
        fields = "items(name,quotas),nextPageToken"
        for page in gcp.pages("regions", fields=fields):
            for region in page.get("items", []):
                for row in region.get("quotas", []):
                    counts[region["name"], row["metric"]] = int(row["usage"])
    return counts


def _instances() -> Counts:
    counts: Counts = Counter()
    with gcp.errors("list the instances", action="compute.instances.list", api=_API):
        fields = "items/*/instances(status,machineType,zone,scheduling),nextPageToken"
        for page in gcp.pages("aggregated/instances", fields=fields, returnPartialSuccess="true"):
            for zone, found in page.get("items", {}).items():
                region = zone.rsplit("/", 1)[-1].rsplit("-", 1)[0]
                for machine in found.get("instances", []):
                    counts.update(_gpus(region, machine))
    return counts


def _reservations() -> Counts:
    """Return the cards that reservations hold and no machine uses."""
    counts: Counts = Counter()
    with gcp.errors("list the reservations", action="compute.reservations.list", api=_API):
        fields = "items/*/reservations(zone,specificReservation),nextPageToken"
        for page in gcp.pages(
            "aggregated/reservations", fields=fields, returnPartialSuccess="true"
        ):
            for zone, found in page.get("items", {}).items():
                region = zone.rsplit("/", 1)[-1].rsplit("-", 1)[0]
                for row in found.get("reservations", []):
                    counts.update(_reserved(region, row.get("specificReservation", {})))
    return counts


def _reserved(region: str, held: dict[str, Any]) -> Counts:
    kind = str(held.get("instanceProperties", {}).get("machineType", "")).rsplit("/", 1)[-1]
    item = types.known().find("gce", kind)
    unused = int(held.get("count", 0)) - int(held.get("inUseCount", 0))
    if item is None or unused <= 0:
        return Counter()
    cards = int(item.accelerator_count * unused)
    return Counter({(region, _bought(types.card(item), spot=False)): cards})


def _gpus(region: str, machine: dict[str, Any]) -> Counts:
    kind = str(machine.get("machineType", "")).rsplit("/", 1)[-1]
    item = types.known().find("gce", kind)
    if item is None or machine.get("status") not in _HOLDS_GPUS:
        return Counter()
    scheduling = machine.get("scheduling", {})
    spot = bool(scheduling.get("preemptible")) or scheduling.get("provisioningModel") in _TAKEN_BACK
    return Counter({(region, _bought(types.card(item), spot=spot)): int(item.accelerator_count)})


def _bought(accelerator: str, *, spot: bool) -> str:
    return f"{accelerator} {'spot' if spot else 'on demand'}"
