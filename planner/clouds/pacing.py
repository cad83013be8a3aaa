"""Keep calls within the clouds' documented request rates, and count them.

AWS: "Service quotas for Service Quotas" (user guide, reference_limits): per account and
Region, 5 requests a second for each Get operation, 10 for each List, and as many again in
one burst; planner does not use the burst. Azure: "Understand how Azure Resource Manager
throttles requests" (2024 token buckets): reads 250 at once and 25 a second, writes 200 and
10, per subscription and principal. Google publishes no figure for Cloud Quotas; 10 a second
is planner's own restraint. Calls without a row here are only counted.
"""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyrate_limiter import Limiter


@dataclass(frozen=True, slots=True)
class RequestRate:
    """How many calls a second are allowed in the long run, and how many at once."""

    per_second: int
    burst: int


_GET = RequestRate(5, 5)
_LIST = RequestRate(10, 10)

DOCUMENTED: dict[tuple[str, str], RequestRate] = {
    ("aws", "service-quotas:GetServiceQuota"): _GET,
    ("aws", "service-quotas:GetAWSDefaultServiceQuota"): _GET,
    ("aws", "service-quotas:GetRequestedServiceQuotaChange"): _GET,
    ("aws", "service-quotas:ListRequestedServiceQuotaChangeHistoryByQuota"): _GET,
    ("aws", "service-quotas:ListServiceQuotas"): _LIST,
    ("aws", "service-quotas:ListAWSDefaultServiceQuotas"): _LIST,
    ("azure", "read"): RequestRate(25, 250),
    ("azure", "write"): RequestRate(10, 200),
    ("gcp", "cloudquotas"): RequestRate(10, 10),
}

_lock = threading.Lock()
_limiters: dict[tuple[str, str, str], Limiter] = {}
_counts: Counter[tuple[str, str]] = Counter()


def pace(cloud: str, operation: str, scope: str = "") -> None:
    """Wait until the call is within its rate, and count it. Call it right before sending.

    Args:
        cloud: ``aws``, ``azure`` or ``gcp``.
        operation: The key of :data:`DOCUMENTED`, or any name to count under.
        scope: What the rate is counted for: the AWS region, the Azure subscription, ...
    """
    with _lock:
        _counts[cloud, operation] += 1
    rate = DOCUMENTED.get((cloud, operation))
    if rate is not None:
        _limiter(cloud, operation, scope, rate).try_acquire(scope, blocking=True)


def calls() -> dict[tuple[str, str], int]:
    """Return how many calls were sent so far, per (cloud, operation)."""
    with _lock:
        return dict(_counts)


def reset() -> None:
    """Forget the counts and the rates used up so far."""
    with _lock:
        _counts.clear()
        _limiters.clear()


def _limiter(cloud: str, operation: str, scope: str, rate: RequestRate) -> Limiter:
    from pyrate_limiter.limiter_factory import (
        create_token_bucket_limiter,
    )

    with _lock:
        key = (cloud, operation, scope)
        if key not in _limiters:
            _limiters[key] = create_token_bucket_limiter(rate.per_second, burst=rate.burst)
        return _limiters[key]
