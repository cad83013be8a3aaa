"""The IAM roles of an endpoint: what the container, the expiry, the deletion on idle run as.

They are shared by all endpoints of an account and cost nothing, so a rollback leaves them:
another endpoint's expiry may depend on them by then.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse

from planner.bundled import deploy_templates
from planner.clouds.aws import HOME_REGION
from planner.endpoints.sagemaker import api
from planner.errors import CloudError

if TYPE_CHECKING:
    from planner.endpoints.model import Weights


@dataclass(frozen=True, slots=True)
class Role:
    """One role, and the files that describe it.

    Attributes:
        service: Who assumes it.
    """

    name: str
    purpose: str
    trust: str
    policy: str
    service: str


EXECUTION = Role(
    "planner-sagemaker-execution",
    "what the container runs as",
    "execution-trust.json",
    "execution-policy.json",
    "sagemaker.amazonaws.com",
)
EXPIRY = Role(
    "planner-endpoint-expiry",
    "deletes endpoints when their time is up",
    "expiry-trust.json",
    "expiry-policy.json",
    "scheduler.amazonaws.com",
)

IDLE = Role(
    "planner-endpoint-idle",
    "looks whether endpoints are used, and deletes those that are not",
    "idle-trust.json",
    "idle-policy.json",
    "states.amazonaws.com",
)


def find(name: str) -> dict[str, Any] | None:
    """Return a role by name or ARN, or None where there is none."""
    short = name.rsplit("/", 1)[-1]
    try:
        role: dict[str, Any] = api.call(
            "iam", HOME_REGION, "get_role", f"look for the role {short}", RoleName=short
        )["Role"]
    except CloudError as error:
        if api.is_missing(error):
            return None
        raise
    return role


def create(role: Role, weights: Weights) -> str:
    """Create a role with its least-privilege policy and return its ARN."""
    try:
        made = api.call(
            "iam",
            HOME_REGION,
            "create_role",
            f"create the role {role.name}",
            RoleName=role.name,
            AssumeRolePolicyDocument=json.dumps(_document(role.trust)),
            Description=f"planner: {role.purpose}",
            Tags=[{"Key": "planner:role", "Value": role.purpose}],
        )["Role"]
    except CloudError as error:
        # Two deploys at once both find it missing.
        if error.code != "EntityAlreadyExists":
            raise
        made = find(role.name) or {}
    api.call(
        "iam",
        HOME_REGION,
        "put_role_policy",
        f"give the role {role.name} its policy",
        RoleName=role.name,
        PolicyName="planner",
        PolicyDocument=json.dumps(policy(role, weights)),
    )
    return str(made["Arn"])


def policy(role: Role, weights: Weights) -> dict[str, Any]:
    """Return a role's policy; for weights in S3 it may read that bucket."""
    document = _document(role.policy)
    if role is EXECUTION and weights.in_s3:
        place = urlparse(weights.location)
        prefix = place.path.strip("/")
        document["Statement"].append(
            {
                "Sid": "ReadTheWeights",
                "Effect": "Allow",
                "Action": ["s3:GetObject", "s3:ListBucket"],
                "Resource": [
                    f"arn:aws:s3:::{place.netloc}",
                    f"arn:aws:s3:::{place.netloc}/{prefix}/*"
                    if prefix
                    else f"arn:aws:s3:::{place.netloc}/*",
                ],
            }
        )
    return document


def trust(role: Role) -> dict[str, Any]:
    """Return who may assume a role."""
    return _document(role.trust)


def trusts(found: dict[str, Any], service: str) -> bool:
    """Tell whether a role lets a service assume it."""
    document = found.get("AssumeRolePolicyDocument", {})
    statements = document.get("Statement", [])
    for statement in statements if isinstance(statements, list) else [statements]:
        principals = statement.get("Principal", {})
        services = principals.get("Service", []) if isinstance(principals, dict) else []
        if statement.get("Effect") == "Allow" and service in (
            [services] if isinstance(services, str) else services
        ):
            return True
    return False


def _document(name: str) -> dict[str, Any]:
    path = deploy_templates() / "sagemaker" / name
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document
