"""How much of the quotas was in use when, from what checks saw; and an alarm before the limit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.clouds import settings
from planner.ledger import Ledger, QuotaUse

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from planner.quotas.model import Check, DemandCheck


@dataclass(frozen=True, slots=True)
class Filling:
    """How full a quota is.

    Attributes:
        share: Of the limit that is in use; None where there is no limit, or it is 0.
    """

    check: Check
    share: float | None


def remember(checks: Iterable[DemandCheck], ledger: Ledger, account: str = "") -> None:
    """Write down what is in use now of every quota that could be read."""
    now = settings.now()
    seen = set()
    for check in (one for result in checks for one in result.checks):
        quota = check.quota
        if check.limit is None or check.usage is None or quota.key in seen:
            continue
        seen.add(quota.key)
        ledger.add_use(
            QuotaUse(
                at=now,
                cloud=quota.cloud,
                account=account,
                region=quota.region,
                service=quota.service,
                quota_id=quota.quota_id,
                quota_name=quota.name,
                unit=quota.unit,
                limit_value=None if check.limit == float("inf") else check.limit,
                usage=check.usage,
                dimensions=dict(quota.dimensions),
            )
        )


def fullest(checks: Iterable[DemandCheck], at_least: float) -> list[Filling]:
    """Return the quotas that are filled to a share of their limit or above, fullest first."""
    found: dict[tuple[object, ...], Filling] = {}
    for check in (one for result in checks for one in result.checks):
        share = filled(check.usage, check.limit)
        if share is not None and share >= at_least:
            found[check.quota.key] = Filling(check, share)
    return sorted(found.values(), key=lambda filling: -(filling.share or 0))


def filled(usage: float | None, limit: float | None) -> float | None:
    """Return which share of a limit is in use; None where it cannot be said."""
    if usage is None or not limit or limit == float("inf"):
        return None
    return usage / limit


def days_left(uses: Sequence[QuotaUse]) -> float | None:
    """Return in how many days the limit is reached if the use grows on as it did.

    A line through the first and the last look; None where the use does not grow.
    """
    if len(uses) < 2 or uses[-1].limit_value is None:  # noqa: PLR2004 - a line needs two points
        return None
    days = (uses[-1].at - uses[0].at).total_seconds() / 86400
    growth = uses[-1].usage - uses[0].usage
    if days <= 0 or growth <= 0:
        return None
    return (uses[-1].limit_value - uses[-1].usage) / (growth / days)
