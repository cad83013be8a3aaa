"""The same endpoint as a template, for teams that do not let tools create things.

CloudFormation as JSON, Terraform as HCL. Neither holds a token: CloudFormation resolves it from
Secrets Manager, Terraform reads it from there. The expiry is part of both.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from planner.endpoints.sagemaker import requests, roles
from planner.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from planner.endpoints.model import DeploymentSpec

FORMATS = ("cloudformation", "terraform")
SECRET = "planner/huggingface-token"  # noqa: S105 - the name of a secret
_ISO = "%Y-%m-%dT%H:%M:%SZ"


def emit(spec: DeploymentSpec, kind: str) -> str:
    """Return the template of a deployment.

    Raises:
        UnknownNameError: No such kind of template.
        UsageError: The deployment has a guard that templates do not carry.
    """
    if kind in FORMATS and spec.guard.kinds:
        raise UsageError(
            "templates carry the endpoint and its expiry, and no other guard",
            why="they would leave out what was asked for: " + ", ".join(spec.guard.kinds),
            advice="leave --idle, --budget, --min-instances and --max-instances out, or let "
            "planner deploy make it (without --emit)",
        )
    if kind == "cloudformation":
        return json.dumps(cloudformation(spec), indent=2)
    if kind == "terraform":
        return terraform(spec)
    raise UnknownNameError("template", kind, FORMATS)


def cloudformation(spec: DeploymentSpec) -> dict[str, Any]:
    """Return the CloudFormation template."""
    tags = requests.tags(spec)
    environment: dict[str, Any] = dict(spec.container.environment)
    parameters = {}
    if _needs_token(spec):
        parameters["TokenSecret"] = {
            "Type": "String",
            "Default": SECRET,
            "Description": "Secrets Manager secret that holds the Hugging Face token",
        }
        environment[spec.container.token_variable] = {
            "Fn::Sub": "{{resolve:secretsmanager:${TokenSecret}:SecretString}}"
        }
    resources: dict[str, Any] = {
        "ExecutionRole": _role(roles.EXECUTION, spec),
        "Model": {
            "Type": "AWS::SageMaker::Model",
            "Properties": {
                "ExecutionRoleArn": {"Fn::GetAtt": ["ExecutionRole", "Arn"]},
                "PrimaryContainer": {**requests.container(spec), "Environment": environment},
                "Tags": tags,
            },
        },
        "EndpointConfig": {
            "Type": "AWS::SageMaker::EndpointConfig",
            "Properties": {
                "ProductionVariants": [
                    {
                        **requests.variant(spec),
                        "ModelName": {"Fn::GetAtt": ["Model", "ModelName"]},
                    }
                ],
                "Tags": tags,
            },
        },
        "Endpoint": {
            "Type": "AWS::SageMaker::Endpoint",
            "Properties": {
                "EndpointName": spec.name,
                "EndpointConfigName": {"Fn::GetAtt": ["EndpointConfig", "EndpointConfigName"]},
                "Tags": tags,
            },
        },
    }
    if spec.expires_at is not None:
        resources["ExpiryRole"] = _role(roles.EXPIRY, spec)
        resources["Expiry"] = {
            "Type": "AWS::Scheduler::Schedule",
            "Properties": _schedule(spec, {"Fn::GetAtt": ["ExpiryRole", "Arn"]}),
        }
        # The order to delete is there before what costs money.
        resources["Endpoint"]["DependsOn"] = "Expiry"
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": f"{spec.plan.model} on SageMaker, written by planner deploy --emit",
        **({"Parameters": parameters} if parameters else {}),
        "Resources": resources,
        "Outputs": {"EndpointName": {"Value": {"Fn::GetAtt": ["Endpoint", "EndpointName"]}}},
    }


def terraform(spec: DeploymentSpec) -> str:
    """Return the Terraform configuration, laid out as ``terraform fmt`` lays it out."""
    environment: dict[str, Any] = dict(spec.container.environment)
    blocks = [
        _block(
            "terraform",
            {
                "required_providers": {
                    "aws": {"source": "hashicorp/aws", "version": ">= 5.80"},
                }
            },
            nested={"required_providers"},
        ),
        _block('provider "aws"', {"region": spec.region}),
    ]
    if _needs_token(spec):
        blocks.append(
            _block(
                'data "aws_secretsmanager_secret_version" "token"',
                {"secret_id": SECRET},
            )
        )
        environment[spec.container.token_variable] = _Raw(
            "data.aws_secretsmanager_secret_version.token.secret_string"
        )
    blocks += [*_terraform_role("execution", roles.EXECUTION, spec)]
    described = requests.container(spec)
    container: dict[str, Any] = {"image": described["Image"], "environment": environment}
    if "ModelDataSource" in described:
        source = described["ModelDataSource"]["S3DataSource"]
        container["model_data_source"] = {
            "s3_data_source": {
                "s3_uri": source["S3Uri"],
                "s3_data_type": source["S3DataType"],
                "compression_type": source["CompressionType"],
            }
        }
    blocks.append(
        _block(
            'resource "aws_sagemaker_model" "this"',
            {
                "name": requests.part_name(spec),
                "execution_role_arn": _Raw("aws_iam_role.execution.arn"),
                "tags": spec.tags,
                "primary_container": container,
            },
            nested={"primary_container", "model_data_source", "s3_data_source"},
        )
    )
    blocks.append(
        _block(
            'resource "aws_sagemaker_endpoint_configuration" "this"',
            {
                "name": requests.part_name(spec),
                "tags": spec.tags,
                "production_variants": _terraform_variant(spec),
            },
            nested={"production_variants"},
        )
    )
    endpoint: dict[str, Any] = {
        "name": spec.name,
        "endpoint_config_name": _Raw("aws_sagemaker_endpoint_configuration.this.name"),
        "tags": spec.tags,
    }
    if spec.expires_at is not None:
        endpoint["depends_on"] = _Raw("[aws_scheduler_schedule.expiry]")
        blocks += [*_terraform_role("expiry", roles.EXPIRY, spec), _terraform_schedule(spec)]
    blocks.append(_block('resource "aws_sagemaker_endpoint" "this"', endpoint))
    return "\n\n".join(blocks)


class _Raw(str):
    """An expression, not a text."""

    __slots__ = ()


def _needs_token(spec: DeploymentSpec) -> bool:
    return spec.weights.gated and not spec.weights.in_s3


def _role(role: roles.Role, spec: DeploymentSpec) -> dict[str, Any]:
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": roles.trust(role),
            "Policies": [
                {"PolicyName": "planner", "PolicyDocument": roles.policy(role, spec.weights)}
            ],
            "Tags": requests.tags(spec),
        },
    }


def _schedule(spec: DeploymentSpec, role: Any) -> dict[str, Any]:  # noqa: ANN401 - a reference
    if spec.expires_at is None:
        return {}
    sent = requests.schedule("", spec.name, "", spec.expires_at)
    return {
        key: sent[key]
        for key in (
            "Description",
            "ScheduleExpression",
            "ScheduleExpressionTimezone",
            "FlexibleTimeWindow",
        )
    } | {
        "StartDate": sent["StartDate"].strftime(_ISO),
        "EndDate": sent["EndDate"].strftime(_ISO),
        "Target": {**sent["Target"], "RoleArn": role},
    }


def _terraform_variant(spec: DeploymentSpec) -> dict[str, Any]:
    sent = requests.variant(spec)
    names = {
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
    return {
        "model_name": _Raw("aws_sagemaker_model.this.name"),
        **{names[key]: value for key, value in sent.items()},
    }


def _terraform_role(name: str, role: roles.Role, spec: DeploymentSpec) -> list[str]:
    return [
        _block(
            f'resource "aws_iam_role" "{name}"',
            {
                "name_prefix": f"{role.name[:30]}-",
                "assume_role_policy": json.dumps(roles.trust(role)),
                "tags": spec.tags,
            },
        ),
        _block(
            f'resource "aws_iam_role_policy" "{name}"',
            {
                "role": _Raw(f"aws_iam_role.{name}.id"),
                "policy": json.dumps(roles.policy(role, spec.weights)),
            },
        ),
    ]


def _terraform_schedule(spec: DeploymentSpec) -> str:
    sent = _schedule(spec, _Raw("aws_iam_role.expiry.arn"))
    retry = sent["Target"]["RetryPolicy"]
    return _block(
        'resource "aws_scheduler_schedule" "expiry"',
        {
            "description": sent["Description"],
            "schedule_expression": sent["ScheduleExpression"],
            "schedule_expression_timezone": sent["ScheduleExpressionTimezone"],
            "start_date": sent["StartDate"],
            "end_date": sent["EndDate"],
            "flexible_time_window": {"mode": "OFF"},
            "target": {
                "arn": sent["Target"]["Arn"],
                "role_arn": sent["Target"]["RoleArn"],
                "input": sent["Target"]["Input"],
                "retry_policy": {
                    "maximum_event_age_in_seconds": retry["MaximumEventAgeInSeconds"],
                    "maximum_retry_attempts": retry["MaximumRetryAttempts"],
                },
            },
        },
        nested={"flexible_time_window", "target", "retry_policy"},
    )


def _block(head: str, body: Mapping[str, Any], *, nested: set[str] | None = None) -> str:
    lines = _attributes(body, nested or set(), indent="  ")
    return "\n".join([f"{head} {{", *lines, "}"])


def _attributes(body: Mapping[str, Any], nested: set[str], indent: str) -> list[str]:
    """Return the lines of a block; runs of one-line attributes have their ``=`` in a column."""
    lines: list[str] = []
    group: list[tuple[str, str]] = []

    def flush() -> None:
        width = max((len(name) for name, _ in group), default=0)
        lines.extend(f"{indent}{name:<{width}} = {value}" for name, value in group)
        group.clear()

    for key, value in body.items():
        name = key if key.replace("_", "").isalnum() else json.dumps(key)
        if isinstance(value, dict):
            flush()
            if lines and (key in nested):
                lines.append("")
            opening = f"{indent}{name} {{" if key in nested else f"{indent}{name} = {{"
            lines += [opening, *_attributes(value, nested, f"{indent}  "), f"{indent}}}"]
        else:
            group.append((name, _value(value)))
    flush()
    return lines


def _value(value: Any) -> str:  # noqa: ANN401 - text, number, expression
    if isinstance(value, _Raw):
        return str(value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    text = json.dumps(value)
    # In HCL these begin an interpolation.
    return text.replace("${", "$${").replace("%{", "%%{")
