"""Correction of moto's Application Auto Scaling, which does not know inference components."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.sandbox.aws.protocol import AwsCall, check_parameters, json_response
from planner.sandbox.aws.sagemaker_components import ComponentScaling

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

    from planner.sandbox.world import World


class ApplicationAutoScaling:
    """Targets and policies of inference components; moto does the rest."""

    service = "application-autoscaling"

    def __init__(self, world: World) -> None:
        self._components = ComponentScaling(world)

    def handle(self, call: AwsCall) -> Response | None:
        """Answer a call about an inference component."""
        answer = self._components.answer(call)
        if answer is None:
            return None
        check_parameters(call, "ValidationException")
        return json_response(call, answer)
