"""The machines of SageMaker endpoints, per instance type, as its quotas count them.

Every endpoint that has machines counts, shadow variants and instance pools too (botocore's
model of DescribeEndpoint). A pool says how many of each type run now.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from planner.clouds import aws

if TYPE_CHECKING:
    from collections.abc import Mapping

_HOLDS_INSTANCES = {
    "Creating",
    "Updating",
    "SystemUpdating",
    "RollingBack",
    "UpdateRollbackFailed",
    "InService",
    "Deleting",
}
_VARIANTS = ("ProductionVariants", "ShadowProductionVariants")


def count(region: str) -> Counter[str]:
    """Return the machines in use per instance type in a region.

    Raises:
        PlannerError: The endpoints cannot be listed.
    """
    client = aws.client("sagemaker", region)
    with aws.errors(
        "list the SageMaker endpoints", action="sagemaker:ListEndpoints", region=region
    ):
        pages = client.get_paginator("list_endpoints").paginate()
        rows = [row for page in pages for row in page["Endpoints"]]
    used: Counter[str] = Counter()
    for row in rows:
        if row["EndpointStatus"] in _HOLDS_INSTANCES:
            used += _of_endpoint(client, row["EndpointName"], region)
    return used


def _of_endpoint(client: Any, name: str, region: str) -> Counter[str]:  # noqa: ANN401 - boto3 client
    with aws.errors(
        f"read the endpoint {name}", action="sagemaker:DescribeEndpoint", region=region
    ):
        endpoint = client.describe_endpoint(EndpointName=name)
        config = client.describe_endpoint_config(EndpointConfigName=endpoint["EndpointConfigName"])
    used: Counter[str] = Counter()
    for kind in _VARIANTS:
        now = {variant["VariantName"]: variant for variant in endpoint.get(kind, [])}
        for variant in config.get(kind, []):
            used += _of_variant(variant, now.get(variant["VariantName"], {}))
    return used


def _of_variant(variant: Mapping[str, Any], now: Mapping[str, Any]) -> Counter[str]:
    """Return the machines of one variant, from its configuration and how it stands now."""
    most = max(
        now.get("CurrentInstanceCount") or 0,
        now.get("DesiredInstanceCount") or variant.get("InitialInstanceCount") or 0,
    )
    if "InstanceType" in variant:
        return Counter({variant["InstanceType"]: most})
    running = Counter(
        {
            pool["InstanceType"]: pool["CurrentInstanceCount"]
            for pool in now.get("InstancePools", [])
        }
    )
    pools = sorted(variant.get("InstancePools", []), key=lambda pool: pool.get("Priority", 0))
    if pools and running.total() < most:
        # What is still to come is tried in the order of the priorities.
        running[pools[0]["InstanceType"]] += most - running.total()
    return running
