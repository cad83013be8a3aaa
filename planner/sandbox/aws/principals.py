"""Roles of the simulated account: when they are known, and what they may do.

Moto keeps the roles. Documented (IAM user guide): changes are not visible at once everywhere.
Assumed: a role and what it may become known together, ``identity_lag_s`` after the change.
Knobs: ``identity_lag_s``, ``roles_judged``.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from moto.iam.models import iam_backends

from planner.sandbox.aws.policies import Decision, decide
from planner.sandbox.aws.protocol import ACCOUNT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from planner.sandbox.aws.protocol import AwsCall
    from planner.sandbox.world import World

_ROLES, _POLICIES = "iam-roles", "iam-policies"


def remember(world: World, call: AwsCall) -> None:
    """Note when a role is made, and when it gets or loses a policy."""
    name, policy = call.parameters.get("RoleName", ""), call.parameters.get("PolicyName", "")
    if call.operation == "CreateRole" and find(name) is None:
        world.notes[_ROLES][name] = world.now()
        world.notes[_POLICIES].pop(name, None)
    if call.operation in {"PutRolePolicy", "DeleteRolePolicy"} and find(name) is not None:
        text = call.parameters.get("PolicyDocument", "")
        past = world.notes[_POLICIES].setdefault(name, {}).setdefault(policy, [])
        if not past or past[-1][1] != text:
            past.append((world.now(), text))


def find(arn: str) -> Any:  # noqa: ANN401 - moto's
    """Return a role by its name or ARN; None where there is none."""
    name = arn.rsplit("/", 1)[-1]
    roles = iam_backends[ACCOUNT]["aws"].roles.values()
    return next((role for role in roles if role.name == name), None)


def assumable(world: World, arn: str, service: str) -> bool:
    """Tell whether a service can assume a role by now."""
    role = find(arn)
    if role is None or service not in str(role.assume_role_policy_document):
        return False
    return _known(world, world.notes[_ROLES].get(role.name))


def may(
    world: World, arn: str, action: str, resource: str, context: Mapping[str, str] | None = None
) -> bool:
    """Tell whether a role may do something by now; where roles are not judged, it may."""
    if not world.scenario.roles_judged:
        return True
    role = find(arn)
    if role is None or not _known(world, world.notes[_ROLES].get(role.name)):
        return False
    return decide(documents(world, role), action, resource, context) is Decision.ALLOWED


def documents(world: World, role: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - moto's
    """Return a role's policies as they are in force by now."""
    noted = world.notes[_POLICIES].get(role.name, {})
    texts = [
        policy
        for name, policy in role.policies.items()
        if name not in noted  # made before the sandbox looked: a test's own
    ]
    for past in noted.values():
        known = [text for at, text in past if _known(world, at)]
        texts += [known[-1]] if known and known[-1] else []
    texts += [managed.document for managed in role.managed_policies.values()]
    return [json.loads(text if text.lstrip().startswith("{") else unquote(text)) for text in texts]


def tags_context(tags: Mapping[str, str]) -> dict[str, str]:
    """Return the condition keys that a resource's tags give."""
    return {f"aws:ResourceTag/{key}": value for key, value in tags.items()}


def _known(world: World, since: datetime | None) -> bool:
    late = timedelta(seconds=world.scenario.identity_lag_s)
    return since is None or world.now() >= since + late
