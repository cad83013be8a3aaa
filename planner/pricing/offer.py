"""Offer: one price of one instance type in one region under one pricing model.

Words follow FinOps FOCUS: a pricing category is Standard (``on_demand``), Dynamic (``spot``)
or Committed. Two more are ways to get a machine that is scarce: a ``capacity_block`` of fixed
days that is booked ahead (EC2 Capacity Blocks, SageMaker training plans, Google's calendar
mode), and ``flex_start``, where Google starts the machine when there is room. Money is
``Decimal`` US dollars to nine places, as Google's price API gives it.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date

HOURS_PER_YEAR = 8760
_NANO = Decimal("0.000000001")


class PricingModel(StrEnum):
    """How the hour is bought."""

    ON_DEMAND = "on_demand"
    SPOT = "spot"
    COMMITTED = "committed"
    CAPACITY_BLOCK = "capacity_block"
    FLEX_START = "flex_start"


class Commitment(StrEnum):
    """What kind of commitment. Convertible reservations are a kind of their own.

    AWS sells two Savings Plans for EC2: the Compute plan (``savings_plan``) holds for any
    machine, the EC2 Instance plan for one family in one region, and is cheaper.
    """

    RESERVED_INSTANCE = "reserved_instance"
    CONVERTIBLE_RESERVED_INSTANCE = "convertible_reserved_instance"
    SAVINGS_PLAN = "savings_plan"
    EC2_INSTANCE_SAVINGS_PLAN = "ec2_instance_savings_plan"
    COMMITTED_USE_DISCOUNT = "committed_use_discount"


class PaymentOption(StrEnum):
    """How much of a commitment is paid on the first day."""

    NO_UPFRONT = "no_upfront"
    PARTIAL_UPFRONT = "partial_upfront"
    ALL_UPFRONT = "all_upfront"


class Confidence(StrEnum):
    """How far a source is trusted; ``pricing_data/sources.csv`` says why."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


@dataclass(frozen=True, slots=True)
class Offer:
    """One price, as it stood on one date, from one source.

    Compare offers by ``effective_hourly_usd`` and nothing else. ``hourly_usd`` (the recurring
    part) and ``upfront_usd`` are None where a source states only the effective price.

    Attributes:
        commitment: Kind of commitment; None unless ``pricing_model`` is ``committed``.
        term_years: 1 or 3; None unless committed.
        effective_hourly_usd: Recurring hourly plus upfront over the hours of the term.
        as_of: The day the price stood, or counts from where ``undated``.
        source: Where it was read.
        sku: The cloud's own words for what is sold, where the source has them.
        undated: The source states no date, so that the age of the price is not known.
        estimated: True for the one estimate planner makes (``planner.pricing.estimates``).
    """

    cloud: str
    service: str
    region: str
    instance_type: str
    pricing_model: PricingModel
    commitment: Commitment | None
    term_years: int | None
    payment_option: PaymentOption | None
    hourly_usd: Decimal | None
    upfront_usd: Decimal | None
    effective_hourly_usd: Decimal
    currency: str
    as_of: date
    source: str
    confidence: Confidence = Confidence.HIGH
    note: str = ""
    sku: str = ""
    estimated: bool = False
    undated: bool = False

    @property
    def stood_on(self) -> date | None:
        """The day the price stood; None where its source states no date."""
        return None if self.undated else self.as_of

    @property
    def terms(self) -> tuple[PricingModel, Commitment | None, int | None, PaymentOption | None]:
        """Return what tells apart the offers of one instance type in one region."""
        return (self.pricing_model, self.commitment, self.term_years, self.payment_option)

    @property
    def key(self) -> tuple[object, ...]:
        """Return what no two offers of a snapshot may share."""
        return (self.cloud, self.service, self.region, self.instance_type, *self.terms)


def effective_hourly(hourly_usd: Decimal, upfront_usd: Decimal, term_years: int) -> Decimal:
    """Return recurring hourly cost plus the upfront payment spread over the term.

    >>> effective_hourly(Decimal("1"), Decimal("8760"), 1)
    Decimal('2.000000000')
    """
    hours = HOURS_PER_YEAR * term_years
    return to_nano(hourly_usd + upfront_usd / hours)


def to_nano(amount: Decimal) -> Decimal:
    """Round to the nine places that snapshots store."""
    return amount.quantize(_NANO)
