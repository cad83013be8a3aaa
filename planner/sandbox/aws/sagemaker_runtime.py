"""Simulated InvokeEndpoint and its response stream, answered by an engine.

Documented: the paths, the event stream encoding (botocore.eventstream reads it), the error for
an endpoint that is not there (users' reports), ``ModelError`` with the container's status.
"""

from __future__ import annotations

import itertools
import json
import re
import struct
import zlib
from typing import TYPE_CHECKING

from werkzeug.wrappers import Response

from planner.sandbox import engine
from planner.sandbox.aws import sagemaker_components, sagemaker_course, sagemaker_logs
from planner.sandbox.aws.protocol import ACCOUNT, AwsCall, AwsError
from planner.sandbox.aws.sagemaker_store import stores

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.sandbox.world import World

_PATH = re.compile(r"/endpoints/(?P<name>[^/]+)/(?P<kind>invocations(-response-stream)?)")
_COMPONENT = "x-amzn-sagemaker-inference-component"
_HEADERS = (
    (":event-type", "PayloadPart"),
    (":content-type", "application/octet-stream"),
    (":message-type", "event"),
)
_STRING = 7
_PIECE = 37
"""Bytes of a part: small and odd, because a real stream may be cut anywhere."""


class SageMakerRuntime:
    """Answers invocations; both services sign as ``sagemaker``, the path tells them apart."""

    service = "sagemaker"

    def __init__(self, world: World) -> None:
        self._world = world

    def handle(self, call: AwsCall) -> Response | None:
        """Answer an invocation."""
        found = _PATH.fullmatch(call.path)
        if found is None:
            return None
        component = call.headers.get(_COMPONENT, "")
        try:
            pieces = begun(self._world, call.region, found["name"], component, call.body)
        except engine.RefusedError as error:
            return _model_error(error)
        if found["kind"] == "invocations":
            return Response(b"".join(pieces), 200, content_type="application/json")
        return Response(
            (message(part) for piece in pieces for part in _cut(piece)),
            200,
            content_type="application/vnd.amazon.eventstream",
            headers={"x-amzn-Invoked-Production-Variant": "AllTraffic"},
        )


def begun(world: World, region: str, name: str, component: str, body: bytes) -> Iterator[bytes]:
    """Return the answer of an endpoint's engine, once it has begun.

    Raises:
        AwsError: It is not there, or does not serve.
        RefusedError: The engine refuses the request.
    """
    sagemaker_course.settle(world, region)
    endpoint = stores(world, region).endpoints.get(name)
    if endpoint is None or endpoint.status not in {"InService", "Updating"}:
        raise AwsError("ValidationError", f"Endpoint {name} of account {ACCOUNT} not found.")
    sagemaker_components.serving(world, region, name, component)
    endpoint.used = world.now()
    counted = (
        {"InferenceComponentName": component}
        if component
        else {"EndpointName": name, "VariantName": "AllTraffic"}
    )
    sagemaker_logs.count(region, endpoint.used, "Invocations", **counted)
    return _begun(engine.engine().answer(body))


def message(payload: bytes) -> bytes:
    """Return one message of AWS's event stream encoding."""
    headers = b"".join(
        struct.pack("!B", len(name))
        + name.encode()
        + struct.pack("!BH", _STRING, len(value))
        + value.encode()
        for name, value in _HEADERS
    )
    prelude = struct.pack("!II", 16 + len(headers) + len(payload), len(headers))
    content = prelude + struct.pack("!I", zlib.crc32(prelude)) + headers + payload
    return content + struct.pack("!I", zlib.crc32(content))


def _begun(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Draw the first piece now, so that a refusal comes as one."""
    first = next(pieces, b"")
    return itertools.chain([first], pieces)


def _cut(piece: bytes) -> Iterator[bytes]:
    for start in range(0, len(piece), _PIECE):
        yield piece[start : start + _PIECE]


def _model_error(error: engine.RefusedError) -> Response:
    text = f'Received client error ({error.status}) from primary with message "{error}".'
    body = {
        "ErrorCode": "CLIENT_ERROR_FROM_MODEL",
        "Message": text,
        "OriginalMessage": str(error),
        "OriginalStatusCode": error.status,
    }
    return Response(
        json.dumps(body),
        424,
        content_type="application/json",
        headers={"x-amzn-errortype": "ModelError"},
    )
