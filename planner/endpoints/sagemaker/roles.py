"""The IAM roles of an endpoint: what the container, the expiry, the deletion on idle run as."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse

from planner.endpoints.aws import roles
from planner.endpoints.aws.roles import Role, find, in_force, trust, trusts

if TYPE_CHECKING:
    from planner.endpoints.model import Weights

__all__ = [
    "EXECUTION",
    "EXPIRY",
    "IDLE",
    "Role",
    "ensure",
    "find",
    "in_force",
    "policy",
    "trust",
    "trusts",
]
_READ = "ReadTheWeights"

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


def ensure(role: Role, weights: Weights) -> str:
    """Return the ARN of a role that is there with its least-privilege policy."""
    return roles.ensure(role, lambda now: policy(role, weights, now))


def policy(role: Role, weights: Weights, now: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return a role's policy; for weights in S3 it may read where they lie.

    Args:
        role: One of the above.
        weights: What the container reads.
        now: The policy in force: the role is shared, so what other endpoints read stays.
    """
    document = roles.rights(role)
    if role is EXECUTION:
        kept = {item["Sid"]: item for item in (now or {}).get("Statement", []) if _is_read(item)}
        own = [_read(weights)] if weights.in_s3 else []
        document["Statement"] += {**kept, **{item["Sid"]: item for item in own}}.values()
    return document


def _read(weights: Weights) -> dict[str, Any]:
    """Return the statement that lets the container read its weights: one for each place."""
    place = urlparse(weights.location)
    bucket, prefix = f"arn:aws:s3:::{place.netloc}", place.path.strip("/")
    mark = hashlib.sha256(f"{place.netloc}/{prefix}".encode()).hexdigest()[:8]
    return {
        "Sid": f"{_READ}{mark}",
        "Effect": "Allow",
        "Action": ["s3:GetObject", "s3:ListBucket"],
        "Resource": [bucket, f"{bucket}/{prefix}/*" if prefix else f"{bucket}/*"],
    }


def _is_read(statement: dict[str, Any]) -> bool:
    return str(statement.get("Sid", "")).startswith(_READ)
