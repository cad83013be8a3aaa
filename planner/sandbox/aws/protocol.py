"""What the simulated AWS services have in common: calls, answers, errors, checks.

Requests and answers are checked against botocore's own service models, so that a fake can
neither accept what AWS's SDK could not send nor answer what it could not read.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol
from xml.sax.saxutils import escape

import botocore.session
from botocore.validate import ParamValidator
from werkzeug.wrappers import Response

if TYPE_CHECKING:
    from botocore.model import ServiceModel

ACCOUNT = "123456789012"
_SIGNING_NAMES = {"servicequotas": "service-quotas", "monitoring": "cloudwatch"}


@dataclass(frozen=True, slots=True)
class AwsCall:
    """One signed request.

    Attributes:
        service: Boto3's name of the service.
        operation: ``GetServiceQuota``, ``RunInstances``, ...
        parameters: The body: JSON members, or the form fields of the query protocol.
        method: The HTTP method.
        path: The URL path; REST services have their operation in it.
        body: The raw body.
        headers: Of HTTP, their names in small letters.
    """

    service: str
    region: str
    operation: str
    parameters: dict[str, Any] = field(default_factory=dict)
    method: str = "POST"
    path: str = "/"
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def account(self) -> str:
        """Return the account whose credentials signed the call, as moto knows them."""
        from moto.iam.models import get_account_id_from

        _, found, rest = self.headers.get("authorization", "").partition("Credential=")
        return str(get_account_id_from(rest.split("/", 1)[0])) if found else ACCOUNT

    @property
    def is_json(self) -> bool:
        """Tell JSON protocols from the query protocol (EC2, STS), which answers in XML."""
        return self.service not in {"ec2", "sts", "iam"}


class AwsService(Protocol):
    """One simulated service, or a correction of one of moto's."""

    service: str

    def handle(self, call: AwsCall) -> Response | None:
        """Answer the call, or return None to leave it to moto."""


class AwsError(Exception):
    """An error that AWS would answer with."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


def service_of(signing_name: str) -> str:
    """Return boto3's name of a service from the one in the signature."""
    return _SIGNING_NAMES.get(signing_name, signing_name)


def error_response(call: AwsCall, error: AwsError) -> Response:
    """Return the error in the protocol of the service."""
    if call.is_json:
        body = json.dumps({"__type": error.code, "message": str(error)})
        return Response(body, error.status, content_type="application/x-amz-json-1.1")
    request_id = uuid.uuid4()
    if call.service == "ec2":
        body = (
            '<?xml version="1.0" encoding="UTF-8"?><Response><Errors><Error>'
            f"<Code>{error.code}</Code><Message>{escape(str(error))}</Message>"
            f"</Error></Errors><RequestID>{request_id}</RequestID></Response>"
        )
    else:
        body = (
            "<ErrorResponse><Error><Type>Sender</Type>"
            f"<Code>{error.code}</Code><Message>{escape(str(error))}</Message>"
            f"</Error><RequestId>{request_id}</RequestId></ErrorResponse>"
        )
    return Response(body, error.status, content_type="text/xml")


def json_response(call: AwsCall, answer: dict[str, Any]) -> Response:
    """Return a JSON answer, after checking it against the service model.

    Raises:
        ValueError: The fake answers something that the model does not allow.
    """
    shape = model(call.service).operation_model(call.operation).output_shape
    report = ParamValidator().validate(answer, shape)
    if report.has_errors():
        raise ValueError(f"{call.operation} answered wrongly: {report.generate_report()}")
    body = json.dumps(answer, default=lambda moment: moment.timestamp())
    return Response(body, 200, content_type="application/x-amz-json-1.1")


def check_parameters(call: AwsCall, code: str) -> None:
    """Refuse parameters that the service model does not allow.

    Raises:
        AwsError: With ``code``, as the service names bad arguments.
    """
    shape = model(call.service).operation_model(call.operation).input_shape
    report = ParamValidator().validate(call.parameters, shape)
    if report.has_errors():
        raise AwsError(code, report.generate_report())


@cache
def model(service: str) -> ServiceModel:
    """Return botocore's model of a service."""
    return botocore.session.get_session().get_service_model(service)
