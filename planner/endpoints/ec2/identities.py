"""What all machines of planner's on EC2 share, made once and kept: it costs nothing.

A role that may read planner's parameters and lets Session Manager in, its instance profile, and
the role that the expiry acts as.
"""

from __future__ import annotations

from planner.clouds.aws import HOME_REGION
from planner.endpoints.aws import calls, roles
from planner.endpoints.aws.roles import Role
from planner.errors import CloudError

ENDPOINT = Role(
    "planner-ec2-endpoint",
    "what a machine that serves a model runs as",
    "endpoint-trust.json",
    "endpoint-policy.json",
    "ec2.amazonaws.com",
    "ec2",
)
EXPIRY = Role(
    "planner-ec2-expiry",
    "terminates machines when their time is up",
    "expiry-trust.json",
    "expiry-policy.json",
    "scheduler.amazonaws.com",
    "ec2",
)


def profile() -> str:
    """Return the instance profile if it is there with its role; empty where it is not."""
    try:
        found = calls.call(
            "iam",
            HOME_REGION,
            "get_instance_profile",
            "look for the instance profile",
            InstanceProfileName=ENDPOINT.name,
        )["InstanceProfile"]
    except CloudError as error:
        if calls.is_missing(error):
            return ""
        raise
    return ENDPOINT.name if found.get("Roles") else ""


def ensure_profile() -> str:
    """Make what is missing of the role, its policy and its instance profile; return its name."""
    roles.ensure(ENDPOINT, lambda _: roles.rights(ENDPOINT))
    if there := profile():
        return there
    for operation, parameters in (
        ("create_instance_profile", {"InstanceProfileName": ENDPOINT.name}),
        (
            "add_role_to_instance_profile",
            {"InstanceProfileName": ENDPOINT.name, "RoleName": ENDPOINT.name},
        ),
    ):
        try:
            calls.call("iam", HOME_REGION, operation, "make the instance profile", **parameters)
        except CloudError as error:
            # Two deploys at once both find it missing.
            if error.code not in {"EntityAlreadyExists", "LimitExceeded"}:
                raise
    return ENDPOINT.name


def expiry_role() -> str:
    """Return the ARN of the role of the expiry; empty where it is not there."""
    found = roles.find(EXPIRY.name)
    return str(found["Arn"]) if found is not None else ""


def ensure_expiry_role() -> str:
    """Make the role of the expiry, or give it its policy, and return its ARN."""
    return roles.ensure(EXPIRY, lambda _: roles.rights(EXPIRY))


def is_unknown_profile(error: Exception) -> bool:
    """Tell whether EC2 does not know an instance profile; new ones take seconds to be known."""
    return isinstance(error, CloudError) and "IAM Instance Profile" in error.why
