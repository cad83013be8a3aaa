"""Correction of moto's Parameter Store: the public parameters of AWS's machine images.

Documented: the names of the parameters (Deep Learning AMI developer guide). Invented: the id.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.sandbox.aws.protocol import AwsCall, AwsError, json_response

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

    from planner.sandbox.world import World

_IMAGES = "/aws/service/deeplearning/ami/"
_KNOWN = "base-oss-nvidia-driver-gpu-ubuntu-22.04/latest/ami-id"
IMAGE = "ami-0dee9b1ea50000000"


class Ssm:
    """Answers for public parameters; moto does the rest."""

    service = "ssm"

    def __init__(self, world: World) -> None:
        self._world = world

    def handle(self, call: AwsCall) -> Response | None:
        """Answer GetParameter of a machine image."""
        name = str(call.parameters.get("Name", ""))
        if call.operation != "GetParameter" or not name.startswith(_IMAGES):
            return None
        if not name.endswith(_KNOWN):
            raise AwsError("ParameterNotFound", "")
        return json_response(
            call, {"Parameter": {"Name": name, "Type": "String", "Value": IMAGE, "Version": 1}}
        )
