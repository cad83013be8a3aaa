"""IAM roles that planner makes: found, created with their least rights, kept.

They are shared by all endpoints of an account and cost nothing, so a rollback leaves them:
another endpoint's expiry may depend on them by then.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from planner.bundled import deploy_templates
from planner.clouds.aws import HOME_REGION
from planner.endpoints.aws import calls
from planner.errors import CloudError, PermissionDeniedError

if TYPE_CHECKING:
    from collections.abc import Callable

_POLICY = "planner"
"""The name of the policy in each of planner's roles."""


@dataclass(frozen=True, slots=True)
class Role:
    """One role, and the files that describe it.

    Attributes:
        trust, policy: Files of ``deploy_templates`` below ``folder``.
        service: Who assumes it.
    """

    name: str
    purpose: str
    trust: str
    policy: str
    service: str
    folder: str = "sagemaker"


def find(name: str) -> dict[str, Any] | None:
    """Return a role by name or ARN, or None where there is none."""
    short = name.rsplit("/", 1)[-1]
    try:
        role: dict[str, Any] = calls.call(
            "iam", HOME_REGION, "get_role", f"look for the role {short}", RoleName=short
        )["Role"]
    except CloudError as error:
        if calls.is_missing(error):
            return None
        raise
    return role


def in_force(role: Role) -> dict[str, Any] | None:
    """Return the policy that planner gave a role; None where it has none.

    Raises:
        PermissionDeniedError: It may not be read.
    """
    try:
        found = calls.call(
            "iam",
            HOME_REGION,
            "get_role_policy",
            f"read the policy of the role {role.name}",
            RoleName=role.name,
            PolicyName=_POLICY,
        )["PolicyDocument"]
    except CloudError as error:
        if calls.is_missing(error):
            return None
        raise
    document: dict[str, Any] = found if isinstance(found, dict) else json.loads(unquote(found))
    return document


def ensure(role: Role, wanted: Callable[[dict[str, Any] | None], dict[str, Any]]) -> str:
    """Return the ARN of a role that is there with its policy; make or mend what is missing.

    A run may have ended between the two, or the policy may be of an older planner.

    Args:
        role: One of planner's own.
        wanted: Takes the policy that is in force and returns the one that must be.

    Raises:
        PermissionDeniedError: It has no policy, and may not be given one.
    """
    found = find(role.name)
    if found is None:
        return create(role, wanted(None))
    try:
        now = in_force(role)
    except PermissionDeniedError:
        return str(found["Arn"])  # someone else keeps the roles; preflight says what is not known
    must = wanted(now)
    if now != must:
        try:
            _put(role, must)
        except PermissionDeniedError:
            if now is None:
                raise
    return str(found["Arn"])


def create(role: Role, policy: dict[str, Any]) -> str:
    """Create a role with a policy and return its ARN."""
    try:
        made = calls.call(
            "iam",
            HOME_REGION,
            "create_role",
            f"create the role {role.name}",
            RoleName=role.name,
            AssumeRolePolicyDocument=json.dumps(trust(role)),
            Description=f"planner: {role.purpose}",
            Tags=[{"Key": "planner:role", "Value": role.purpose}],
        )["Role"]
    except CloudError as error:
        # Two deploys at once both find it missing.
        if error.code != "EntityAlreadyExists":
            raise
        made = find(role.name) or {}
    _put(role, policy)
    return str(made["Arn"])


def _put(role: Role, policy: dict[str, Any]) -> None:
    calls.call(
        "iam",
        HOME_REGION,
        "put_role_policy",
        f"give the role {role.name} its policy",
        RoleName=role.name,
        PolicyName=_POLICY,
        PolicyDocument=json.dumps(policy),
    )


def trust(role: Role) -> dict[str, Any]:
    """Return who may assume a role."""
    return _document(role, role.trust)


def rights(role: Role) -> dict[str, Any]:
    """Return a role's policy as its file has it."""
    return _document(role, role.policy)


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


def _document(role: Role, name: str) -> dict[str, Any]:
    path = deploy_templates() / role.folder / name
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document
