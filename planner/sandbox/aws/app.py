"""The WSGI application of simulated AWS: faults first, then our services, then moto."""

from __future__ import annotations

import json
import time
from io import BytesIO
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import parse_qsl

from moto.moto_api._internal.models import moto_api_backend
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.wrappers import Request, Response

from planner.sandbox.aws import corrections, ec2_machines, sagemaker_openai
from planner.sandbox.aws.application_autoscaling import ApplicationAutoScaling
from planner.sandbox.aws.assumed_roles import Scheduler, StepFunctions
from planner.sandbox.aws.ec2 import Ec2
from planner.sandbox.aws.ec2_capacity import Ec2Capacity
from planner.sandbox.aws.ec2_machines import Ec2Machines
from planner.sandbox.aws.iam import Iam
from planner.sandbox.aws.prices import Ec2Prices, TrainingPlans
from planner.sandbox.aws.protocol import AwsCall, AwsError, AwsService, error_response, service_of
from planner.sandbox.aws.sagemaker import SageMaker
from planner.sandbox.aws.sagemaker_runtime import SageMakerRuntime
from planner.sandbox.aws.service_quotas import ServiceQuotas
from planner.sandbox.aws.ssm import Ssm
from planner.sandbox.aws.support import Support

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

    from planner.sandbox.world import World

# The prefix of a service's IAM actions, where it is not boto3's name.
_IAM_PREFIX = {"service-quotas": "servicequotas"}
_TUNNEL, _WAY_IN = "/sandbox-tunnel/", "/sandbox-ingress/"


class AwsApp:
    """Answers what the AWS SDK sends to ``endpoint_url``."""

    # moto keeps one state in a process, whichever sandbox wrote it.
    _moto_has_state: ClassVar[bool] = False

    def __init__(self, world: World) -> None:
        corrections.apply()
        self._world = world
        self._moto = DomainDispatcherApplication(create_backend_app)
        world.on_reset.append(self._forget)
        self._forget()
        self._machines = Ec2Machines(world)
        self._services: list[AwsService] = [
            ServiceQuotas(world),
            Support(world),
            Ec2Prices(),
            TrainingPlans(),
            self._machines,
            Ec2Capacity(world),
            Ec2(world),
            Iam(world),
            Scheduler(world),
            StepFunctions(world),
            Ssm(world),
            SageMakerRuntime(world),
            SageMaker(world),
            ApplicationAutoScaling(world),
        ]

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        request = Request(environ, populate_request=False)
        call = _parse(request)
        if request.path.startswith(_TUNNEL):
            return self._tunnel(request)(environ, start_response)
        if request.path.startswith(_WAY_IN):
            return self._way_in(request)(environ, start_response)
        time.sleep(self._world.scenario.latency_s)
        if sagemaker_openai.ROUTE.fullmatch(request.path):
            return self._openai(request)(environ, start_response)
        # moto reads the body again.
        environ["wsgi.input"] = BytesIO(call.body)
        response = self._answer(call)
        if response is None:
            # Under the lock, so that no call is halfway when the world starts again.
            with self._world.lock:
                # Resetting moto is slow, so it is done only after something was made in it.
                if not call.operation.startswith(("Describe", "Get", "List")):
                    AwsApp._moto_has_state = True
                answer = list(self._moto(environ, start_response))
                if call.service == self._machines.service:
                    self._machines.answered(call)
                return answer
        return response(environ, start_response)

    def _tunnel(self, request: Request) -> Response:
        region, number, *rest = request.path.removeprefix(_TUNNEL).split("/")
        path, body = "/".join(rest), request.get_data()
        with self._world.lock:
            return ec2_machines.tunnel(self._world, region, number, path, body)

    def _way_in(self, request: Request) -> Response:
        region, number = request.path.removeprefix(_WAY_IN).split("/")
        with self._world.lock:
            return ec2_machines.way_in(self._world, region, number)

    def _openai(self, request: Request) -> Response:
        key, body = request.headers.get("Authorization", ""), request.get_data()
        with self._world.lock:
            return sagemaker_openai.answer(self._world, request.path, key, body)

    @staticmethod
    def _forget() -> None:
        if AwsApp._moto_has_state:
            moto_api_backend.reset()
            AwsApp._moto_has_state = False

    def _answer(self, call: AwsCall) -> Response | None:
        with self._world.lock:
            self._world.count("aws", f"{call.service}:{call.operation}")
            try:
                self._faults(call)
                for service in self._services:
                    if service.service == call.service:
                        response = service.handle(call)
                        if response is not None:
                            return response
            except AwsError as error:
                return error_response(call, error)
        return None

    def _faults(self, call: AwsCall) -> None:
        """Refuse what the scenario refuses.

        The codes are documented; that a region which is not enabled answers as if the key
        were unknown is what users report.
        """
        scenario = self._world.scenario
        if scenario.expired or self._world.signed_out:
            raise AwsError(
                "ExpiredTokenException" if call.is_json else "ExpiredToken",
                "The security token included in the request is expired",
                400 if call.is_json else 403,
            )
        if call.region in scenario.disabled_regions:
            raise AwsError(
                "UnrecognizedClientException" if call.is_json else "AuthFailure",
                "The security token included in the request is invalid."
                if call.is_json
                else "AWS was not able to validate the provided access credentials",
                400 if call.is_json else 401,
            )
        action = f"{_IAM_PREFIX.get(call.service, call.service)}:{call.operation}"
        if action in scenario.denied_actions:
            raise AwsError(
                "AccessDeniedException" if call.is_json else "UnauthorizedOperation",
                f"User: arn:aws:iam::123456789012:user/ada is not authorized to perform: "
                f"{action} because no identity-based policy allows the {action} action",
                400 if call.is_json else 403,
            )
        if self._world.throttles("aws", call.service, call.operation, call.region):
            raise AwsError(
                "TooManyRequestsException" if call.is_json else "RequestLimitExceeded",
                "Rate exceeded",
                429 if call.is_json else 503,
            )


def _parse(request: Request) -> AwsCall:
    """Read service and region from the signature, the operation from header or form."""
    body = request.get_data()
    service = region = ""
    authorization = request.headers.get("Authorization", "")
    if "Credential=" in authorization:
        scope = authorization.split("Credential=")[1].split(",")[0].split("/")
        region, service = scope[2], service_of(scope[3])
    target = request.headers.get("X-Amz-Target", "")
    parameters: dict[str, Any] = {}
    operation = ""
    if target:
        operation = target.rsplit(".", 1)[-1]
        parameters = _json(body)
    elif b"Action=" in body:
        parameters = dict(parse_qsl(body.decode()))
        operation = parameters.get("Action", "")
    headers = {name.lower(): value for name, value in request.headers.items()}
    return AwsCall(
        service, region, operation, parameters, request.method, request.path, body, headers
    )


def _json(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
