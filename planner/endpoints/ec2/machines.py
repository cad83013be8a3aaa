"""What is asked of EC2 for one machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from planner.endpoints.aws import calls
from planner.endpoints.ec2 import requests
from planner.endpoints.model import TAG_ENDPOINT
from planner.endpoints.watching import waiting
from planner.errors import CapacityError, CloudError, PlannerError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from planner.endpoints.interface import Context
    from planner.endpoints.model import DeploymentSpec

_GONE = {"terminated", "shutting-down"}
_THERE = ["pending", "running", "shutting-down", "stopping", "stopped"]
# Beside InsufficientInstanceCapacity, which is planner's CapacityError: the place is full, or
# does not have the type (EC2 API, "Error codes").
_ELSEWHERE = {
    "InsufficientCapacityOnHost",
    "InsufficientFreeAddressesInSubnet",
    "InsufficientReservedInstanceCapacity",
    "ReservationCapacityExceeded",
    "SpotMaxPriceTooLow",
    "Unsupported",
    "UnsupportedHostConfiguration",
}
_NOT_THERE = {"InvalidInstanceID.NotFound", "InvalidInstanceID.Malformed"}


def image(parameter: str, region: str) -> str:
    """Return the id of the AMI that an SSM public parameter names; an id stays as it is."""
    if parameter.startswith("ami-"):
        return parameter
    answer = calls.call("ssm", region, "get_parameter", "look up the machine image", Name=parameter)
    return str(answer["Parameter"]["Value"])


def launch(spec: DeploymentSpec, body: dict[str, Any]) -> str:
    """Create a machine and return its id; sent again with the same token it finds its own work.

    Raises:
        CapacityError: The place has no such machine now.
    """
    try:
        answer = calls.call(
            "ec2", spec.region, "run_instances", f"create the machine {spec.name}", **body
        )
    except CloudError as error:
        if error.code in _ELSEWHERE:
            raise CapacityError(str(error), why=error.why) from error
        raise
    return str(answer["Instances"][0]["InstanceId"])


def of_token(token: str, region: str) -> list[dict[str, Any]]:
    """Return the machines that a call with this token has made."""
    return _described(region, [{"Name": "client-token", "Values": [token]}])


def of_endpoint(region: str, name: str = "") -> list[dict[str, Any]]:
    """Return planner's machines in a region that are not gone, oldest first."""
    tag = {"Name": f"tag:{TAG_ENDPOINT}", "Values": [name]}
    if not name:
        tag = {"Name": "tag-key", "Values": [TAG_ENDPOINT]}
    mine = [item for item in _described(region, [tag]) if requests.TAG_RUN in tags(item)]
    return by_age(mine)


def by_age(items: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return machines, oldest first."""
    return sorted(items, key=lambda item: (item["LaunchTime"], item["InstanceId"]))


def get(machine: str, region: str) -> dict[str, Any] | None:
    """Return a machine by its id; None where it is gone."""
    try:
        answer = calls.call(
            "ec2", region, "describe_instances", "look at the machine", InstanceIds=[machine]
        )
    except CloudError as error:
        if is_missing(error):
            return None
        raise
    found = [item for group in answer["Reservations"] for item in group["Instances"]]
    return found[0] if found and state(found[0]) != "terminated" else None


def console(machine: str, region: str) -> str:
    """Return what a machine wrote to its console: the last 64 KB of it."""
    try:
        answer = calls.call(
            "ec2",
            region,
            "get_console_output",
            "read the machine's console",
            InstanceId=machine,
            Latest=True,
        )
    except CloudError as error:
        if is_missing(error):
            return ""
        raise
    return str(answer.get("Output", ""))  # boto3 has decoded it


def terminate(machine: str, region: str, context: Context) -> None:
    """Terminate a machine and wait until it is not billed any more; one that is gone is no error.

    Raises:
        CloudError: It runs still after the time to settle.
    """
    try:
        calls.call(
            "ec2", region, "terminate_instances", "terminate the machine", InstanceIds=[machine]
        )
    except CloudError as error:
        if is_missing(error):
            return
        raise

    def is_over() -> bool:
        found = get(machine, region)
        return found is None or state(found) in _GONE

    if not waiting.until(is_over, context):
        raise CloudError(
            f"the machine {machine} was told to go and runs still",
            advice=f"aws ec2 terminate-instances --region {region} --instance-ids {machine}",
        )


def tag(machine: str, region: str, key: str, value: str) -> None:
    """Write a tag onto a machine."""
    calls.call(
        "ec2",
        region,
        "create_tags",
        "tag the machine",
        Resources=[machine],
        Tags=[{"Key": key, "Value": value}],
    )


def tags(item: dict[str, Any]) -> dict[str, str]:
    """Return the tags of a machine."""
    return {entry["Key"]: entry["Value"] for entry in item.get("Tags", [])}


def state(item: dict[str, Any]) -> str:
    """Return EC2's own word for how a machine stands."""
    return str(item["State"]["Name"])


def is_missing(error: PlannerError) -> bool:
    """Tell whether EC2 says that a machine is not there."""
    return isinstance(error, CloudError) and error.code in _NOT_THERE


def _described(region: str, filters: list[dict[str, Any]]) -> list[dict[str, Any]]:
    pages = calls.pages(
        "ec2",
        region,
        "describe_instances",
        "list the machines",
        Filters=[*filters, {"Name": "instance-state-name", "Values": _THERE}],
    )
    return [item for page in pages for group in page["Reservations"] for item in group["Instances"]]
