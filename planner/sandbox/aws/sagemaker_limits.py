"""Correction of moto's SageMaker: endpoints count against "... for endpoint usage".

Documented: ``ResourceLimitExceeded`` and its message, as users paste it. Deploying is not
simulated here; a module beside this one may answer more of SageMaker.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.sagemaker.models import sagemaker_backends

from planner.sandbox.aws.protocol import ACCOUNT, AwsCall, AwsError
from planner.sandbox.aws.service_quotas import ServiceQuotas, quotas

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

    from planner.sandbox.world import World


class SageMakerLimits:
    """Refuses CreateEndpoint above the quota."""

    service = "sagemaker"

    def __init__(self, world: World) -> None:
        self._quotas = ServiceQuotas(world)

    def handle(self, call: AwsCall) -> Response | None:
        """Check the limit; moto makes the endpoint."""
        if call.operation != "CreateEndpoint":
            return None
        backend = sagemaker_backends[ACCOUNT][call.region]
        config = backend.endpoint_configs.get(call.parameters.get("EndpointConfigName", ""))
        used = _in_use(backend)
        for variant in config.production_variants if config else []:
            self._check(call.region, variant, used)
        return None

    def _check(self, region: str, variant: dict[str, Any], used: dict[str, int]) -> None:
        name = f"{variant.get('InstanceType', '')} for endpoint usage"
        quota = next((q for q in quotas() if q.name == name), None)
        if quota is None:
            return
        limit = self._quotas.limit_of(region, "sagemaker", quota.code) or 0
        now = used.get(variant["InstanceType"], 0)
        wanted = int(variant.get("InitialInstanceCount", 1))
        if now + wanted > limit:
            raise AwsError(
                "ResourceLimitExceeded",
                f"The account-level service limit '{name}' is {limit} Instances, with current "
                f"utilization of {now} Instances and a request delta of {wanted} Instances. "
                "Please use AWS Service Quotas to request an increase for this quota. If AWS "
                "Service Quotas is not available, contact AWS support to request an increase "
                "for this quota.",
            )


def _in_use(backend: Any) -> dict[str, int]:  # noqa: ANN401 - moto's backend is untyped
    used: dict[str, int] = {}
    for endpoint in backend.endpoints.values():
        config = backend.endpoint_configs.get(endpoint.endpoint_config_name)
        for variant in config.production_variants if config else []:
            kind = variant.get("InstanceType", "")
            used[kind] = used.get(kind, 0) + int(variant.get("InitialInstanceCount", 1))
    return used
