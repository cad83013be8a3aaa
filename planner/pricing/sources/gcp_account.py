"""What Google Cloud tells only to an account: which machines are sold where."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from planner.errors import PlannerError
from planner.pricing.instance_types import InstanceType
from planner.pricing.sources.gcp_skus import family_of
from planner.pricing.sources.interface import named

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from planner.pricing.sources.interface import Known

_MIB_PER_GIB = 1024
# A local SSD partition; "About Local SSD disks" (Compute Engine docs).
_PARTITION_GIB = 375
_COUNT = re.compile(r"\+(\d+)x(.+)$")


@dataclass(frozen=True, slots=True)
class Sold:
    """What Compute Engine sells.

    Attributes:
        regions: Instance type to the regions where a zone has it.
    """

    regions: Mapping[str, frozenset[str]]
    new_types: tuple[InstanceType, ...]
    notes: tuple[str, ...]


def authorization() -> dict[str, str]:
    """Return the headers of the application default credentials, the quota project among them.

    Raises:
        PlannerError: There are none.
    """
    import google.auth
    import google.auth.transport.requests

    from planner.clouds import gcp

    with gcp.errors("sign in to Google Cloud"):
        credentials, _ = google.auth.default(
            scopes=["https://www.googleapis.com/auth/cloud-billing.readonly"]
        )
        credentials.refresh(google.auth.transport.requests.Request())
    headers: dict[str, str] = {}
    credentials.apply(headers)
    return headers


def machine_types(known: Known) -> Sold | None:
    """Return the machines with GPUs by region, or None where nobody may ask."""
    from planner.clouds import gcp

    try:
        with gcp.errors(
            "list machine types", action="compute.machineTypes.list", api="compute.googleapis.com"
        ):
            machines = list(gcp.pages("aggregated/machineTypes"))
            cards = list(gcp.pages("aggregated/acceleratorTypes"))
    except PlannerError:
        return None
    return from_lists(_items(machines, "machineTypes"), _items(cards, "acceleratorTypes"), known)


def from_lists(
    machines: Iterable[Mapping[str, Any]], cards: Iterable[Mapping[str, Any]], known: Known
) -> Sold:
    """Read aggregated lists of machine types and accelerator types.

    Args:
        machines: ``machineTypes`` items, with ``zone``.
        cards: ``acceleratorTypes`` items, with ``zone``: what can be attached to N1.
        known: What was known before.
    """
    regions: dict[str, set[str]] = defaultdict(set)
    new: dict[str, InstanceType] = {}
    unknown: set[str] = set()
    for item in machines:
        name, accelerators = item["name"], item.get("accelerators")
        if not accelerators or item.get("deprecated", {}).get("state") in ("DEPRECATED", "DELETED"):
            continue
        if known.instance_types.find("gce", name) is None and name not in new:
            made = _instance_type(item, known)
            if made is None or family_of(name) is None:
                unknown.add(name)
                continue
            new[name] = made
        regions[name].add(_region(item["zone"]))
    attachable: dict[str, set[str]] = defaultdict(set)
    for item in cards:
        attachable[item["name"]].add(_region(item["zone"]))
    for machine in known.instance_types:
        attached = _COUNT.search(machine.instance_type)
        if machine.service == "gce" and attached and attached[2] in attachable:
            regions[machine.instance_type] = attachable[attached[2]]
    notes = [f"left out, planner cannot price them: {named(sorted(unknown))}"] if unknown else []
    return Sold(
        {name: frozenset(where) for name, where in regions.items()},
        tuple(new.values()),
        tuple(notes),
    )


def _instance_type(item: Mapping[str, Any], known: Known) -> InstanceType | None:
    card = item["accelerators"][0]
    accelerator = known.names.find(card["guestAcceleratorType"])
    if accelerator is None:
        return None
    return InstanceType(
        cloud="gcp",
        service="gce",
        instance_type=item["name"],
        accelerator=accelerator,
        accelerator_count=card["guestAcceleratorCount"],
        accelerator_memory_gib=known.names.memory_gib[accelerator],
        vcpus=item["guestCpus"],
        memory_gib=item["memoryMb"] / _MIB_PER_GIB,
        interconnect="",
        local_storage_gb=item.get("bundledLocalSsds", {}).get("partitionCount", 0) * _PARTITION_GIB,
        quota_family="",
        source="Compute Engine machineTypes",
    )


def _items(pages: Iterable[Mapping[str, Any]], key: str) -> list[Mapping[str, Any]]:
    return [
        item
        for page in pages
        for scope in page.get("items", {}).values()
        for item in scope.get(key, ())
    ]


def _region(zone: str) -> str:
    """Return the region of a zone, given by name or URL: ``us-central1-a`` -> ``us-central1``."""
    return zone.rsplit("/", 1)[-1].rsplit("-", 1)[0]
