"""Services that act as a role refuse one that they cannot assume, or not yet.

Documented: the refusals of EventBridge Scheduler and of Step Functions, as users report them
(hashicorp/terraform#17726, stackoverflow 76091158). Moto keeps the schedules and the machines.
Knob: ``identity_lag_s``.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from planner.sandbox.aws import principals
from planner.sandbox.aws.protocol import AwsError

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

    from planner.sandbox.aws.protocol import AwsCall
    from planner.sandbox.world import World


class Scheduler:
    """Looks at the roles of new and changed schedules."""

    service = "scheduler"

    def __init__(self, world: World) -> None:
        self._world = world

    def handle(self, call: AwsCall) -> Response | None:
        """Refuse a role; all else is moto's."""
        if call.method not in {"POST", "PUT"} or not call.path.startswith("/schedules/"):
            return None
        role = json.loads(call.body or b"{}").get("Target", {}).get("RoleArn", "")
        if not principals.assumable(self._world, role, "scheduler.amazonaws.com"):
            raise AwsError(
                "ValidationException",
                "The execution role you provide must allow AWS EventBridge Scheduler to assume "
                "the role.",
            )
        return None


class StepFunctions:
    """Looks at the roles of new state machines."""

    service = "states"

    def __init__(self, world: World) -> None:
        self._world = world

    def handle(self, call: AwsCall) -> Response | None:
        """Refuse a role; all else is moto's."""
        if call.operation != "CreateStateMachine":
            return None
        role = call.parameters.get("roleArn", "")
        if not principals.assumable(self._world, role, "states.amazonaws.com"):
            raise AwsError(
                "AccessDeniedException",
                "Neither the global service principal states.amazonaws.com, nor the regional "
                "one is authorized to assume the provided role.",
            )
        return None
