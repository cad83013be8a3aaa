"""Simulated ``/openai/v1`` of SageMaker's runtime: a bearer token in, the container's answer out.

Documented: the paths, that the token is a signed request for CallWithBearerToken in base64 with
its end in it, the two actions that its signer must be allowed, that answers come as the container
gives them, that only chat completions are routed. Assumed: statuses and form of the errors.
"""

from __future__ import annotations

import base64
import hmac
import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from werkzeug.wrappers import Response

from planner.sandbox import engine
from planner.sandbox.aws import sagemaker_runtime
from planner.sandbox.aws.protocol import AwsError

if TYPE_CHECKING:
    from planner.sandbox.world import World

ROUTE = re.compile(
    r"/endpoints/(?P<name>[^/]+)(/inference-components/(?P<component>[^/]+))?"
    r"/openai/v1/(?P<path>.+)"
)
_PREFIX = "Bearer sagemaker-api-key-"
_HOST = "sagemaker.amazonaws.com"
_KEY = "sandbox"
"""Access key and secret of the sandbox's user."""
_ACTIONS = ("sagemaker:CallWithBearerToken", "sagemaker:InvokeEndpoint")


def answer(world: World, path: str, authorization: str, body: bytes) -> Response:
    """Answer one request to the route."""
    found = ROUTE.fullmatch(path)
    if found is None:
        return _refusal(404, "NotFound", f"no route {path}")
    try:
        region = _region(world, authorization)
        _check(world, found["path"])
        pieces = sagemaker_runtime.begun(
            world, region, found["name"], found["component"] or "", body
        )
    except AwsError as error:
        return _refusal(error.status, error.code, str(error))
    except engine.RefusedError as error:
        return Response(str(error), error.status, content_type="application/json")
    streams = bool(_json(body).get("stream"))
    kind = "text/event-stream" if streams else "application/json"
    return Response(pieces if streams else b"".join(pieces), 200, content_type=kind)


def _check(world: World, path: str) -> None:
    """Refuse what the user may not do, and what is not routed."""
    for action in _ACTIONS:
        if action in world.scenario.denied_actions:
            text = f"User is not authorized to perform: {action}"
            raise AwsError("AccessDeniedException", text, 403)
    if path != "chat/completions":
        raise AwsError("NotFound", f"/openai/v1/{path} is not routed", 404)


def _region(world: World, authorization: str) -> str:
    """Return the region that a token was signed for.

    Raises:
        AwsError: It is none, is not the user's, or its time is up.
    """
    try:
        signed = base64.b64decode(authorization.removeprefix(_PREFIX), validate=True).decode()
        query = {name: values[0] for name, values in parse_qs(signed.partition("?")[2]).items()}
        access_key, _, region, service, _ = query["X-Amz-Credential"].split("/")
        begins = datetime.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        ends = begins + timedelta(seconds=int(query["X-Amz-Expires"]))
        signature = query["X-Amz-Signature"]
    except (ValueError, KeyError) as error:
        text = "The bearer token included in the request is invalid."
        raise AwsError("UnrecognizedClientException", text, 403) from error
    right = authorization.startswith(_PREFIX) and query.get("Action") == "CallWithBearerToken"
    own = access_key == _KEY and service == "sagemaker"
    if not (right and own and hmac.compare_digest(signature, _signature(signed, region))):
        text = "The bearer token included in the request is invalid."
        raise AwsError("UnrecognizedClientException", text, 403)
    # Signed on the user's clock, which the simulated one may be ahead of: both count.
    if datetime.now(UTC) >= ends or world.scenario.expired or world.signed_out:
        text = "The bearer token included in the request is expired"
        raise AwsError("ExpiredTokenException", text, 403)
    return region


def _signature(signed: str, region: str) -> str:
    """Return the signature that the sandbox's user would have put on a request."""
    bare = re.sub(r"&X-Amz-Signature=[0-9a-f]+", "", signed).removesuffix("&Version=1")
    request = AWSRequest(method="POST", url=f"https://{bare}", headers={"host": _HOST})
    request.context["timestamp"] = parse_qs(bare.partition("?")[2])["X-Amz-Date"][0]
    auth = SigV4QueryAuth(Credentials(_KEY, _KEY), "sagemaker", region)
    text = auth.string_to_sign(request, auth.canonical_request(request))
    return str(auth.signature(text, request))


def _refusal(status: int, code: str, message: str) -> Response:
    body = json.dumps({"error": {"message": message, "type": code, "code": code}})
    return Response(body, status, content_type="application/json")


def _json(body: bytes) -> dict[str, object]:
    found = json.loads(body)
    return found if isinstance(found, dict) else {}
