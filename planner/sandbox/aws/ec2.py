"""Corrections of moto's EC2: limits, capacity, regions that are not enabled.

Documented: ``VcpuLimitExceeded``, ``InsufficientInstanceCapacity``, ``OptInStatus``.
Assumed: nothing else; moto answers all that is allowed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import boto3
from moto.ec2.models import ec2_backends
from werkzeug.wrappers import Response

from planner.pricing import instance_types
from planner.quotas import catalogue
from planner.sandbox.aws import ec2_capacity
from planner.sandbox.aws.ec2_capacity import reserved_vcpus
from planner.sandbox.aws.protocol import ACCOUNT, AwsCall, AwsError
from planner.sandbox.aws.service_quotas import ServiceQuotas

if TYPE_CHECKING:
    from planner.sandbox.world import World


class Ec2:
    """What moto leaves out of RunInstances and DescribeRegions."""

    service = "ec2"

    def __init__(self, world: World) -> None:
        self._world = world
        self._quotas = ServiceQuotas(world)

    def handle(self, call: AwsCall) -> Response | None:
        """Refuse launches that AWS would refuse; moto does the rest."""
        if call.operation == "RunInstances":
            self._check_launch(call)
        if call.operation == "DescribeRegions":
            return self._regions()
        return None

    def _check_launch(self, call: AwsCall) -> None:
        wanted = instance_types.bundled().find("ec2", call.parameters.get("InstanceType", ""))
        if wanted is None:
            return
        if ec2_capacity.lands_in_a_reservation(self._world, call, _zone(call)):
            return
        places = {call.region, wanted.instance_type, _zone(call)}
        if not self._world.scenario.capacity or places & set(self._world.scenario.no_capacity_in):
            raise AwsError(
                "InsufficientInstanceCapacity",
                f"We currently do not have sufficient {wanted.instance_type} capacity in the "
                "Availability Zone you requested.",
                500,
            )
        spot = call.parameters.get("InstanceMarketOptions.MarketType") == "spot"
        row = catalogue.ec2_family(wanted.instance_type, spot=spot)
        limit = None if row is None else self._quotas.limit_of(call.region, "ec2", row.quota_id)
        count = int(call.parameters.get("MinCount", 1))
        used = _running_vcpus(call.region, row.covers if row else "")
        if row is not None and not spot:
            used += reserved_vcpus(self._world, call.region, row.quota_id)
        if limit is not None and used + count * wanted.vcpus > limit:
            raise AwsError(
                "VcpuLimitExceeded",
                f"You have requested more vCPU capacity than your current vCPU limit of {limit} "
                "allows for the instance bucket that the specified instance type belongs to.",
            )

    def _regions(self) -> Response:
        disabled = self._world.scenario.disabled_regions
        names = boto3.session.Session().get_available_regions("ec2")
        items = "".join(
            f"<item><regionName>{name}</regionName>"
            f"<regionEndpoint>ec2.{name}.amazonaws.com</regionEndpoint>"
            f"<optInStatus>{'not-opted-in' if name in disabled else 'opted-in'}</optInStatus>"
            "</item>"
            for name in sorted({*names, *disabled})
        )
        body = (
            '<DescribeRegionsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">'
            f"<requestId>sandbox</requestId><regionInfo>{items}</regionInfo>"
            "</DescribeRegionsResponse>"
        )
        return Response(body, 200, content_type="text/xml")


def _zone(call: AwsCall) -> str:
    """Return the zone of the subnet that a launch names; empty where it names none."""
    name = call.parameters.get("NetworkInterface.1.SubnetId") or call.parameters.get("SubnetId")
    for subnets in ec2_backends[ACCOUNT][call.region].subnets.values():
        if name in subnets:
            return str(subnets[name].availability_zone)
    return ""


def _running_vcpus(region: str, covers: str) -> int:
    """Count the vCPUs of the running instances that share a quota."""
    used = 0
    for instance in ec2_backends[ACCOUNT][region].all_running_instances():
        known = instance_types.bundled().find("ec2", instance.instance_type)
        row = catalogue.ec2_family(instance.instance_type, spot=False)
        if known is not None and row is not None and row.covers == covers:
            used += known.vcpus
    return used
