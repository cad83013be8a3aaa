"""Google Cloud: clients, and what their errors mean.

Credentials are the application default credentials. The project is ``GOOGLE_CLOUD_PROJECT``,
else the one that comes with the credentials (gcloud's current project).

Cloud Quotas and Compute Engine have Google's own clients, over REST (:mod:`gcp_transport`,
:mod:`gcp_compute`). Lists of Compute Engine (quota checks, prices, status) are read here with
google-auth's ``AuthorizedSession``: importing the client of Compute Engine takes more than a
second, longer than a whole check of all regions. So are the few calls to Secret Manager and IAM.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from planner.clouds import pacing, settings
from planner.errors import NoCredentialsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import google.auth.credentials
    from google.auth.transport.requests import AuthorizedSession
    from google.cloud.cloudquotas_v1 import CloudQuotasClient

SANDBOX_PROJECT = "sandbox-project"
_SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
_CONNECTIONS = 48

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

            endpoint = settings.current().gcp_endpoint
            _made["quotas"] = gcp_transport.cloud_quotas(credentials(), endpoint)
        client: CloudQuotasClient = _made["quotas"]
        return client


def read(path: str, **parameters: str) -> dict[str, Any]:
    """Read one resource of the Compute Engine API (v1).

    Args:
        path: Below ``/compute/v1/projects/P/``; empty for the project itself.
        parameters: Query parameters.

    Returns:
        The JSON answer. Read lists with :func:`pages`.
    """
    where = "/".join(part for part in (f"projects/{project()}", path) if part)
    return call(
        "GET", f"/compute/v1/{where}", api="compute", repeatable=True, parameters=parameters
    )


def pages(path: str, **parameters: str) -> Iterator[dict[str, Any]]:
    """Yield the pages of a list of the Compute Engine API; ``path`` as for :func:`read`."""
    page = read(path, **parameters)
    yield page
    while token := page.get("nextPageToken"):
        page = read(path, **parameters, pageToken=token)
        yield page


def call(
    method: str,
    path: str,
    *,
    api: str,
    body: dict[str, Any] | None = None,
    repeatable: bool = False,
    parameters: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Call one of Google's APIs with no client of its own in planner; return the JSON.

    Args:
        method: Of HTTP.
        path: With the version: ``/v1/projects/...``.
        api: ``compute``, ``secretmanager``, ``iam``.
        body: Sent as JSON.
        repeatable: Send it again when the answer was an error of the server or was lost: it
            may happen twice.
        parameters: Query parameters.
    """
    from google.api_core.exceptions import from_http_response

    from planner.clouds import gcp_retry

    base = settings.current().gcp_endpoint or f"https://{api}.googleapis.com"

    def send() -> dict[str, Any]:
        pacing.pace("gcp", api, project())
        response = _session().request(
            method, f"{base}{path}", params=parameters, json=body, timeout=60
        )
        if not response.ok:
            raise from_http_response(response)
        answer: dict[str, Any] = response.json() if response.content else {}
        return answer

    # google-api-core is half typed.
    sent: Callable[[], dict[str, Any]] = gcp_retry.patient()(send) if repeatable else send
    return sent()


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


def credentials() -> google.auth.credentials.Credentials:
    """Return the application default credentials, or the sandbox's.

    Raises:
        NoCredentialsError: There are none.
    """
    return _default()[0]


def _default() -> tuple[google.auth.credentials.Credentials, str | None]:
    with _lock:
        if "default" not in _made:
            if settings.current().simulated:
                from planner.clouds.gcp_transport import (
                    SandboxCredentials,
                )

                chosen = settings.current().gcp_project or SANDBOX_PROJECT
                _made["default"] = (SandboxCredentials(chosen), SANDBOX_PROJECT)
            else:
                import google.auth

                with errors("sign in to Google Cloud"):
                    _made["default"] = _with_quota_project(*google.auth.default(scopes=_SCOPES))
        found: tuple[google.auth.credentials.Credentials, str | None] = _made["default"]
        return found


def _with_quota_project(
    credentials: google.auth.credentials.Credentials, project_id: str | None
) -> tuple[google.auth.credentials.Credentials, str | None]:
    """Have a user's sign-in name the project that the calls count against.

    Without one, Cloud Quotas answers that its API is not enabled in a project of Google's own
    (terraform-provider-google#18337). Service accounts have their project.
    """
    from google.oauth2.credentials import Credentials

    chosen = settings.current().gcp_project or project_id
    if chosen and isinstance(credentials, Credentials) and not credentials.quota_project_id:
        return credentials.with_quota_project(chosen), project_id
    return credentials, project_id


def _session() -> AuthorizedSession:
    from google.auth.transport.requests import AuthorizedSession
    from requests.adapters import HTTPAdapter

    with _lock:
        if "session" not in _made:
            made = AuthorizedSession(credentials())
            adapter = HTTPAdapter(pool_maxsize=_CONNECTIONS)
            made.mount("https://", adapter)
            made.mount("http://", adapter)
            _made["session"] = made
        session: AuthorizedSession = _made["session"]
        return session
