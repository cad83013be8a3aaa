"""The quotas "... for endpoint usage", which SageMaker checks when an endpoint is created.

Documented: ``ResourceLimitExceeded`` and its message, as users paste it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from planner.sandbox.aws.protocol import AwsError
from planner.sandbox.aws.service_quotas import ServiceQuotas, quotas

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from planner.sandbox.world import World


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
        for variant in variants:
            kind = variant.get("InstanceType", "")
            name = f"{kind} for endpoint usage"
            quota = next((q for q in quotas() if q.name == name), None)
            if quota is None:
                continue
            limit = self._quotas.limit_of(region, "sagemaker", quota.code) or 0
            now, wanted = used.get(kind, 0), int(variant.get("InitialInstanceCount", 1))
            if now + wanted > limit:
                raise AwsError(
                    "ResourceLimitExceeded",
                    f"The account-level service limit '{name}' is {limit} Instances, with current "
                    f"utilization of {now} Instances and a request delta of {wanted} Instances. "
                    "Please use AWS Service Quotas to request an increase for this quota. If AWS "
                    "Service Quotas is not available, contact AWS support to request an increase "
                    "for this quota.",
                )
