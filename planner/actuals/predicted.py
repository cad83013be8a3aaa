"""What the ledger says an endpoint was to cost: hours that it stood, at the price it was made at.

The ledger knows when planner made a machine and when it was gone. It does not know of machines that
an autoscaler added or took away: there the prediction is that of one machine around the clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from planner.actuals.model import Owned, Period

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from planner.ledger import Resource

_HOUR_S = Decimal(3600)


@dataclass(frozen=True, slots=True)
class Predicted:
    """An endpoint as it was planned.

    Attributes:
        hourly_usd: Of its machines together; None where no price was known.
        hours: By day: how long it stood.
        usd: By day: what that was to cost; empty where no price was known.
        standing: Whether the ledger does not know it gone.
        expires_at: When it is to be removed; None: never, or not known.
    """

    name: str
    cloud: str
    service: str
    region: str
    model: str
    precision: str
    hourly_usd: Decimal | None
    hours: dict[date, Decimal]
    usd: dict[date, Decimal]
    standing: bool
    expires_at: datetime | None


def endpoints(resources: Iterable[Resource], period: Period, now: datetime) -> list[Predicted]:
    """Return the endpoints that the ledger has in a period, by name; local ones cost nothing.

    Args:
        resources: All that the ledger has, removed ones too.
        period: The days that count.
        now: Nothing stood later than this.
    """
    by_name: dict[str, list[Resource]] = {}
    for item in resources:
        # A start is kept for how long it took; it is no machine of its own.
        if item.cloud != "local" and not item.kind.endswith(":start"):
            by_name.setdefault(item.endpoint, []).append(item)
    found = [_endpoint(name, parts, period, now) for name, parts in sorted(by_name.items())]
    return [item for item in found if item.hours]


def _endpoint(name: str, parts: Sequence[Resource], period: Period, now: datetime) -> Predicted:
    machines = [item for item in parts if item.hourly_usd is not None] or list(parts)
    last = max(machines, key=lambda item: item.recorded_at)
    hours: dict[date, Decimal] = {}
    usd: dict[date, Decimal] = {}
    for machine in machines:
        for day, stood in _stood(machine, period, now).items():
            hours[day] = hours.get(day, Decimal(0)) + stood
            if machine.hourly_usd is not None:
                usd[day] = usd.get(day, Decimal(0)) + stood * machine.hourly_usd
    return Predicted(
        name,
        last.cloud,
        last.kind.partition(":")[0],
        last.region,
        last.tags.get("planner:model", ""),
        last.tags.get("planner:precision", ""),
        last.hourly_usd,
        hours,
        usd,
        any(item.removed_at is None for item in machines),
        max((item.expires_at for item in machines if item.expires_at), default=None),
    )


def _stood(machine: Resource, period: Period, now: datetime) -> dict[date, Decimal]:
    """Return how many hours of each day a machine stood; one that was never made stood none."""
    if machine.created_at is None:
        return {}
    start = max(machine.created_at, _midnight(period.start))
    end = min(machine.removed_at or _end(machine, now), now, _midnight(period.end))
    found: dict[date, Decimal] = {}
    at = start
    while at < end:
        until = min(end, _midnight(at.astimezone(UTC).date() + timedelta(days=1)))
        found[at.astimezone(UTC).date()] = Decimal(str((until - at).total_seconds())) / _HOUR_S
        at = until
    return found


def _end(machine: Resource, now: datetime) -> datetime:
    """Return when a machine that nobody removed went: at its expiry, by its guard."""
    return min(now, machine.expires_at) if machine.expires_at else now


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def owned(resources: Iterable[Resource]) -> Owned:
    """Return how bills spell the resources that the ledger has, in small letters."""
    ids: dict[str, str] = {}
    for item in resources:
        for spelled in _spellings(item):
            ids[spelled.casefold()] = item.endpoint
    return Owned(ids)


def _spellings(item: Resource) -> list[str]:
    """Return the ids by which a bill may name a resource.

    AWS names machines by their ARN, some exports by the plain id. Azure has the whole path.
    """
    native = item.native_id
    if not native:
        return []
    found = [native] if native.startswith(("arn:", "/", "i-", "projects/")) else []
    if item.cloud == "aws" and native.startswith("i-"):
        found.append(f"arn:aws:ec2:{item.region}:{item.account}:instance/{native}")
    if item.kind == "sagemaker:endpoint" and not native.startswith("arn:"):
        found.append(f"arn:aws:sagemaker:{item.region}:{item.account}:endpoint/{native}")
    return found
