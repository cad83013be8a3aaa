"""What the gates look at: a snapshot before it is published."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from planner.pricing.offer import PricingModel

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from planner.pricing.instance_types import InstanceType, InstanceTypes
    from planner.pricing.offer import Offer
    from planner.pricing.snapshots import Coverage

# Sources round to four decimals and more; a price is "above" another only beyond that.
ROUNDING = Decimal("0.0001")
LARGEST_JUMP = 3


@dataclass(frozen=True, slots=True)
class Violation:
    """One row (or missing thing) that breaks one gate, and how much of a snapshot it spoils.

    Attributes:
        region: Where; empty for every region.
        instance_type: The machine that is spoilt; empty for the whole service.
    """

    gate: str
    subject: str
    problem: str
    service: str
    region: str = ""
    instance_type: str = ""

    def __str__(self) -> str:
        return f"{self.gate}: {self.subject}: {self.problem}"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A snapshot before it is published, and what it is held against.

    Attributes:
        previous: The offers of the same cloud as known before this snapshot.
        accelerator_memory_gib: Marketed memory by accelerator name.
    """

    offers: Sequence[Offer]
    coverage: Sequence[Coverage]
    instance_types: InstanceTypes
    accelerator_memory_gib: Mapping[str, float]
    previous: Sequence[Offer] = ()
    _on_demand: dict[tuple[object, ...], Decimal] = field(default_factory=dict)

    def on_demand(self, offer: Offer) -> Decimal | None:
        """Return the on-demand price of the same machine, from this snapshot or before."""
        if not self._on_demand:
            for o in (*self.previous, *self.offers):
                if o.pricing_model is PricingModel.ON_DEMAND:
                    self._on_demand[_machine(o)] = o.effective_hourly_usd
        return self._on_demand.get(_machine(offer))

    def type_of(self, offer: Offer) -> InstanceType | None:
        """Return the instance type of an offer."""
        return self.instance_types.find(offer.service, offer.instance_type)


def broken(gate: str, offer: Offer, problem: str) -> Violation:
    """Return the violation of one offer, which spoils its machine in that region."""
    return Violation(
        gate, describe(offer), problem, offer.service, offer.region, offer.instance_type
    )


def describe(offer: Offer) -> str:
    """Return what names an offer in a violation; globs accept exceptions by it."""
    terms = " ".join(str(term) for term in offer.terms if term is not None)
    return f"{offer.service} {offer.region} {offer.instance_type} {terms}"


def _machine(offer: Offer) -> tuple[str, str, str]:
    return (offer.service, offer.region, offer.instance_type)
