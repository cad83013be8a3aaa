"""The IAM roles of an endpoint: what the container, the expiry, the deletion on idle run as."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse

from planner.endpoints.aws import roles
from planner.endpoints.aws.roles import Role, find, trust, trusts

if TYPE_CHECKING:
    from planner.endpoints.model import Weights

__all__ = ["EXECUTION", "EXPIRY", "IDLE", "Role", "create", "find", "policy", "trust", "trusts"]

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


def create(role: Role, weights: Weights) -> str:
    """Create a role with its least-privilege policy and return its ARN."""
    return roles.create(role, policy(role, weights))


def policy(role: Role, weights: Weights) -> dict[str, Any]:
    """Return a role's policy; for weights in S3 it may read that bucket."""
    document = roles.rights(role)
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
