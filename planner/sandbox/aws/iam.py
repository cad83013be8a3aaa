"""Correction of moto's IAM: ``SimulatePrincipalPolicy``, which it lacks.

Documented: the operation and its answer. Assumed: the simulated identity may do everything
that the scenario does not deny.
"""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING

from werkzeug.wrappers import Response

if TYPE_CHECKING:
    from planner.sandbox.aws.protocol import AwsCall
    from planner.sandbox.world import World

_ACTION = re.compile(r"ActionNames\.member\.\d+")


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
        if call.operation != "SimulatePrincipalPolicy":
            return None
        actions = [value for key, value in call.parameters.items() if _ACTION.fullmatch(key)]
        denied = self._world.scenario.denied_actions
        members = "".join(
            f"<member><EvalActionName>{action}</EvalActionName><EvalResourceName>*"
            f"</EvalResourceName><EvalDecision>{'implicitDeny' if action in denied else 'allowed'}"
            "</EvalDecision></member>"
            for action in actions
        )
        body = (
            '<SimulatePrincipalPolicyResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/">'
            "<SimulatePrincipalPolicyResult><IsTruncated>false</IsTruncated>"
            f"<EvaluationResults>{members}</EvaluationResults></SimulatePrincipalPolicyResult>"
            f"<ResponseMetadata><RequestId>{uuid.uuid4()}</RequestId></ResponseMetadata>"
            "</SimulatePrincipalPolicyResponse>"
        )
        return Response(body, 200, content_type="text/xml")
