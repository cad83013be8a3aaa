"""Correction of moto's IAM: ``SimulatePrincipalPolicy``, which it lacks.

Documented: the operation and its answer: each action is judged for each of ``ResourceArns``
(``*`` where none is named, which a policy with resources does not match: cloud-custodian#4612),
with the condition keys of ``ContextEntries``. Assumed: the user of the sandbox may do what the
scenario's ``identity`` allows, or everything, and nothing that it denies.
"""

from __future__ import annotations

import json
import re
import uuid
from itertools import product
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Response

from planner.clouds import permissions
from planner.sandbox.aws import principals
from planner.sandbox.aws.ec2_answers import members
from planner.sandbox.aws.policies import Decision, decide
from planner.sandbox.aws.protocol import AwsError

if TYPE_CHECKING:
    from planner.sandbox.aws.protocol import AwsCall
    from planner.sandbox.world import World

_ENTRY = re.compile(r"ContextEntries\.member\.(\d+)\.ContextKeyName")
_EVERYTHING = {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}


class Iam:
    """Simulates policies; moto does the rest of IAM."""

    service = "iam"

    def __init__(self, world: World) -> None:
        self._world = world

    def handle(self, call: AwsCall) -> Response | None:
        """Answer a simulation."""
        if call.operation == "AddRoleToInstanceProfile":
            # EC2 knows a new profile late; planner.sandbox.aws.ec2_machines says so.
            name = call.parameters.get("InstanceProfileName", "")
            self._world.notes["iam-born"].setdefault(name, self._world.now())
        principals.remember(self._world, call)
        if call.operation != "SimulatePrincipalPolicy":
            return None
        actions = members(call, "ActionNames.member")
        resources = members(call, "ResourceArns.member") or ["*"]
        documents, context = self._documents(call), _context(call)
        rows = "".join(
            f"<member><EvalActionName>{action}</EvalActionName><EvalResourceName>{resource}"
            f"</EvalResourceName><EvalDecision>"
            f"{self._decision(documents, action, resource, context)}</EvalDecision></member>"
            for action, resource in product(actions, resources)
        )
        body = (
            '<SimulatePrincipalPolicyResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/">'
            "<SimulatePrincipalPolicyResult><IsTruncated>false</IsTruncated>"
            f"<EvaluationResults>{rows}</EvaluationResults></SimulatePrincipalPolicyResult>"
            f"<ResponseMetadata><RequestId>{uuid.uuid4()}</RequestId></ResponseMetadata>"
            "</SimulatePrincipalPolicyResponse>"
        )
        return Response(body, 200, content_type="text/xml")

    def _documents(self, call: AwsCall) -> list[dict[str, Any]] | None:
        """Return the policies of who is asked about; None for the user."""
        arn = call.parameters.get("PolicySourceArn", "")
        if ":role/planner" not in arn:
            return None
        role = principals.find(arn)
        if role is None:
            raise AwsError("NoSuchEntity", f"The role with name {arn} cannot be found.", 404)
        return principals.documents(self._world, role)

    def _decision(
        self,
        documents: list[dict[str, Any]] | None,
        action: str,
        resource: str,
        context: dict[str, str],
    ) -> Decision:
        scenario = self._world.scenario
        if documents is None:
            if action in scenario.denied_actions:
                return Decision.IMPLICIT_DENY
            documents = identity(scenario.identity)
        return decide(documents, action, resource, context)


def identity(commands: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return the policies of the sandbox's user: the printed ones of these commands, or all."""
    if not commands:
        return [_EVERYTHING]
    return [
        json.loads(policy.text)
        for command in commands
        for policy in permissions.policies(command, ("aws",))
    ]


def _context(call: AwsCall) -> dict[str, str]:
    numbers = (match[1] for key in call.parameters if (match := _ENTRY.fullmatch(key)))
    entries = [f"ContextEntries.member.{number}" for number in numbers]
    return {
        call.parameters[f"{entry}.ContextKeyName"]: call.parameters[
            f"{entry}.ContextKeyValues.member.1"
        ]
        for entry in entries
    }
