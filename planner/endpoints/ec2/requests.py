"""What is sent to EC2, Parameter Store and EventBridge Scheduler for a deployment. Pure."""

from __future__ import annotations

import hashlib
import json
import math
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any

from planner.bundled import deploy_templates
from planner.endpoints.deploying import containers
from planner.endpoints.ingress import Access
from planner.endpoints.machines import boot, checks
from planner.endpoints.model import NEVER, TAG_EXPIRES
from planner.serving import table

if TYPE_CHECKING:
    from datetime import datetime

    from planner.endpoints.ingress import Ingress
    from planner.endpoints.model import DeploymentSpec

LONGEST_NAME = 40
"""Of an endpoint: EventBridge Scheduler allows 64 for the expiry, which carries the run's mark."""
LONGEST_SCRIPT = 16 * 1024
"""Bytes of user data, before they are encoded (EC2 user guide, "Run commands at launch")."""
PORT = 8000
MODELS = ("STANDARD", "SPOT")
KEY = ".key"
"""How the names of parameters with keys end."""
TAG_RUN = "planner:run"
TAG_DETAILS = "planner:details"
"""The settings in full, in pieces of at most 256 characters, which is all that a tag takes."""
PREFIX = "planner-ec2"
GROUP = "planner-endpoint"
"""The security group of machines with a tunnel in a network: nothing comes in.

Where something may, who it is makes the rest of the name: machines with the same way in share it.
"""
ROOT = "/dev/sda1"
_SYSTEM_GB = 120  # the image (its CUDA toolkits among it), vLLM's image and room to unpack it
_TERMINATES = "arn:aws:scheduler:::aws-sdk:ec2:terminateInstances"
# The order is repeated, in case that one call of it fails.
_REPEAT, _REPEAT_FOR = "rate(15 minutes)", timedelta(hours=24)
_TAG_LENGTH = 256


def settings() -> dict[str, str]:
    """Return what ``deploy_templates/ec2.csv`` pins: image, version, CUDA, machine image."""
    return {row["setting"]: row["value"] for row in table.read(deploy_templates() / "ec2.csv")}


def documented_types() -> frozenset[str]:
    """Return the families that the machine image is documented for."""
    return frozenset(settings()["machine_image_types"].split())


def parameter_name(spec: DeploymentSpec) -> str:
    """Return the name of the parameter with the token: this run's alone."""
    return f"{parameter_prefix(spec.name)}{spec.run}"


def key_name(spec: DeploymentSpec) -> str:
    """Return the name of the parameter with the keys of the way in: this run's alone."""
    return f"{parameter_name(spec)}{KEY}"


def parameter_prefix(endpoint: str = "") -> str:
    """Return how the names of an endpoint's parameters begin; of all endpoints' without one."""
    return f"/planner/ec2/{endpoint}/" if endpoint else "/planner/ec2/"


def schedule_name(endpoint: str, run: str) -> str:
    """Return the name of the expiry. The dot cannot be in an endpoint's name."""
    return f"{PREFIX}.{endpoint}.{run}"


def endpoint_of_schedule(name: str) -> str:
    """Return the endpoint that a schedule belongs to; empty where it is not of this kind."""
    prefix, *rest = name.split(".")
    return rest[0] if prefix == PREFIX and len(rest) == len(("endpoint", "run")) else ""


def disk_gb(spec: DeploymentSpec) -> int:
    """Return the size of the root volume: with the weights, unless the type has own disks."""
    if containers.local_storage_gb(spec.plan.instance_type):
        return _SYSTEM_GB
    return _SYSTEM_GB + math.ceil((spec.weights.size_gb or 0) * 1.2)


def user_data(spec: DeploymentSpec, parameter: str) -> str:
    """Return the cloud-init of the machine.

    Args:
        spec: The deployment.
        parameter: Name of the parameter with the token; empty where none is needed.
    """
    return boot.user_data(
        "ec2.yaml.j2",
        # Session Manager forwards to the machine's loopback; the engine listens nowhere else.
        arguments=boot.vllm_arguments(spec, "127.0.0.1", PORT),
        image=spec.container.image,
        port=PORT,
        parameter=parameter,
        region=spec.region,
        expires="" if spec.expires_at is None else spec.tags[TAG_EXPIRES],
        tag=TAG_EXPIRES,
        **boot.ingress(spec, key_name(spec)),
    )


def group_name(ingress: Ingress) -> str:
    """Return the name of the security group of a way in."""
    if not ingress.is_open:
        return GROUP
    text = json.dumps([ingress.allow, ingress.ports])
    return f"{GROUP}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def permissions(ingress: Ingress) -> list[dict[str, Any]]:
    """Return what a security group lets in."""
    return [
        {
            "IpProtocol": "tcp",
            "FromPort": port,
            "ToPort": port,
            "IpRanges": [{"CidrIp": item} for item in ingress.networks],
            "UserIdGroupPairs": [{"GroupId": item} for item in ingress.security_groups],
        }
        for port in ingress.ports
    ]


