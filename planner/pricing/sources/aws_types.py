"""What an AWS price file says of instance types, and the part of a snapshot from one region."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from planner.pricing.instance_types import InstanceType
    from planner.pricing.offer import Offer
    from planner.pricing.snapshots import Coverage
    from planner.pricing.sources.interface import Known

    # (region, instance types, what is known) -> those that could be described
    Ask = Callable[[str, Sequence[str], Known], list[InstanceType]]

_SOURCE = "AWS Price List"


@dataclass(slots=True)
class RegionPart:
    """What was read of one region.

    Attributes:
        unknown: Instance types whose accelerator is not known.
        free: Offers priced 0, which is no price.
        later: Machines with a price that is not yet in force.
        unread: Rows whose price is no number.
    """

    region: str
    offers: list[Offer] = field(default_factory=list)
    coverage: list[Coverage] = field(default_factory=list)
    new_types: list[InstanceType] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)
    free: set[str] = field(default_factory=set)
    later: set[str] = field(default_factory=set)
    unread: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, offer: Offer) -> None:
        """Add an offer, unless it is priced 0."""
        if offer.effective_hourly_usd > 0:
            self.offers.append(offer)
        else:
            self.free.add(f"{offer.instance_type} in {offer.region}")

    def keep_known(
        self, service: str, rows: Sequence[Mapping[str, Any]], known: Known, ask: Ask | None
    ) -> dict[str, str]:
        """Return SKU -> instance type of the machines whose accelerator is known.

        Args:
            service: ``ec2`` or ``sagemaker``.
            rows: Of the price file.
            known: What was known before.
            ask: Describes types that no sibling explains; None where nobody can be asked.
        """
        column = "instancetype" if service == "ec2" else "instancename"
        facts = {row[column]: row for row in rows}
        new = [name for name in facts if known.instance_types.find(service, name) is None]
        made = {t.instance_type: t for t in self.new_types}
        for name in new:
            found = describe(service, name, facts[name], (*known.instance_types, *made.values()))
            if found is not None:
                made[name] = found
        left = [name for name in new if name not in made and not name.startswith("ml.")]
        if left and ask is not None:
            made |= {t.instance_type: t for t in ask(self.region, left, known)}
        self.new_types = list(made.values())
        self.unknown.update(name for name in new if name not in made)
        return {row["sku"]: row[column] for row in rows if row[column] not in self.unknown}


def describe(
    service: str, name: str, row: Mapping[str, Any], known: Sequence[InstanceType]
) -> InstanceType | None:
    """Return a new instance type, from its sibling's accelerator and its own attributes.

    A price file gives the number of GPUs but not which: that is the family's (p5 is H100),
    and a SageMaker type is the EC2 type of the same name. None where there is no sibling, or
    the attributes do not say enough.
    """
    machine = name.removeprefix("ml.")
    for twin in known:
        if (twin.service, twin.instance_type) == ("ec2", machine):
            return replace(twin, service=service, instance_type=name, quota_family="",
                           source=_SOURCE)  # fmt: skip
    siblings = [t for t in known if t.cloud == "aws" and _family(t.instance_type) == _family(name)]
    cards = {(t.accelerator, t.accelerator_memory_gib) for t in siblings}
    count, vcpus, memory = (_number(row[c]) for c in ("gpu", "vcpu", "memory"))
    if len(cards) != 1 or not count or not vcpus:
        return None
    sibling = next((t for t in siblings if t.service == service), siblings[0])
    return replace(
        sibling,
        service=service,
        instance_type=name,
        accelerator_count=count,
        vcpus=int(vcpus),
        memory_gib=memory,
        local_storage_gb=None,
        quota_family=sibling.quota_family if sibling.service == service else "",
        source=_SOURCE,
    )


def _family(instance_type: str) -> str:
    return instance_type.removeprefix("ml.").split(".")[0]


def _number(text: str | None) -> float | None:
    """Read ``8``, ``1152 GiB`` or ``1,152 GiB``; None for ``NA``."""
    try:
        value = float((text or "").replace(",", "").split(" ")[0])
    except ValueError:
        return None
    return int(value) if value.is_integer() else value
