"""What is sent to SageMaker and to EventBridge Scheduler for a deployment. Pure.

``deploy --emit`` writes the same content as templates.
"""

from __future__ import annotations

import json
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any

from planner.endpoints.sagemaker import component_requests

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from planner.endpoints.model import Awaited, DeploymentSpec

VARIANT = "AllTraffic"
LONGEST_NAME = 45
"""Of an endpoint: EventBridge Scheduler allows 64 for the expiry, which carries the run's mark."""
LONGEST_VALUE = 1024
"""Of a setting of the container, in characters (CreateModel, ``Environment``)."""
SCHEDULE_PREFIX = "planner"
_COMPONENT = "c"
_IDLE = "i"
_STARTS = "arn:aws:scheduler:::aws-sdk:sfn:startExecution"
_DELETES = "arn:aws:scheduler:::aws-sdk:sagemaker:delete"
# The order to delete is repeated, because SageMaker refuses it while an endpoint is changing.
REPEAT = "rate(15 minutes)"
REPEAT_FOR = timedelta(hours=24)


def part_name(spec: DeploymentSpec | Awaited) -> str:
    """Return the name of the model and of the configuration: theirs alone."""
    return f"{spec.name}-{spec.run}"


def schedule_name(endpoint: str, run: str) -> str:
    """Return the name of the expiry. The dot cannot be in an endpoint's name."""
    return f"{SCHEDULE_PREFIX}.{endpoint}.{run}"


def schedule_names(endpoint: str, run: str, *, to_zero: bool) -> list[str]:
    """Return the names of all that end an endpoint: its inference component has its own.

    SageMaker deletes an endpoint that still has components (users' report), but its console
    deletes them first, and nobody documents that it must not: so both are ordered to go.
    """
    name = schedule_name(endpoint, run)
    return [name, f"{name}.{_COMPONENT}"] if to_zero else [name]


def idle_name(endpoint: str, run: str) -> str:
    """Return the name of the schedule and of the state machine that delete what is unused."""
    return f"{schedule_name(endpoint, run)}.{_IDLE}"


def is_idle(schedule: str) -> bool:
    """Tell whether a schedule watches the use of an endpoint; else it is its expiry."""
    return schedule.endswith(f".{_IDLE}")


def machine_arn(name: str, region: str, account: str) -> str:
    """Return the ARN of a state machine, which AWS makes of its name."""
    return f"arn:aws:states:{region}:{account}:stateMachine:{name}"


def endpoint_of_schedule(name: str) -> str:
    """Return the endpoint that a schedule belongs to; empty where it is not planner's."""
    prefix, *rest = name.split(".")
    ours = prefix == SCHEDULE_PREFIX and len(rest) in {2, 3}
    return rest[0] if ours else ""


def metric_dimensions(endpoint: str, component: str = "") -> list[dict[str, str]]:
    """Return what tells an endpoint's own invocations from others in CloudWatch."""
    if component:
        return [{"Name": "InferenceComponentName", "Value": component}]
    return [
        {"Name": "EndpointName", "Value": endpoint},
        {"Name": "VariantName", "Value": VARIANT},
    ]


def log_group(endpoint: str, component: str = "") -> str:
    """Return where SageMaker writes the containers' logs."""
    if component:
        return f"/aws/sagemaker/InferenceComponents/{component}"
    return f"/aws/sagemaker/Endpoints/{endpoint}"


def tags(spec: DeploymentSpec) -> list[dict[str, str]]:
    """Return the tags of a deployment in AWS's form."""
    return as_tags(spec.tags)


def as_tags(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Return tags in AWS's form."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


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
    if spec.reservation:
        described["CapacityReservationConfig"] = {
            "CapacityReservationPreference": "capacity-reservations-only",
            "MlReservationArn": spec.reservation,
        }
    return described


def endpoint_config(spec: DeploymentSpec) -> dict[str, Any]:
    """Return the parameters of CreateEndpointConfig."""
    name = part_name(spec)
    if spec.guard.to_zero:
        return {
            "EndpointConfigName": name,
            "ExecutionRoleArn": spec.execution_role,
            "ProductionVariants": [component_requests.variant(spec, variant(spec))],
            "Tags": tags(spec),
        }
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
    """Return the parameters of CreateSchedule: from the expiry on, delete the endpoint.

    What is deleted, the endpoint or its inference component, shows in the schedule's name.
    """
    expires_at = expires_at.astimezone(UTC)
    kind, target = _ends(name, endpoint)
    return {
        "Name": name,
        "Description": f"planner: deletes {target} on SageMaker when the time of {endpoint} is up",
        "ScheduleExpression": REPEAT,
        "ScheduleExpressionTimezone": "UTC",
        "StartDate": expires_at,
        "EndDate": expires_at + REPEAT_FOR,
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "ActionAfterCompletion": "DELETE",
        "Target": {
            "Arn": f"{_DELETES}{kind}",
            "RoleArn": role,
            "Input": json.dumps({f"{kind}Name": target}),
            "RetryPolicy": {"MaximumEventAgeInSeconds": 900, "MaximumRetryAttempts": 5},
        },
    }


def ended_by(name: str, endpoint: str, region: str, account: str) -> tuple[str, str]:
    """Return what a schedule calls, in IAM's words, and the ARN of what it ends."""
    kind, target = _ends(name, endpoint)
    part = {"Endpoint": "endpoint", "InferenceComponent": "inference-component"}[kind]
    return f"sagemaker:Delete{kind}", f"arn:aws:sagemaker:{region}:{account}:{part}/{target}"


def _ends(name: str, endpoint: str) -> tuple[str, str]:
    """Return the kind of what a schedule ends, in SageMaker's word, and its name."""
    if name.endswith(f".{_COMPONENT}"):
        return "InferenceComponent", f"{endpoint}-{name.split('.')[-2]}"
    return "Endpoint", endpoint


def idle_schedule(spec: DeploymentSpec, account: str, role: str) -> dict[str, Any]:
    """Return the parameters of CreateSchedule: every 15 minutes, see whether it is used."""
    name = idle_name(spec.name, spec.run)
    idle = int(spec.guard.idle.total_seconds()) if spec.guard.idle else 0
    return {
        "Name": name,
        "Description": f"planner: deletes {spec.name} on SageMaker when nobody uses it",
        "ScheduleExpression": REPEAT,
        "ScheduleExpressionTimezone": "UTC",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {
            "Arn": _STARTS,
            "RoleArn": role,
            "Input": json.dumps(
                {
                    "StateMachineArn": machine_arn(name, spec.region, account),
                    "Input": json.dumps({"EndpointName": spec.name, "IdleSeconds": idle}),
                }
            ),
            "RetryPolicy": {"MaximumEventAgeInSeconds": 900, "MaximumRetryAttempts": 5},
        },
    }
