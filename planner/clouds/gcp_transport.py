"""How the Cloud Quotas client talks: REST, paced, to a given endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from google.api_core import exceptions
from google.api_core.retry import Retry, if_exception_type
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import RefreshError
from google.cloud.cloudquotas_v1 import CloudQuotasClient
from google.cloud.cloudquotas_v1.services.cloud_quotas.transports.rest import (
    CloudQuotasRestInterceptor,
    CloudQuotasRestTransport,
)

from planner.clouds import pacing

if TYPE_CHECKING:
    import google.auth.credentials

# Reads may be sent again; requests are not, so that nothing is filed twice.
READ_RETRY = Retry(
    predicate=if_exception_type(exceptions.TooManyRequests, exceptions.ServiceUnavailable),
    initial=0.5,
    maximum=5.0,
    timeout=20.0,
)


class SandboxCredentials(AnonymousCredentials):
    """No credentials; what the sandbox calls expired cannot be refreshed.

    They name a quota project as a user's sign-in does, once it is chosen.
    """

    def __init__(self, quota_project_id: str | None = None) -> None:
        # google-auth is half typed.
        super().__init__()  # type: ignore[no-untyped-call]
        self._quota_project_id = quota_project_id

    def with_quota_project(self, quota_project_id: str) -> SandboxCredentials:
        """Return credentials that name the project."""
        return SandboxCredentials(quota_project_id)

    def apply(self, headers: dict[str, str], token: str | None = None) -> None:
        """Name the quota project, as google-auth does for users."""
        del token
        if self._quota_project_id:
            headers["x-goog-user-project"] = self._quota_project_id

    def before_request(
        self, request: object, method: str, url: str, headers: dict[str, str]
    ) -> None:
        """Add the header; there is no token to refresh."""
        del request, method, url
        self.apply(headers)

    def refresh(self, request: object) -> None:
        """Fail as a revoked sign-in does."""
        del request
        raise RefreshError("the token has expired")


class _Pacing(CloudQuotasRestInterceptor):
    """Count each call and keep it within the rate, before it is sent."""

    def _pace(self, request: Any, metadata: Any) -> tuple[Any, Any]:  # noqa: ANN401 - per method
        pacing.pace("gcp", "cloudquotas")
        return request, metadata

    pre_create_quota_preference = _pace
    pre_get_quota_info = _pace
    pre_get_quota_preference = _pace
    pre_list_quota_infos = _pace
    pre_list_quota_preferences = _pace
    pre_update_quota_preference = _pace


def cloud_quotas(
    credentials: google.auth.credentials.Credentials, endpoint: str | None
) -> CloudQuotasClient:
    """Return the client; ``endpoint`` is a base URL such as ``http://127.0.0.1:8000``."""
    place = urlsplit(endpoint or "https://cloudquotas.googleapis.com")
    transport = CloudQuotasRestTransport(
        host=place.netloc,
        url_scheme=place.scheme,
        credentials=credentials,
        interceptor=_Pacing(),
    )
    return CloudQuotasClient(transport=transport)
