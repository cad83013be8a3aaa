"""A tiny sound world of prices, from which each test breaks one thing."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from planner.pricing import snapshots
from planner.pricing.gates import Candidate, check
from planner.pricing.instance_types import InstanceType, InstanceTypes
from planner.pricing.offer import Commitment, Offer, PaymentOption, PricingModel, effective_hourly

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from planner.pricing.snapshots import Coverage

DAY = date(2025, 1, 1)


def _offer(
    instance_type: str = "g5.12xlarge",
    usd: str = "5.672",
    region: str = "us-east-1",
    **changes: Any,
) -> Offer:
    committed = "commitment" in changes
    base = Offer(
        cloud="aws",
        service="ec2",
        region=region,
        instance_type=instance_type,
        pricing_model=PricingModel.COMMITTED if committed else PricingModel.ON_DEMAND,
        commitment=None,
        term_years=1 if committed else None,
        payment_option=PaymentOption.NO_UPFRONT if committed else None,
        hourly_usd=Decimal(usd),
        upfront_usd=Decimal(0),
        effective_hourly_usd=Decimal(usd),
        currency="USD",
        as_of=DAY,
        source="a price list",
    )
    return replace(base, **changes)


@pytest.fixture
def make_offer() -> Callable[..., Offer]:
    """Make an offer: instance type, effective price, region, and any field by name."""
    return _offer


def _type(
    name: str, accelerator: str, count: float, memory: float, vcpus: int, **changes: Any
) -> InstanceType:
    made = InstanceType(
        cloud="aws",
        service="ec2",
        instance_type=name,
        accelerator=accelerator,
        accelerator_count=count,
        accelerator_memory_gib=memory,
        vcpus=vcpus,
        memory_gib=vcpus * 4.0,
        interconnect="PCIe",
        local_storage_gb=None,
        quota_family="",
        source="a list of types",
    )
    return replace(made, **changes)


def _sound_offers() -> list[Offer]:
    offers = []
    for region, factor in (("us-east-1", Decimal(1)), ("eu-west-1", Decimal("1.1"))):
        for name, usd in (
            ("g5.12xlarge", "5.672"),
            ("g5.48xlarge", "16.288"),
            ("g6.48xlarge", "13.35"),
            ("g6.12xlarge", "4.6016"),
            ("p4d.24xlarge", "32.7726"),
            ("p4de.24xlarge", "40.96575"),
            ("p5.48xlarge", "98.32"),
        ):
            price = str(Decimal(usd) * factor)
            offers.append(_offer(name, price, region))
        offers.append(
            _offer(
                "g5.12xlarge",
                str(Decimal("3.573") * factor),
                region,
                commitment=Commitment.RESERVED_INSTANCE,
            )
        )
    upfront = Decimal("29222.4")
    offers.append(
        _offer(
            "g5.12xlarge",
            commitment=Commitment.RESERVED_INSTANCE,
            payment_option=PaymentOption.ALL_UPFRONT,
            hourly_usd=Decimal(0),
            upfront_usd=upfront,
            effective_hourly_usd=effective_hourly(Decimal(0), upfront, 1),
        )
    )
    return offers


@dataclass
class World:
    """A snapshot that passes every gate, and what it is held against."""

    offers: list[Offer] = field(default_factory=_sound_offers)
    previous: list[Offer] = field(default_factory=list)
    types: list[InstanceType] = field(
        default_factory=lambda: [
            _type("g5.12xlarge", "A10G", 4, 24, 48),
            _type("g5.48xlarge", "A10G", 8, 24, 192),
            _type("g6.12xlarge", "L4", 4, 24, 48),
            _type("g6.48xlarge", "L4", 8, 24, 192),
            _type("p4d.24xlarge", "A100-40GB", 8, 40, 96),
            _type("p4de.24xlarge", "A100-80GB", 8, 80, 96),
            _type("p5.48xlarge", "H100", 8, 80, 192),
        ]
    )
    memory: dict[str, float] = field(
        default_factory=lambda: {
            "A10G": 24,
            "L4": 24,
            "A100-40GB": 40,
            "A100-80GB": 80,
            "H100": 80,
            "B200": 180,
        }
    )

    def add_type(self, *args: Any, **changes: Any) -> None:
        """Add an instance type: name, accelerator, count, memory of each, vCPUs."""
        self.types.append(_type(*args, **changes))

    def change(self, instance_type: str, region: str = "us-east-1", **changes: Any) -> None:
        """Change the on-demand offer of a type."""
        for index, offer in enumerate(self.offers):
            if (offer.instance_type, offer.region, offer.pricing_model) == (
                instance_type,
                region,
                PricingModel.ON_DEMAND,
            ):
                self.offers[index] = replace(offer, **changes)
                return
        raise LookupError(instance_type)

    def reprice(self, instance_type: str, usd: str, region: str = "us-east-1") -> None:
        """Set the on-demand price of a type."""
        price = Decimal(usd)
        self.change(instance_type, region, hourly_usd=price, effective_hourly_usd=price)

    def candidate(self, coverage: Sequence[Coverage] | None = None) -> Candidate:
        """Return what the gates look at."""
        return Candidate(
            offers=self.offers,
            coverage=coverage or snapshots.coverage_of([*self.offers, *self.previous]),
            instance_types=InstanceTypes(self.types),
            accelerator_memory_gib=self.memory,
            previous=self.previous,
        )

    def broken(self) -> dict[str, list[str]]:
        """Return the subjects that break a gate, by gate."""
        found: dict[str, list[str]] = {}
        for violation in check(self.candidate()):
            found.setdefault(violation.gate, []).append(violation.subject)
        return found


@pytest.fixture
def world() -> World:
    """A snapshot that passes every gate."""
    return World()
