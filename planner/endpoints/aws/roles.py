"""IAM roles that planner makes: found, created with their least rights, kept.

They are shared by all endpoints of an account and cost nothing, so a rollback leaves them:
another endpoint's expiry may depend on them by then.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from planner.bundled import deploy_templates
from planner.clouds.aws import HOME_REGION
from planner.endpoints.aws import calls
from planner.errors import CloudError


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
    calls.call(
        "iam",
        HOME_REGION,
        "put_role_policy",
        f"give the role {role.name} its policy",
        RoleName=role.name,
        PolicyName="planner",
        PolicyDocument=json.dumps(policy),
    )
    return str(made["Arn"])


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
