"""What is sent to SageMaker and to EventBridge Scheduler for a deployment. Pure.

``deploy --emit`` writes the same content as templates.
"""

from __future__ import annotations

import json
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime

    from planner.endpoints.model import DeploymentSpec

VARIANT = "AllTraffic"
LONGEST_NAME = 54
"""Of an endpoint: SageMaker allows 63, and the parts carry the run's mark behind it."""
SCHEDULE_PREFIX = "planner"
DELETE_ENDPOINT = "arn:aws:scheduler:::aws-sdk:sagemaker:deleteEndpoint"
# The order to delete is repeated, because SageMaker refuses it while an endpoint is changing.
REPEAT = "rate(15 minutes)"
REPEAT_FOR = timedelta(hours=24)


def part_name(spec: DeploymentSpec) -> str:
    """Return the name of the model and of the configuration: theirs alone."""
    return f"{spec.name}-{spec.run}"


def schedule_name(endpoint: str, run: str) -> str:
    """Return the name of the expiry. The dot cannot be in an endpoint's name."""
    return f"{SCHEDULE_PREFIX}.{endpoint}.{run}"


def endpoint_of_schedule(name: str) -> str:
    """Return the endpoint that a schedule removes; empty where it is not planner's."""
    parts = name.split(".")
    return parts[1] if len(parts) == 3 and parts[0] == SCHEDULE_PREFIX else ""  # noqa: PLR2004 - as made above


def log_group(endpoint: str) -> str:
    """Return where SageMaker writes the containers' logs."""
    return f"/aws/sagemaker/Endpoints/{endpoint}"


def tags(spec: DeploymentSpec) -> list[dict[str, str]]:
    """Return the tags in AWS's form."""
    return [{"Key": key, "Value": value} for key, value in spec.tags.items()]


def model(spec: DeploymentSpec) -> dict[str, Any]:
    """Return the parameters of CreateModel. They may carry the token: never print them."""
    environment = dict(spec.container.environment)
    if spec.token is not None:
        environment[spec.container.token_variable] = spec.token.reveal()
    return {
        "ModelName": part_name(spec),
        "PrimaryContainer": {**container(spec), "Environment": environment},
        "ExecutionRoleArn": spec.execution_role,
        "Tags": tags(spec),
    }


def container(spec: DeploymentSpec) -> dict[str, Any]:
    """Return the container without its environment."""
    described: dict[str, Any] = {"Image": spec.container.image}
    if spec.weights.in_s3:
        uri = spec.weights.location
        described["ModelDataSource"] = {
            "S3DataSource": {
                "S3Uri": uri if uri.endswith("/") else f"{uri}/",
                "S3DataType": "S3Prefix",
                "CompressionType": "None",
            }
        }
    return described


def variant(spec: DeploymentSpec) -> dict[str, Any]:
    """Return the production variant, without the name of its model."""
    described: dict[str, Any] = {
        "VariantName": VARIANT,
        "InstanceType": spec.plan.instance_type,
        "InitialInstanceCount": spec.plan.instances,
        "InitialVariantWeight": 1.0,
        "ModelDataDownloadTimeoutInSeconds": spec.startup_timeout_s,
        "ContainerStartupHealthCheckTimeoutInSeconds": spec.startup_timeout_s,
    }
    if spec.container.machine_image:
        described["InferenceAmiVersion"] = spec.container.machine_image
    if spec.volume_gb is not None:
        described["VolumeSizeInGB"] = spec.volume_gb
    return described


def endpoint_config(spec: DeploymentSpec) -> dict[str, Any]:
    """Return the parameters of CreateEndpointConfig."""
    name = part_name(spec)
    return {
        "EndpointConfigName": name,
        "ProductionVariants": [{**variant(spec), "ModelName": name}],
        "Tags": tags(spec),
    }


def endpoint(spec: DeploymentSpec) -> dict[str, Any]:
    """Return the parameters of CreateEndpoint."""
    return {
        "EndpointName": spec.name,
        "EndpointConfigName": part_name(spec),
        "Tags": tags(spec),
    }


def schedule(name: str, endpoint: str, role: str, expires_at: datetime) -> dict[str, Any]:
    """Return the parameters of CreateSchedule: from the expiry on, delete the endpoint."""
    expires_at = expires_at.astimezone(UTC)
    return {
        "Name": name,
        "Description": f"planner: deletes the SageMaker endpoint {endpoint} when its time is up",
        "ScheduleExpression": REPEAT,
        "ScheduleExpressionTimezone": "UTC",
        "StartDate": expires_at,
        "EndDate": expires_at + REPEAT_FOR,
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "ActionAfterCompletion": "DELETE",
        "Target": {
            "Arn": DELETE_ENDPOINT,
            "RoleArn": role,
            "Input": json.dumps({"EndpointName": endpoint}),
            "RetryPolicy": {"MaximumEventAgeInSeconds": 900, "MaximumRetryAttempts": 5},
        },
    }