def client_token(spec: DeploymentSpec, subnet: str) -> str:
    """Return what makes RunInstances happen once however often it is sent."""
    return hashlib.sha256(f"{spec.name}/{spec.run}/{subnet}".encode()).hexdigest()


def instance(
    spec: DeploymentSpec, image: str, subnet: str, group: str, *, public: bool
) -> dict[str, Any]:
    """Return the parameters of RunInstances: one machine, its guard in the same call.

    Args:
        spec: The deployment.
        image: The AMI.
        subnet: Where.
        group: The security group.
        public: Whether it gets an address of its own, for the way out; one that is to be reached
            from the internet does in any case.
    """
    public = public or spec.ingress.access is Access.PUBLIC
    parameter = parameter_name(spec) if spec.token is not None else ""
    made: dict[str, Any] = {
        "ImageId": image,
        "InstanceType": spec.plan.instance_type,
        "MinCount": 1,
        "MaxCount": 1,
        "ClientToken": client_token(spec, subnet),
        "IamInstanceProfile": {"Name": spec.execution_role},
        "InstanceInitiatedShutdownBehavior": "terminate",
        "MetadataOptions": {
            "HttpEndpoint": "enabled",
            "HttpTokens": "required",  # version 2 alone
            "HttpPutResponseHopLimit": 1,  # not out of the container
            "InstanceMetadataTags": "enabled",
        },
        "NetworkInterfaces": [
            {
                "DeviceIndex": 0,
                "SubnetId": subnet,
                "Groups": [group],
                "DeleteOnTermination": True,
                **({"AssociatePublicIpAddress": True} if public else {}),
            }
        ],
        "BlockDeviceMappings": [
            {
                "DeviceName": ROOT,
                "Ebs": {
                    "VolumeSize": disk_gb(spec),
                    "VolumeType": "gp3",
                    "Encrypted": True,
                    "DeleteOnTermination": True,
                },
            }
        ],
        "UserData": user_data(spec, parameter),
        "TagSpecifications": [
            {"ResourceType": kind, "Tags": tags(spec)}
            for kind in ("instance", "volume", "network-interface")
        ],
    }
    if checks.is_spot(spec):
        made["InstanceMarketOptions"] = {
            "MarketType": "spot",
            "SpotOptions": {
                "SpotInstanceType": "one-time",
                "InstanceInterruptionBehavior": "terminate",
            },
        }
    return made


def tags(spec: DeploymentSpec) -> list[dict[str, str]]:
    """Return the tags in AWS's form; no secret among them."""
    details = json.dumps(spec.settings, sort_keys=True, separators=(",", ":"))
    pieces = [details[at : at + _TAG_LENGTH] for at in range(0, len(details), _TAG_LENGTH)]
    return [
        {"Key": "Name", "Value": f"planner {spec.name}"},
        *short_tags(spec),
        *(
            {"Key": f"{TAG_DETAILS}-{number}", "Value": piece}
            for number, piece in enumerate(pieces)
        ),
    ]


def short_tags(spec: DeploymentSpec) -> list[dict[str, str]]:
    """Return the tags of what is beside the machine."""
    named = {**spec.tags, TAG_RUN: spec.run}
    return [{"Key": key, "Value": value} for key, value in named.items()]


def details(found: dict[str, str]) -> dict[str, str]:
    """Return the settings that a machine's tags hold."""
    prefix = f"{TAG_DETAILS}-"
    numbered = {
        int(key.removeprefix(prefix)): v for key, v in found.items() if key.startswith(prefix)
    }
    text = "".join(numbered[number] for number in sorted(numbered))
    try:
        settings: dict[str, str] = json.loads(text)
    except ValueError:
        return {}
    return settings


def schedule(name: str, endpoint: str, instance: str, role: str, at: datetime) -> dict[str, Any]:
    """Return the parameters of CreateSchedule: from the expiry on, terminate the machine."""
    begins = at.astimezone(UTC)
    return {
        "Name": name,
        "Description": f"planner: terminates {endpoint} on EC2 when its time is up",
        "ScheduleExpression": _REPEAT,
        "ScheduleExpressionTimezone": "UTC",
        "StartDate": begins,
        "EndDate": begins + _REPEAT_FOR,
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "ActionAfterCompletion": "DELETE",
        "Target": {
            "Arn": _TERMINATES,
            "RoleArn": role,
            "Input": json.dumps({"InstanceIds": [instance]}),
            "RetryPolicy": {"MaximumEventAgeInSeconds": 900, "MaximumRetryAttempts": 5},
        },
    }


def expires_text(at: datetime | None) -> str:
    """Return an expiry as the tag has it."""
    return NEVER if at is None else at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
