"""SageMaker's own OpenAI route: the address of an endpoint, and the short-lived key to it.

Every endpoint and inference component has ``/openai/v1/chat/completions`` since 2026-05 (AWS:
"Invoke endpoints with OpenAI-compatible APIs"). Its key is a request for CallWithBearerToken that
the caller signs, in base64; it is made here without asking anyone, as AWS's own SDK does it
(``sagemaker.core.token_generator``).
"""

from __future__ import annotations

import base64
from datetime import timedelta

from planner.clouds import aws
from planner.endpoints.model import Secret
from planner.errors import NoCredentialsError, UsageError

LONGEST, USUAL = timedelta(hours=12), timedelta(hours=1)
_HOST = "sagemaker.amazonaws.com"
_PREFIX = "sagemaker-api-key-"
_VERSION = "&Version=1"


def base_url(name: str, region: str, component: str = "") -> str:
    """Return what an OpenAI client takes as its base URL.

    Args:
        name: Of the endpoint.
        region: Where it is.
        component: Of its inference component, where it has one.
    """
    host = str(aws.client("sagemaker-runtime", region).meta.endpoint_url)
    inside = f"/inference-components/{component}" if component else ""
    return f"{host.rstrip('/')}/endpoints/{name}{inside}/openai/v1"


def token(region: str, lasts: timedelta) -> Secret:
    """Return a key for the endpoints of a region that the caller may invoke.

    It ends sooner where the caller's own credentials do.

    Args:
        region: Where the endpoint is.
        lasts: At least a second, at most :data:`LONGEST`.

    Raises:
        UsageError: It cannot last so long.
        NoCredentialsError: Nobody is signed in.
    """
    from botocore.auth import SigV4QueryAuth
    from botocore.awsrequest import AWSRequest

    seconds = int(lasts.total_seconds())
    if not 1 <= seconds <= LONGEST.total_seconds():
        raise UsageError("a key to SageMaker lasts a second to twelve hours", advice="--for 1h")
    with aws.errors("sign a key"):
        credentials = aws.session().get_credentials()
    if credentials is None:
        raise NoCredentialsError("nobody is signed in to AWS", advice="aws sso login")
    request = AWSRequest(
        method="POST",
        url=f"https://{_HOST}/",
        headers={"host": _HOST},
        params={"Action": "CallWithBearerToken"},
    )
    frozen = credentials.get_frozen_credentials()
    SigV4QueryAuth(frozen, "sagemaker", region, expires=seconds).add_auth(request)
    signed = request.url.removeprefix("https://") + _VERSION
    return Secret(_PREFIX + base64.b64encode(signed.encode()).decode())
