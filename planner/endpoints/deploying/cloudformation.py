"""The same endpoint as a CloudFormation template.

It is used on another day than it is written, so it holds no moment: the end is a parameter. It
holds no token either: CloudFormation resolves it from Secrets Manager.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from planner.endpoints.model import TAG_EXPIRES
from planner.endpoints.sagemaker import requests, roles

if TYPE_CHECKING:
    from planner.endpoints.model import DeploymentSpec

_SAME_SCHEDULE = (
    "Description",
    "ScheduleExpression",
    "ScheduleExpressionTimezone",
    "FlexibleTimeWindow",
)
"""What the template says of the expiry as a deploy does."""
_SECRET = "planner/huggingface-token"  # noqa: S105 - the name of a secret
_EXPIRES = "ExpiresAt"


def cloudformation(spec: DeploymentSpec) -> dict[str, Any]:
    """Return the CloudFormation template."""
    tags = _tags(spec)
    environment: dict[str, Any] = dict(spec.container.environment)
    parameters: dict[str, Any] = {}
    if spec.expires_at is not None:
        parameters[_EXPIRES] = {
            "Type": "String",
            "AllowedPattern": r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z",
            "ConstraintDescription": "UTC, as 2030-01-31T18:00:00Z",
            "Description": "When AWS deletes the endpoint. In eight hours: "
            "$(date -u -d '+8 hours' +%Y-%m-%dT%H:%M:%SZ)",
        }
    if spec.weights.needs_token:
        parameters["TokenSecret"] = {
            "Type": "String",
            "Default": _SECRET,
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


def _role(role: roles.Role, spec: DeploymentSpec) -> dict[str, Any]:
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": roles.trust(role),
            "Policies": [
                {"PolicyName": "planner", "PolicyDocument": roles.policy(role, spec.weights)}
            ],
            "Tags": _tags(spec),
        },
    }


def _schedule(spec: DeploymentSpec, role: Any) -> dict[str, Any]:  # noqa: ANN401 - a reference
    """Return the schedule. It repeats its order until the stack goes: no end can be computed."""
    if spec.expires_at is None:
        return {}
    sent = requests.schedule("", spec.name, "", spec.expires_at)
    return {
        **{name: sent[name] for name in _SAME_SCHEDULE},
        "StartDate": {"Ref": _EXPIRES},
        "Target": {**sent["Target"], "RoleArn": role},
    }


def _tags(spec: DeploymentSpec) -> list[dict[str, Any]]:
    """Return the tags, the end among them as the parameter that it is."""
    end = {"Key": TAG_EXPIRES, "Value": {"Ref": _EXPIRES}}
    return [
        end if spec.expires_at is not None and tag["Key"] == TAG_EXPIRES else tag
        for tag in requests.tags(spec)
    ]
