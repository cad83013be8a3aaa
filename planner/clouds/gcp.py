"""Google Cloud: clients, and what their errors mean.

Credentials are the application default credentials. The project is ``GOOGLE_CLOUD_PROJECT``,
else the one that comes with the credentials (gcloud's current project). Cloud Quotas is
called through Google's own client over REST. Compute Engine is read with google-auth's
``AuthorizedSession``, because importing ``google.cloud.compute_v1`` alone takes more than
two seconds (69 MB of generated code), longer than a whole check of all regions.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from planner.clouds import pacing, settings
from planner.errors import NoCredentialsError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import google.auth.credentials
    from google.auth.transport.requests import AuthorizedSession
    from google.cloud.cloudquotas_v1 import CloudQuotasClient

SANDBOX_PROJECT = "sandbox-project"
COMPUTE = "https://compute.googleapis.com"
_SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
_RETRIES = 3
_RETRY_STATUS = (429, 500, 502, 503, 504)
_CONNECTIONS = 48
_BACKOFF_S = 0.1

_lock = threading.RLock()
_made: dict[str, Any] = {}


def forget() -> None:
    """Drop the clients and credentials: the settings changed."""
    with _lock:
        if "session" in _made:
            _made["session"].close()
        if "quotas" in _made:
            _made["quotas"].transport.close()
        _made.clear()


settings.on_change(forget)


def project() -> str:
    """Return the id of the project that is asked about.

    Raises:
        NoCredentialsError: No credentials, or no project is chosen anywhere.
    """
    chosen = settings.current()
    if chosen.gcp_project:
        return chosen.gcp_project
    if chosen.simulated:
        return SANDBOX_PROJECT
    _, found = _default()
    if not found:
        raise NoCredentialsError(
            "no Google Cloud project is chosen",
            why="GOOGLE_CLOUD_PROJECT is not set and the credentials name none",
            advice="gcloud config set project PROJECT, or export GOOGLE_CLOUD_PROJECT=...",
        )
    return found


def quotas() -> CloudQuotasClient:
    """Return the client of the Cloud Quotas API (REST)."""
    with _lock:
        if "quotas" not in _made:
            from planner.clouds import gcp_transport

            credentials, _ = _default()
            endpoint = settings.current().gcp_endpoint
            _made["quotas"] = gcp_transport.cloud_quotas(credentials, endpoint)
        client: CloudQuotasClient = _made["quotas"]
        return client


def compute_get(path: str, **parameters: str) -> dict[str, Any]:
    """Read one resource of the Compute Engine API (v1).

    Args:
        path: Below ``/compute/v1/``: ``projects/P/regions``, ...
        parameters: Query parameters.

    Returns:
        The JSON answer. Read pages with :func:`compute_list`.
    """
    from google.api_core.exceptions import from_http_response

    base = settings.current().gcp_endpoint or COMPUTE
    pacing.pace("gcp", "compute", project())
    response = _session().get(f"{base}/compute/v1/{path}", params=parameters, timeout=60)
    if not response.ok:
        raise from_http_response(response)
    answer: dict[str, Any] = response.json()
    return answer


def call(
    method: str,
    path: str,
    *,
    api: str,
    body: dict[str, Any] | None = None,
    repeatable: bool = False,
    **parameters: str,
) -> dict[str, Any]:
    """Call any of Google's REST APIs.

    Args:
        method: Of HTTP.
        path: With the version: ``/compute/v1/projects/...``.
        api: ``compute``, ``secretmanager``, ``iam``.
        body: Sent as JSON.
        repeatable: Send it again when the answer was an error of the server or was lost: it
            reads, deletes, or carries a request id.
        parameters: Query parameters.
    """
    from google.api_core.exceptions import from_http_response

    base = settings.current().gcp_endpoint or f"https://{api}.googleapis.com"
    attempts = _RETRIES + 1 if repeatable else 1
    for attempt in range(1, attempts + 1):
        pacing.pace("gcp", api, project())
        response = _session().request(
            method, f"{base}{path}", params=parameters, json=body, timeout=60
        )
        if response.status_code not in _RETRY_STATUS or attempt == attempts:
            break
        time.sleep(_BACKOFF_S * 2**attempt)
    if not response.ok:
        raise from_http_response(response)
    answer: dict[str, Any] = response.json() if response.content else {}
    return answer


def compute_list(path: str, **parameters: str) -> Iterator[dict[str, Any]]:
    """Yield the pages of a list of the Compute Engine API."""
    page = compute_get(path, **parameters)
    yield page
    while token := page.get("nextPageToken"):
        page = compute_get(path, **parameters, pageToken=token)
        yield page


@contextmanager
def errors(what: str, *, action: str = "", api: str = "", region: str = "") -> Iterator[None]:
    """Turn what Google's libraries raise inside the block into planner's errors.

    Args:
        what: What is tried, for the message.
        action: The IAM permission it needs: ``cloudquotas.quotas.get``.
        api: The service that answers: ``cloudquotas.googleapis.com``.
        region: Where it is tried.
    """
    import requests
    from google.api_core.exceptions import GoogleAPIError
    from google.auth.exceptions import GoogleAuthError

    try:
        yield
    except (GoogleAPIError, GoogleAuthError, requests.RequestException) as error:
        from planner.clouds import gcp_errors

        raise gcp_errors.translate(
            error, what=what, action=action, api=api, region=region
        ) from error


def _default() -> tuple[google.auth.credentials.Credentials, str | None]:
    with _lock:
        if "default" not in _made:
            if settings.current().simulated:
                from planner.clouds.gcp_transport import (
                    SandboxCredentials,
                )

                _made["default"] = (SandboxCredentials(), SANDBOX_PROJECT)
            else:
                import google.auth

                with errors("sign in to Google Cloud"):
                    _made["default"] = google.auth.default(scopes=_SCOPES)
        found: tuple[google.auth.credentials.Credentials, str | None] = _made["default"]
        return found


def _session() -> AuthorizedSession:
    from google.auth.transport.requests import AuthorizedSession
    from requests.adapters import HTTPAdapter
    from urllib3.util import Retry

    with _lock:
        if "session" not in _made:
            credentials, _ = _default()
            made = AuthorizedSession(credentials)
            retry = Retry(
                total=_RETRIES,
                status_forcelist=_RETRY_STATUS,
                allowed_methods=["GET"],
                backoff_factor=0.2,
                raise_on_status=False,
            )
            adapter = HTTPAdapter(max_retries=retry, pool_maxsize=_CONNECTIONS)
            made.mount("https://", adapter)
            made.mount("http://", adapter)
            _made["session"] = made
        session: AuthorizedSession = _made["session"]
        return session
