"""What the Azure SDK's errors mean, in planner's words.

Codes: Azure Resource Manager's error reference, and those recorded for Microsoft.Quota in
azure-cli-extensions and azure-rest-api-specs.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import Any

from azure.core import exceptions

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

EXPIRED = {"ExpiredAuthenticationToken", "InvalidAuthenticationToken"}
DENIED = {"AuthorizationFailed", "LinkedAuthorizationFailed"}
POLICY = {"RequestDisallowedByAzure", "RequestDisallowedByPolicy", "ScopeLocked"}
UNREGISTERED = {
    "MissingSubscriptionRegistration",
    "MissingRegistration",
    "MissingRegistrationForResourceProvider",
}
LIMIT, NOT_ALLOWED = "QuotaExceeded", "OperationNotAllowed"
CAPACITY = {
    "AllocationFailed",
    "OverconstrainedAllocationRequest",
    "OverconstrainedZonalAllocationRequest",
    "SkuNotAvailable",
    "ZonalAllocationFailed",
}

_TELLING = {*EXPIRED, *DENIED, *POLICY, *UNREGISTERED, *CAPACITY, LIMIT, NOT_ALLOWED}
# What these say stands in what they contain.
_WRAPPERS = {
    "BadRequest",
    "Conflict",
    "DeploymentFailed",
    "InvalidTemplateDeployment",
    "ResourceDeploymentFailure",
    "ResourceOperationFailure",
    "VMExtensionProvisioningError",
}
_GENERATION = "Hypervisor Generation"

_ACTION = re.compile(r"to perform action '([^']+)'")
_PROVIDER = re.compile(r"Microsoft\.[A-Za-z]+")
_SIGN_IN = "az login"
_SERVER_ERROR = 500


def code_of(error: BaseException) -> str:
    """Return Azure's error code, or an empty text where there was no answer."""
    return innermost(getattr(error, "error", None))[0]


def innermost(body: Any) -> tuple[str, str]:  # noqa: ANN401 - the SDK's ODataV4Format, or its JSON
    """Return code and message of an error: of what it contains, where it is but a wrapper.

    Resource Manager wraps what a resource provider says, several times over: in ``details``, in
    ``innererror``, or as JSON in the message.
    """
    code, message = str(_member(body, "code") or ""), str(_member(body, "message") or "")
    inner = [innermost(item) for item in _inside(body, message)]
    told = [item for item in inner if item[0]]
    if not told or (code and code not in _WRAPPERS and told[0][0] not in _TELLING):
        return code, message
    return next((item for item in told if item[0] in _TELLING), told[-1])


def _inside(body: Any, message: str) -> list[Any]:  # noqa: ANN401 - as above
    found = list(_member(body, "details") or [])
    if isinstance(_member(body, "innererror"), dict):
        found.append(_member(body, "innererror"))
    if message.lstrip().startswith("{"):
        with suppress(ValueError):
            written = json.loads(message)
            found.append(written.get("error", written))
    return found


def _member(body: Any, name: str) -> Any:  # noqa: ANN401 - as above
    return body.get(name) if isinstance(body, dict) else getattr(body, name, None)


def translate(
    error: exceptions.AzureError, *, what: str, action: str = "", region: str = ""
) -> PlannerError:
    """Return planner's error for one of the Azure SDK's."""
    what = f"could not {what}" + (f" in {region}" if region else "")
    if isinstance(error, exceptions.HttpResponseError) and error.status_code:
        return _refused(error, what, action)
    why = redact(str(error).split("\n", 1)[0])
    if isinstance(error, exceptions.ClientAuthenticationError):
        return NoCredentialsError(
            f"{what}: no Azure credentials", why=why, advice=settings.sign_in_advice(_SIGN_IN)
        )
    return TransientError(
        f"{what}: Azure cannot be reached", why=why, advice="check the network, or --sandbox"
    )


def _refused(error: exceptions.HttpResponseError, what: str, action: str) -> PlannerError:
    code, message = innermost(error.error)
    why = redact(message or str(error.reason or ""))
    refused = _no_access(error, code, what, why, action)
    if refused is not None:
        return refused
    if error.status_code == 429:  # noqa: PLR2004 - Too Many Requests
        return ThrottledError(
            f"{what}: Azure asks for fewer calls", code=code, why=why, advice=_wait(error)
        )
    if code == LIMIT or (code == NOT_ALLOWED and "quota" in why.casefold()):
        return QuotaShortError(
            f"{what}: a quota of the subscription is too small",
            why=why,
            advice="planner quota check --cloud azure, then planner quota request",
        )
    if code in CAPACITY:
        return CapacityError(
            f"{what}: Azure has no machine of that size now",
            why=why,
            advice="another region or size: planner compare MODEL --with-quota",
        )
    kind = TransientError if (error.status_code or 0) >= _SERVER_ERROR else CloudError
    return kind(
        f"{what}: Azure answered {code or error.status_code}",
        code=code,
        why=why,
        advice="a size or a --machine-image of the other generation; planner's own is generation 2"
        if _GENERATION in why
        else "",
    )


def _no_access(
    error: exceptions.HttpResponseError, code: str, what: str, why: str, action: str
) -> PlannerError | None:
    """Tell apart expired, not permitted and not registered; None if it is neither."""
    if error.status_code == 401 or code in EXPIRED:  # noqa: PLR2004 - Unauthorized
        return ExpiredCredentialsError(
            f"{what}: the Azure sign-in is no longer valid",
            why=why,
            advice=settings.sign_in_advice(_SIGN_IN),
        )
    if code in DENIED or (error.status_code == 403 and not code):  # noqa: PLR2004 - Forbidden
        found = _ACTION.search(why)
        needed = found[1] if found else action
        return PermissionDeniedError(
            f"{what}: the Azure identity lacks {needed or 'a permission'}",
            action=needed,
            why=why,
            advice="planner doctor --permissions (prints the custom role to assign)",
        )
    if code in POLICY:
        return PermissionDeniedError(
            f"{what}: a policy of the organisation, or a lock, forbids it",
            action=action,
            why=why,
            advice="ask who administers the subscription; another --region may be allowed",
        )
    if code in UNREGISTERED:
        provider = _PROVIDER.search(why) or _PROVIDER.search(action)
        name = provider[0] if provider else "Microsoft.Quota"
        return NotEnabledError(
            f"{what}: the resource provider {name} is not registered in the subscription",
            why=why,
            advice=f"az provider register --namespace {name}",
        )
    return None


def _wait(error: exceptions.HttpResponseError) -> str:
    headers = getattr(error.response, "headers", {}) or {}
    seconds = headers.get("Retry-After") or headers.get("retry-after")
    return f"wait {seconds} s and run it again" if seconds else "wait a minute and run it again"
