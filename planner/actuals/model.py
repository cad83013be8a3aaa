"""The words of a bill, as FOCUS has them, cut down to what planner asks of it. Pure data.

Two costs are told apart everywhere. *Billed* is what the invoice asks (FOCUS ``BilledCost``); a
commitment that was paid at once is in it whole, on its first day. *Effective* is what the hours
cost when commitments are spread over them (FOCUS ``EffectiveCost``).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

from planner.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

ZERO = Decimal(0)


class Kind(StrEnum):
    """What a charge is for."""

    MACHINE = "machine"
    OTHER = "other resource"
    PURCHASE = "purchase"
    CREDIT = "credit"
    TAX = "tax"
    ADJUSTMENT = "adjustment"
    CORRECTION = "correction"


@dataclass(frozen=True, slots=True)
class Period:
    """Days, the last one excluded."""

    start: date
    end: date

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise UsageError(
                f"a period from {self.start} to {self.end} has no day",
                advice="--since 2026-11-01 --until 2026-12-01, or --month 2026-11",
            )

    @property
    def days(self) -> int:
        """Return how many days it has."""
        return (self.end - self.start).days

    @property
    def last(self) -> date:
        """Return its last day."""
        return self.end - timedelta(days=1)

    def __str__(self) -> str:
        return f"{self.start} to {self.last}" if self.days > 1 else str(self.start)

    @classmethod
    def of_month(cls, day: date) -> Period:
        """Return the calendar month of a day."""
        start = day.replace(day=1)
        return cls(start, (start + timedelta(days=32)).replace(day=1))


@dataclass(frozen=True, slots=True)
class Charge:
    """The sum of all rows of a bill that are alike.

    Attributes:
        endpoint: planner's name of it; empty where no tag and no resource tells.
        cloud: ``aws``, ``azure``, ``gcp``, or the provider's own name.
        day: Of use, UTC; a correction has the day of the bill that brings it, if that is later.
        billed: On the invoice, in ``currency``.
        effective: With commitments spread over their hours.
        listed: At the price list; None where the bill does not say.
        hours: Machine hours; None where the rows do not tell them.
        commitment: ``used``, ``unused``, or empty: no commitment.
        commitment_id: Which one.
        what: The service, for people.
    """

    endpoint: str
    cloud: str
    day: date
    currency: str
    kind: Kind
    billed: Decimal
    effective: Decimal
    listed: Decimal | None = None
    hours: Decimal | None = None
    commitment: str = ""
    commitment_id: str = ""
    what: str = ""


@dataclass(frozen=True, slots=True)
class Bill:
    """What one source says of a period.

    Attributes:
        source: A file, or the interface that was asked, for people.
        rows: Rows read; 0 where the source sums up itself.
        until: The end of the last hour that it has; None where there is no row.
        warnings: What a reader should know of how it was read.
    """

    source: str
    period: Period
    charges: tuple[Charge, ...]
    rows: int = 0
    until: datetime | None = None
    warnings: tuple[str, ...] = ()


def end_of(charges: Iterable[Charge]) -> datetime | None:
    """Return the end of the last day that has charges, for a source that tells days only."""
    last = max((charge.day for charge in charges), default=None)
    return None if last is None else datetime.combine(last + timedelta(days=1), time(), UTC)


@dataclass(frozen=True, slots=True)
class Owned:
    """How the resources of an endpoint are recognised in a bill where its tag is missing.

    Attributes:
        ids: Resource ids as bills spell them, in small letters -> endpoint.
    """

    ids: dict[str, str] = field(default_factory=dict)
