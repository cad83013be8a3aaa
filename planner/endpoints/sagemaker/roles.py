"""The IAM roles of an endpoint: what the container, the expiry, the deletion on idle run as."""

from __future__ import annotations

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
_WEIGHTS = "ReadTheWeights"

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
    if role is not EXECUTION:
        return document
    places = {*_places(now or {}), *(_arns(weights) if weights.in_s3 else ())}
    if places:
        document["Statement"].append(
            {
                "Sid": _WEIGHTS,
                "Effect": "Allow",
                "Action": ["s3:GetObject", "s3:ListBucket"],
                "Resource": sorted(places),
            }
        )
    return document


def _arns(weights: Weights) -> list[str]:
    place = urlparse(weights.location)
    prefix = place.path.strip("/")
    bucket = f"arn:aws:s3:::{place.netloc}"
    return [bucket, f"{bucket}/{prefix}/*" if prefix else f"{bucket}/*"]


def _places(document: dict[str, Any]) -> list[str]:
    """Return what a policy lets the container read."""
    named = (s for s in document.get("Statement", []) if s.get("Sid") == _WEIGHTS)
    return [place for statement in named for place in statement["Resource"]]
