"""The same endpoint for Terraform, in its JSON syntax (``main.tf.json``).

The end is counted from each plan on (``plantimestamp``): an apply tomorrow, or one after the
endpoint was deleted, makes an endpoint that ends, too.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from planner.clouds import settings
from planner.endpoints.model import TAG_EXPIRES
from planner.endpoints.sagemaker import requests, roles
from planner.errors import UsageError

if TYPE_CHECKING:
    from planner.endpoints.model import DeploymentSpec

_REPEATED_FOR = "24h"
_HOUR_MIN = 60
_SCHEDULE = {
    "Description": "description",
    "ScheduleExpression": "schedule_expression",
    "ScheduleExpressionTimezone": "schedule_expression_timezone",
}
_VARIANT = {
    "VariantName": "variant_name",
    "InstanceType": "instance_type",
    "InitialInstanceCount": "initial_instance_count",
    "InitialVariantWeight": "initial_variant_weight",
    "ModelDataDownloadTimeoutInSeconds": "model_data_download_timeout_in_seconds",
    "ContainerStartupHealthCheckTimeoutInSeconds": (
        "container_startup_health_check_timeout_in_seconds"
    ),
    "InferenceAmiVersion": "inference_ami_version",
    "VolumeSizeInGB": "volume_size_in_gb",
}


def terraform(spec: DeploymentSpec) -> dict[str, Any]:
    """Return the configuration.

    Raises:
        UsageError: The weights need a token, which Terraform would keep in its state.
    """
    if spec.weights.needs_token:
        raise UsageError(
            f"{spec.weights.location} needs a token, and Terraform would keep it in its state",
            why="SageMaker takes the container's environment as text, and Terraform writes all "
            "that it sends into its state in clear",
            advice="--weights s3://BUCKET/PREFIX/ (no token), or --emit cloudformation, which "
            "resolves it from Secrets Manager",
        )
    made: dict[str, Any] = {
        "terraform": {
            "required_version": ">= 1.5",
            "required_providers": {"aws": {"source": "hashicorp/aws", "version": ">= 5.80"}},
        },
        "provider": {"aws": {"region": spec.region}},
    }
    resources: dict[str, dict[str, Any]] = {
        "aws_iam_role": {"execution": _role(roles.EXECUTION, spec)},
        "aws_iam_role_policy": {"execution": _policy("execution", roles.EXECUTION, spec)},
        "aws_sagemaker_model": {"this": _model(spec)},
        "aws_sagemaker_endpoint_configuration": {"this": _config(spec)},
        "aws_sagemaker_endpoint": {"this": _endpoint(spec)},
    }
    if spec.expires_at is not None:
        made["variable"] = {
            "expires_in": {
                "type": "string",
                "default": _life(spec),
                "description": "AWS deletes the endpoint so long after each apply",
            }
        }
        made["locals"] = {
            "expires_at": "${timeadd(plantimestamp(), var.expires_in)}",
            "repeated_until": f'${{timeadd(timeadd(plantimestamp(), var.expires_in), "'
            f'{_REPEATED_FOR}")}}',
        }
        resources["aws_iam_role"]["expiry"] = _role(roles.EXPIRY, spec)
        resources["aws_iam_role_policy"]["expiry"] = _policy("expiry", roles.EXPIRY, spec)
        resources["aws_scheduler_schedule"] = {"expiry": _schedule(spec)}
        # The order to delete is there, and may act, before what costs money.
        resources["aws_sagemaker_endpoint"]["this"]["depends_on"] = [
            "aws_scheduler_schedule.expiry",
            "aws_iam_role_policy.expiry",
        ]
    return {**made, "resource": resources}


def _life(spec: DeploymentSpec) -> str:
    """Return how long it was to live, as Terraform writes durations."""
    if spec.expires_at is None:
        return ""
    minutes = round((spec.expires_at - settings.now()).total_seconds() / 60)
    return f"{minutes}m" if minutes % _HOUR_MIN else f"{minutes // _HOUR_MIN}h"


def _tags(spec: DeploymentSpec) -> dict[str, str]:
    ends = {TAG_EXPIRES: "${local.expires_at}"} if spec.expires_at is not None else {}
    return {**_literal(spec.tags), **ends}


def _role(role: roles.Role, spec: DeploymentSpec) -> dict[str, Any]:
    return {
        "name_prefix": f"{role.name[:30]}-",
        "assume_role_policy": _literal(json.dumps(roles.trust(role))),
        "tags": _tags(spec),
    }


def _policy(name: str, role: roles.Role, spec: DeploymentSpec) -> dict[str, Any]:
    return {
        "role": f"${{aws_iam_role.{name}.id}}",
        "policy": _literal(json.dumps(roles.policy(role, spec.weights))),
    }


def _model(spec: DeploymentSpec) -> dict[str, Any]:
    described = requests.container(spec)
    container: dict[str, Any] = {
        "image": described["Image"],
        "environment": _literal(spec.container.environment),
    }
    if "ModelDataSource" in described:
        source = described["ModelDataSource"]["S3DataSource"]
        place = {
            "s3_uri": _literal(source["S3Uri"]),
            "s3_data_type": source["S3DataType"],
            "compression_type": source["CompressionType"],
        }
        container["model_data_source"] = [{"s3_data_source": [place]}]
    return {
        "name": requests.part_name(spec),
        "execution_role_arn": "${aws_iam_role.execution.arn}",
        "tags": _tags(spec),
        "primary_container": [container],
        "depends_on": ["aws_iam_role_policy.execution"],
    }


def _config(spec: DeploymentSpec) -> dict[str, Any]:
    variant = {_VARIANT[key]: value for key, value in requests.variant(spec).items()}
    return {
        "name": requests.part_name(spec),
        "tags": _tags(spec),
        "production_variants": [{"model_name": "${aws_sagemaker_model.this.name}", **variant}],
    }


def _endpoint(spec: DeploymentSpec) -> dict[str, Any]:
    return {
        "name": spec.name,
        "endpoint_config_name": "${aws_sagemaker_endpoint_configuration.this.name}",
        "tags": _tags(spec),
    }


def _schedule(spec: DeploymentSpec) -> dict[str, Any]:
    if spec.expires_at is None:
        return {}
    sent = requests.schedule("", spec.name, "", spec.expires_at)
    retry = sent["Target"]["RetryPolicy"]
    plain = {name: sent[key] for key, name in _SCHEDULE.items()}
    return {
        **_literal(plain),
        "start_date": "${local.expires_at}",
        "end_date": "${local.repeated_until}",
        "flexible_time_window": [{"mode": sent["FlexibleTimeWindow"]["Mode"]}],
        "target": [
            {
                "arn": sent["Target"]["Arn"],
                "role_arn": "${aws_iam_role.expiry.arn}",
                "input": _literal(sent["Target"]["Input"]),
                "retry_policy": [
                    {
                        "maximum_event_age_in_seconds": retry["MaximumEventAgeInSeconds"],
                        "maximum_retry_attempts": retry["MaximumRetryAttempts"],
                    }
                ],
            }
        ],
    }


def _literal(value: Any) -> Any:  # noqa: ANN401 - a text, or a mapping of them
    """Return texts so that Terraform takes them as they are: these begin expressions there."""
    if isinstance(value, str):
        return value.replace("${", "$${").replace("%{", "%%{")
    return {key: _literal(item) for key, item in value.items()}
