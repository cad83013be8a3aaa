"""The same endpoint as a template, for teams that do not let tools create things."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from planner.endpoints.deploying.cloudformation import cloudformation
from planner.endpoints.deploying.terraform import terraform
from planner.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from planner.endpoints.model import DeploymentSpec

_WRITERS = {"cloudformation": cloudformation, "terraform": terraform}
FORMATS = tuple(_WRITERS)


def emit(spec: DeploymentSpec, kind: str) -> str:
    """Return the template of a deployment, as JSON.

    Raises:
        UnknownNameError: No such kind of template.
        UsageError: The deployment has something that this kind does not carry.
    """
    if kind not in FORMATS:
        raise UnknownNameError("template", kind, FORMATS)
    if spec.guard.kinds:
        raise UsageError(
            "templates carry the endpoint and its expiry, and no other guard",
            why="they would leave out what was asked for: " + ", ".join(spec.guard.kinds),
            advice="leave --idle, --budget, --min-instances and --max-instances out, or let "
            "planner deploy make it (without --emit)",
        )
    if spec.ingress.is_open:
        raise UsageError("templates carry no way in", advice="planner deploy (without --emit)")
    if spec.reservation:
        raise UsageError("templates carry no reservation", advice="planner deploy (without --emit)")
    return json.dumps(_WRITERS[kind](spec), indent=2)
