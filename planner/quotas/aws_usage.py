"""What runs already in an AWS region, in the units of its quotas.

Counted from the machines themselves: CloudWatch's usage metrics lag by minutes.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from planner.clouds import aws
from planner.pricing import instance_types
from planner.quotas import catalogue

if TYPE_CHECKING:
    from collections.abc import Iterable

    from planner.quotas.model import Demand

_HOLDS_INSTANCES = {
    "Creating",
    "Updating",
    "SystemUpdating",
    "RollingBack",
    "InService",
    "Deleting",
}


class Usage:
    """Counts on first use, so that a service nobody asks about is not called."""

    def __init__(self, region: str) -> None:
        self._region = region
        # Not cached_property: until Python 3.12 it holds one lock for all regions.
        self._vcpus: Counter[str] | None = None
        self._endpoints: Counter[str] | None = None

    def of(self, demand: Demand) -> float:
        """Return what is in use of the quota that binds the demand.

        Raises:
            PlannerError: The machines cannot be listed.
        """
        if demand.service == "sagemaker":
            if self._endpoints is None:
                self._endpoints = self._count_endpoints()
            return self._endpoints[demand.instance_type]
        if self._vcpus is None:
            self._vcpus = self._count_vcpus()
        row = catalogue.ec2_family(demand.instance_type, spot=demand.spot)
        return self._vcpus[row.quota_id] if row is not None else 0

    def _count_vcpus(self) -> Counter[str]:
        """Return the vCPUs in use per quota code."""
        running = list(self._running())
        vcpus = self._default_vcpus({kind for kind, _, _ in running})
        used: Counter[str] = Counter()
        for kind, spot, own in running:
            row = catalogue.ec2_family(kind, spot=spot)
            if row is not None:
                used[row.quota_id] += own or vcpus[kind]
        return used

    def _running(self) -> Iterable[tuple[str, bool, int]]:
        """Yield type, whether spot, and vCPUs (0: not told) of each machine."""
        client = aws.client("ec2", self._region)
        states = {"Name": "instance-state-name", "Values": ["pending", "running"]}
        with aws.errors(
            "list the EC2 instances", action="ec2:DescribeInstances", region=self._region
        ):
            for page in client.get_paginator("describe_instances").paginate(Filters=[states]):
                for reservation in page["Reservations"]:
                    for machine in reservation["Instances"]:
                        spot = machine.get("InstanceLifecycle") == "spot"
                        yield machine["InstanceType"], spot, _own_vcpus(machine)

    def _default_vcpus(self, kinds: set[str]) -> dict[str, int]:
        """Return the vCPUs of instance types; of unknown ones AWS is asked."""
        table = instance_types.bundled()
        known = {kind: item.vcpus for kind in kinds if (item := table.find("ec2", kind))}
        unknown = sorted(
            kind for kind in kinds - set(known) if catalogue.ec2_family(kind, spot=False)
        )
        if unknown:
            client = aws.client("ec2", self._region)
            with aws.errors(
                "read instance types", action="ec2:DescribeInstanceTypes", region=self._region
            ):
                for page in client.get_paginator("describe_instance_types").paginate(
                    InstanceTypes=unknown
                ):
                    for row in page["InstanceTypes"]:
                        known[row["InstanceType"]] = row["VCpuInfo"]["DefaultVCpus"]
        return known

    def _count_endpoints(self) -> Counter[str]:
        """Return the instances in use per SageMaker instance type."""
        client = aws.client("sagemaker", self._region)
        used: Counter[str] = Counter()
        with aws.errors(
            "list the SageMaker endpoints", action="sagemaker:ListEndpoints", region=self._region
        ):
            pages = client.get_paginator("list_endpoints").paginate()
            rows = [row for page in pages for row in page["Endpoints"]]
        for row in rows:
            if row["EndpointStatus"] in _HOLDS_INSTANCES:
                used += self._of_endpoint(client, row["EndpointName"])
        return used

    def _of_endpoint(self, client: Any, name: str) -> Counter[str]:  # noqa: ANN401 - boto3 client
        used: Counter[str] = Counter()
        with aws.errors(
            f"read the endpoint {name}", action="sagemaker:DescribeEndpoint", region=self._region
        ):
            endpoint = client.describe_endpoint(EndpointName=name)
            config = client.describe_endpoint_config(
                EndpointConfigName=endpoint["EndpointConfigName"]
            )
        now = {v["VariantName"]: v for v in endpoint.get("ProductionVariants", [])}
        for variant in config["ProductionVariants"]:
            if "InstanceType" in variant:
                current = now.get(variant["VariantName"], {})
                count = max(
                    current.get("CurrentInstanceCount") or 0,
                    current.get("DesiredInstanceCount") or variant.get("InitialInstanceCount") or 0,
                )
                used[variant["InstanceType"]] += count
        return used


def _own_vcpus(machine: dict[str, Any]) -> int:
    options = machine.get("CpuOptions") or {}
    return int((options.get("CoreCount") or 0) * (options.get("ThreadsPerCore") or 0))
