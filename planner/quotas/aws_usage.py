"""What runs or is held already in an AWS region, in the units of its quotas.

Counted from the machines themselves: CloudWatch's usage metrics lag by minutes.

EC2's guide says: Capacity Reservations count towards the on-demand quota whether they are used
or not, in the states ``assessing``, ``scheduled``, ``pending``, ``active`` and ``delayed``; so
a machine that runs in one is counted with it, once. Capacity Blocks have quotas of their own.
Spot quotas count open requests as well.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from planner.clouds import aws
from planner.quotas import aws_endpoints, catalogue, types

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.quotas.model import Demand, Quota

_RESERVED = {"assessing", "scheduled", "pending", "active", "delayed"}
_BLOCK = "capacity-block"

Held = tuple[str, str, int, int]
"""(type, how it is bought, machines, vCPUs of one; 0 where not told)"""


class Usage:
    """Counts on first use, so that a service nobody asks about is not called."""

    def __init__(self, region: str) -> None:
        self._region = region
        # Not cached_property: until Python 3.12 it holds one lock for all regions.
        self._machines: Counter[str] | None = None
        self._spot_requests: Counter[str] | None = None
        self._endpoints: Counter[str] | None = None

    def of(self, demand: Demand, quota: Quota) -> float:
        """Return what is in use of a quota that binds the demand.

        Raises:
            PlannerError: The machines cannot be listed.
        """
        if quota.service == "sagemaker":
            if self._endpoints is None:
                self._endpoints = aws_endpoints.count(self._region)
            own = quota.name.startswith(demand.instance_type)
            return self._endpoints[demand.instance_type] if own else self._endpoints.total()
        if self._machines is None:
            self._machines = self._vcpus(list(self._held()))
        used = self._machines[quota.quota_id]
        if demand.bought == "spot":
            if self._spot_requests is None:
                self._spot_requests = self._vcpus(list(self._open_spot_requests()))
            used += self._spot_requests[quota.quota_id]
        return used

    def _vcpus(self, held: list[Held]) -> Counter[str]:
        """Return the vCPUs per quota code."""
        defaults = self._default_vcpus({kind for kind, _, _, _ in held})
        used: Counter[str] = Counter()
        for kind, bought, count, own in held:
            row = catalogue.ec2_quota(kind, bought)
            if row is not None:
                used[row.quota_id] += count * (own or defaults[kind])
        return used

    def _held(self) -> Iterator[Held]:
        """Yield what reservations hold, and the machines that run outside of them."""
        reserved = {row["CapacityReservationId"]: row for row in self._reservations()}
        for row in reserved.values():
            block = row.get("ReservationType") == _BLOCK
            bought = "capacity_block" if block else "on_demand"
            yield row["InstanceType"], bought, row["TotalInstanceCount"], 0
        for machine in self._running():
            if machine.get("CapacityReservationId") in reserved:
                continue
            lifecycle = machine.get("InstanceLifecycle", "on_demand")
            if lifecycle != _BLOCK:  # in a block of another account: its quota is not ours
                bought = "spot" if lifecycle == "spot" else "on_demand"
                yield machine["InstanceType"], bought, 1, _own_vcpus(machine)

    def _running(self) -> Iterator[dict[str, Any]]:
        client = aws.client("ec2", self._region)
        states = {"Name": "instance-state-name", "Values": ["pending", "running"]}
        with aws.errors(
            "list the EC2 instances", action="ec2:DescribeInstances", region=self._region
        ):
            for page in client.get_paginator("describe_instances").paginate(Filters=[states]):
                for group in page["Reservations"]:
                    yield from group["Instances"]

    def _reservations(self) -> list[dict[str, Any]]:
        """Return the capacity reservations of this account; those shared with it are not its."""
        client = aws.client("ec2", self._region)
        with aws.errors(
            "list the capacity reservations",
            action="ec2:DescribeCapacityReservations",
            region=self._region,
        ):
            pages = client.get_paginator("describe_capacity_reservations").paginate(
                Filters=[{"Name": "state", "Values": sorted(_RESERVED)}]
            )
            rows = [row for page in pages for row in page["CapacityReservations"]]
        rows = [row for row in rows if row.get("State") in _RESERVED]
        own = aws.account() if rows else ""
        return [row for row in rows if row.get("OwnerId") == own]

    def _open_spot_requests(self) -> Iterator[Held]:
        client = aws.client("ec2", self._region)
        still = {"Name": "state", "Values": ["open"]}
        with aws.errors(
            "list the Spot requests", action="ec2:DescribeSpotInstanceRequests", region=self._region
        ):
            pages = client.get_paginator("describe_spot_instance_requests").paginate(
                Filters=[still]
            )
            for page in pages:
                for row in page["SpotInstanceRequests"]:
                    kind = row.get("LaunchSpecification", {}).get("InstanceType")
                    if kind and row.get("State") == "open":
                        yield kind, "spot", 1, 0

    def _default_vcpus(self, kinds: set[str]) -> dict[str, int]:
        """Return the vCPUs of instance types; of unknown ones AWS is asked."""
        table = types.known()
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


def _own_vcpus(machine: dict[str, Any]) -> int:
    options = machine.get("CpuOptions") or {}
    return int((options.get("CoreCount") or 0) * (options.get("ThreadsPerCore") or 0))
