"""What the errors of Google's libraries mean, in planner's words.

Over REST a conflict is ``Conflict`` and a bad argument ``BadRequest``; the gRPC names
(``AlreadyExists``, ``InvalidArgument``) are their children, so the parents are matched.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import requests
from google.api_core import exceptions
from google.auth import exceptions as auth

from planner.clouds import settings
from planner.clouds.redact import redact
from planner.errors import (
    CapacityError,
    CloudError,
    ExpiredCredentialsError,
    NoCredentialsError,
    NotEnabledError,
    PermissionDeniedError,
    PlannerError,
    QuotaShortError,
    ThrottledError,
    TransientError,
)

_SIGN_IN = "gcloud auth application-default login"
_PERMISSION = re.compile(r"[Pp]ermission '?([a-z]+\.[\w.]+)'?")
_REQUEST_LINE = re.compile(r"^[A-Z]+ https?://\S+: ")
_SERVICE = re.compile(r"\b([a-z]+\.googleapis\.com)\b")

if TYPE_CHECKING:
    from collections.abc import Mapping


def translate(
    error: Exception, *, what: str, action: str = "", api: str = "", region: str = ""
) -> PlannerError:
    """Return planner's error for one of Google's libraries."""
    what = f"could not {what}" + (f" in {region}" if region else "")
    if isinstance(error, auth.DefaultCredentialsError):
        return NoCredentialsError(
            f"{what}: no Google Cloud credentials",
            why=redact(str(error)),
            advice=settings.sign_in_advice(_SIGN_IN),
        )
    if isinstance(error, auth.RefreshError | auth.ReauthFailError):
        return ExpiredCredentialsError(
            f"{what}: the Google Cloud sign-in is no longer valid",
            why=redact(str(error)),
            advice=settings.sign_in_advice(_SIGN_IN),
        )
    if isinstance(error, exceptions.RetryError) and isinstance(error.cause, Exception):
        return translate(error.cause, what=what.removeprefix("could not "), action=action, api=api)
    if isinstance(error, exceptions.GoogleAPICallError):
        return _refused(error, what, action, api)
    if isinstance(error, requests.RequestException | auth.TransportError):
        return TransientError(
            f"{what}: Google Cloud cannot be reached",
            why=redact(str(error)),
            advice="check the network, or --sandbox",
        )
    return CloudError(what, why=redact(str(error)))


def _refused(
    error: exceptions.GoogleAPICallError, what: str, action: str, api: str
) -> PlannerError:
    why = redact(_REQUEST_LINE.sub("", str(error.message)))
    if isinstance(error, exceptions.Unauthorized):
        return ExpiredCredentialsError(
            f"{what}: the Google Cloud sign-in is no longer valid",
            why=why,
            advice=settings.sign_in_advice(_SIGN_IN),
        )
    if isinstance(error, exceptions.Forbidden):
        return _forbidden(error, what, why, action, api)
    if isinstance(error, exceptions.TooManyRequests):
        return ThrottledError(
            f"{what}: Google Cloud asks for fewer calls",
            code=str(error.code),
            why=why,
            advice="wait a minute and run it again",
        )
    if "QUOTA_EXCEEDED" in why:
        return _limit(what, why)
    if "ZONE_RESOURCE_POOL_EXHAUSTED" in why:
        return CapacityError(
            f"{what}: Google Cloud has no machine of that type now",
            why=why,
            advice="another zone or region: planner compare MODEL --with-quota",
        )
    kind = TransientError if isinstance(error, exceptions.ServerError) else CloudError
    return kind(
        f"{what}: Google Cloud answered {int(error.code or 0)}", code=str(error.code), why=why
    )


def _forbidden(
    error: exceptions.Forbidden, what: str, why: str, action: str, api: str
) -> PlannerError:
    """Tell apart an API that is off, a limit that is reached and a missing permission."""
    info: Mapping[str, Any] = error.metadata or {}
    if "requires a quota project" in why:
        return NotEnabledError(
            f"{what}: the Google Cloud sign-in names no quota project",
            why=why,
            advice="gcloud auth application-default set-quota-project PROJECT",
        )
    if error.reason == "SERVICE_DISABLED" or "has not been used in project" in why:
        found = _SERVICE.search(why)
        name = str(info.get("service") or (found[1] if found else api))
        return NotEnabledError(
            f"{what}: the API {name} is not enabled in the project",
            why=why,
            advice=f"gcloud services enable {name}",
        )
    if "QUOTA_EXCEEDED" in why or "quotaExceeded" in why:
        return _limit(what, why)
    asked = _PERMISSION.search(why)
    needed = str(info.get("permission") or (asked[1] if asked else action))
    return PermissionDeniedError(
        f"{what}: the Google Cloud identity lacks {needed or 'a permission'}",
        action=needed,
        why=why,
        advice="planner doctor --permissions (prints the role to create)",
    )


def _limit(what: str, why: str) -> QuotaShortError:
    return QuotaShortError(
        f"{what}: a quota of the project is too small",
        why=why,
        advice="planner quota check --cloud gcp, then planner quota request",
    )
