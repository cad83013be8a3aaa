"""Where a machine may stand: the subnets in zones that have its type, and who may come in."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple

from planner.endpoints.aws import calls
from planner.endpoints.ec2 import requests
from planner.errors import CloudError, NotFoundError

if TYPE_CHECKING:
    from planner.endpoints.ingress import Ingress

CHOSEN = "PLANNER_AWS_SUBNETS"
"""The variable with the subnets to use, where the default network is not to be used."""


class Subnet(NamedTuple):
    """A place for a machine.

    Attributes:
        public: Whether a machine there gets an address of its own, for the way out.
    """

    id: str
    zone: str
    network: str
    public: bool


def zones(instance_type: str, region: str) -> list[str]:
    """Return the zones that offer a type."""
    pages = calls.pages(
        "ec2",
        region,
        "describe_instance_type_offerings",
        "list the zones that offer the type",
        LocationType="availability-zone",
        Filters=[{"Name": "instance-type", "Values": [instance_type]}],
    )
    return sorted(item["Location"] for page in pages for item in page["InstanceTypeOfferings"])


def subnets(region: str) -> list[Subnet]:
    """Return the subnets that may be used: those named, else the default network's.

    Raises:
        NotFoundError: There is none.
    """
    chosen = os.environ.get(CHOSEN, "").replace(",", " ").split()
    wanted: dict[str, Any] = {"Filters": [{"Name": "default-for-az", "Values": ["true"]}]}
    if chosen:
        wanted = {"SubnetIds": chosen}
    pages = calls.pages("ec2", region, "describe_subnets", "list the subnets", **wanted)
    found = [item for page in pages for item in page["Subnets"]]
    if not found:
        raise NotFoundError(
            f"{region} has no default network",
            why="the account's default VPC was removed there",
            advice=f"export {CHOSEN}=subnet-ID,... (with a way to the internet), or aws ec2 "
            f"create-default-vpc --region {region}",
        )
    return [
        Subnet(
            item["SubnetId"],
            item["AvailabilityZone"],
            item["VpcId"],
            bool(item.get("MapPublicIpOnLaunch")) or not chosen,
        )
        for item in found
    ]


def to_try(instance_type: str, region: str, zone: str = "") -> list[Subnet]:
    """Return the subnets in zones that offer a type, or in one zone alone.

    Raises:
        NotFoundError: There is none.
    """
    offering = [zone] if zone else zones(instance_type, region)
    found = [subnet for subnet in subnets(region) if subnet.zone in offering]
    if not found:
        raise NotFoundError(
            f"no subnet of {region} is in a zone that offers {instance_type}",
            why=f"it is offered in {', '.join(offering) or 'no zone'}",
            advice=f"another --region, or export {CHOSEN}=subnet-ID in one of these zones",
        )
    return sorted(found, key=lambda subnet: (subnet.zone, subnet.id))


def group(subnet: Subnet, region: str, ingress: Ingress) -> str:
    """Return the security group for a way in, made on first use and kept: it costs nothing.

    Everything may go out, for the weights.
    """
    name = requests.group_name(ingress)
    number = _group(name, subnet, region) or _make_group(name, subnet, region, ingress)
    for permission in requests.permissions(ingress):
        try:
            calls.call(
                "ec2",
                region,
                "authorize_security_group_ingress",
                "open the way in",
                GroupId=number,
                IpPermissions=[permission],
            )
        except CloudError as error:
            if error.code != "InvalidPermission.Duplicate":
                raise
    return number


def _make_group(name: str, subnet: Subnet, region: str, ingress: Ingress) -> str:
    lets_in = f"HTTPS from {len(ingress.allow)} sources" if ingress.is_open else "nothing"
    try:
        made = calls.call(
            "ec2",
            region,
            "create_security_group",
            "make the security group",
            GroupName=name,
            Description=f"planner: {lets_in} comes in",
            VpcId=subnet.network,
        )
    except CloudError as error:
        # Two deploys at once both find it missing.
        if error.code != "InvalidGroup.Duplicate":
            raise
        return _group(name, subnet, region)
    return str(made["GroupId"])


def _group(name: str, subnet: Subnet, region: str) -> str:
    answer = calls.call(
        "ec2",
        region,
        "describe_security_groups",
        "look for the security group",
        Filters=[
            {"Name": "group-name", "Values": [name]},
            {"Name": "vpc-id", "Values": [subnet.network]},
        ],
    )
    return next((str(item["GroupId"]) for item in answer["SecurityGroups"]), "")
