"""The quotas that SageMaker checks when an endpoint is created.

One per instance type ("... for endpoint usage"), and one for all endpoints together.

Documented: ``ResourceLimitExceeded`` and its message, as users paste it for both.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from planner.sandbox.aws.protocol import AwsError
from planner.sandbox.aws.service_quotas import ServiceQuotas, quotas

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from planner.sandbox.world import World


_ALL_ENDPOINTS = "Number of instances across active endpoints"


class SageMakerLimits:
    """Refuses endpoints above the quota."""

    def __init__(self, world: World) -> None:
        self._quotas = ServiceQuotas(world)

    def check(
        self, region: str, variants: Sequence[dict[str, Any]], used: Mapping[str, int]
    ) -> None:
        """Raise ResourceLimitExceeded where machines of a type would be too many.

        Raises:
            AwsError: They would be.
        """
        wanted: Counter[str] = Counter()
        for variant in variants:
            wanted[variant.get("InstanceType", "")] += int(variant.get("InitialInstanceCount", 1))
        for kind, count in wanted.items():
            name = f"{kind} for endpoint usage"
            self._check_one(region, name, used.get(kind, 0), count)
        self._check_one(region, _ALL_ENDPOINTS, sum(used.values()), wanted.total())

    def _check_one(self, region: str, name: str, now: int, wanted: int) -> None:
        quota = next((q for q in quotas() if q.name == name), None)
        if quota is None:
            return
        limit = self._quotas.limit_of(region, "sagemaker", quota.code) or 0
        if now + wanted > limit:
            raise AwsError(
                "ResourceLimitExceeded",
                f"The account-level service limit '{name}' is {limit} Instances, with current "
                f"utilization of {now} Instances and a request delta of {wanted} Instances. "
                "Please use AWS Service Quotas to request an increase for this quota. If AWS "
                "Service Quotas is not available, contact AWS support to request an increase "
                "for this quota.",
            )
