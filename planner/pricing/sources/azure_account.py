"""What Azure tells only to an account: the size of new instance types."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from planner.errors import PlannerError
from planner.pricing.instance_types import InstanceType

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from planner.pricing.sources.interface import Known

# Standard_ND96isr_H200_v5 -> H200; the card is named in the size, nowhere in its capabilities.
_CARD = re.compile(r"_([A-Z]+\d+[A-Z]*(?:_[A-Z]+)?)_v\d+$")


def describe(sizes: Sequence[str], known: Known) -> list[InstanceType]:
    """Return those of the sizes whose GPU the size's name and the account's API settle.

    Nothing where there are no credentials.
    """
    from planner.clouds import azure

    with suppress(PlannerError), azure.errors(
        "list sizes", action="Microsoft.Compute/skus/read"
    ):  # fmt: skip
        return from_skus(
            (sku.as_dict() for sku in azure.compute().resource_skus.list()), sizes, known
        )
    return []


def from_skus(
    skus: Iterable[Mapping[str, Any]], sizes: Sequence[str], known: Known
) -> list[InstanceType]:
    """Return instance types from the answer of ``Microsoft.Compute/skus``."""
    found: dict[str, InstanceType] = {}
    for sku in skus:
        size = sku.get("name", "")
        if size not in sizes or size in found or not sku.get("capabilities"):
            continue
        facts = {c["name"]: c["value"] for c in sku["capabilities"]}
        card = _CARD.search(size)
        accelerator = known.names.find(card[1].replace("_", " ")) if card else None
        if accelerator is None or not facts.get("GPUs") or not facts.get("vCPUs"):
            continue
        found[size] = InstanceType(
            cloud="azure",
            service="azure-vm",
            instance_type=size,
            accelerator=accelerator,
            accelerator_count=int(facts["GPUs"]),
            accelerator_memory_gib=known.names.memory_gib[accelerator],
            vcpus=int(facts["vCPUs"]),
            memory_gib=float(facts["MemoryGB"]) if facts.get("MemoryGB") else None,
            interconnect="",
            local_storage_gb=None,
            quota_family=sku.get("family", ""),
            source="Microsoft.Compute/skus",
        )
    return list(found.values())
