"""The HTTP pipeline of the Azure clients: who signs, who retries, who counts."""

from __future__ import annotations

import base64
import time
from typing import TYPE_CHECKING, Any

import requests
from azure.core.credentials import AccessToken
from azure.core.pipeline import policies as core
from azure.core.pipeline.transport import RequestsTransport
from azure.mgmt.core.policies import ARMChallengeAuthenticationPolicy

from planner import __version__
from planner.clouds import pacing

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

_SCOPE = "https://management.azure.com/.default"
_RETRIES = 3
_LONGEST_WAIT_S = 30
_CONNECTIONS = 48


SANDBOX_CALLER = "aaaaaaaa-0000-0000-0000-000000000001"
"""The object id of the sandbox's user."""


class SandboxCredential:
    """A token that means nothing, for the sandbox; it has the form of a real one, unsigned."""

    def get_token(self, *scopes: str, **_: object) -> AccessToken:
        """Return the token; it never expires (the sandbox decides what has expired)."""
        del scopes
        claims = base64.urlsafe_b64encode(f'{{"oid": "{SANDBOX_CALLER}"}}'.encode()).decode()
        return AccessToken(f"e30.{claims.rstrip('=')}.", int(time.time()) + 3600)


class _BriefRetryPolicy(core.RetryPolicy[Any, Any]):
    """The SDK's retries, but a wait longer than half a minute is handed to the user."""

    def is_retry(self, settings: Any, response: Any) -> bool:  # noqa: ANN401 - the SDK's signature
        wait = self.get_retry_after(response)
        if wait and wait > _LONGEST_WAIT_S:
            return False
        again = bool(super().is_retry(settings, response))
        if again:
            # The SDK asks for long operations with their answers unread, and forgets this one.
            response.http_response.internal_response.close()
        return again


class _PacePolicy(core.SansIOHTTPPolicy[Any, Any]):
    """Keep within Resource Manager's rates; stands after the retries, so it counts them."""

    def __init__(self, subscription: str) -> None:
        self._subscription = subscription

    def on_request(self, request: Any) -> None:  # noqa: ANN401 - the SDK's signature
        kind = "read" if request.http_request.method in {"GET", "HEAD"} else "write"
        pacing.pace("azure", kind, self._subscription)


class _HeaderAuthentication(core.SansIOHTTPPolicy[Any, Any]):
    """Send the sandbox's token; the SDK's own policy refuses plain http, rightly."""

    def on_request(self, request: Any) -> None:  # noqa: ANN401 - the SDK's signature
        request.http_request.headers["Authorization"] = "Bearer sandbox"


def policies(credential: TokenCredential, subscription: str, *, simulated: bool) -> list[object]:
    """Return the policies in order; without auto-registration of resource providers."""
    sign: object = (
        _HeaderAuthentication()
        if simulated
        else ARMChallengeAuthenticationPolicy(credential, _SCOPE)
    )
    return [
        core.RequestIdPolicy(),
        core.HeadersPolicy(),
        core.UserAgentPolicy(f"gpu-planner/{__version__}"),
        core.ProxyPolicy(),
        core.ContentDecodePolicy(),
        core.RedirectPolicy(),
        _BriefRetryPolicy(retry_total=_RETRIES, retry_backoff_factor=0.2),
        sign,
        core.CustomHookPolicy(),
        _PacePolicy(subscription),
    ]


def transport() -> RequestsTransport:
    """Return a transport whose connection pool is as wide as the checks are."""
    session = requests.Session()
    adapter = requests.adapters.HTTPAdapter(pool_maxsize=_CONNECTIONS)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return RequestsTransport(session=session)
