"""What boto3's errors mean, in planner's words.

Codes are those of the service models and of the "Common errors" pages of EC2 and SageMaker.
Two kinds look alike and are not: a limit of the account (``VcpuLimitExceeded``,
``ResourceLimitExceeded``: ask for quota) and a shortage of machines
(``InsufficientInstanceCapacity``: try elsewhere).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from botocore import exceptions

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

if TYPE_CHECKING:
    from collections.abc import Callable, Container

EXPIRED = {
    "ExpiredToken",
    "ExpiredTokenException",
    "RequestExpired",
    "TokenRefreshRequired",
    "InvalidIdentityToken",
}
DENIED = {
    "AccessDenied",
    "AccessDeniedException",
    "UnauthorizedOperation",
    "AuthorizationError",
    "DependencyAccessDeniedException",
}
# A region that is not switched on answers as if the key were unknown.
UNKNOWN_KEY = {
    "AuthFailure",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "SignatureDoesNotMatch",
    "OptInRequired",
}
THROTTLED = {
    "RequestLimitExceeded",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
}
LIMIT = {"VcpuLimitExceeded", "ResourceLimitExceeded", "MaxSpotInstanceCountExceeded"}
CAPACITY = {"InsufficientInstanceCapacity", "InsufficientHostCapacity"}

_SERVER_ERROR = 500
_ACTION = re.compile(r"to perform:? ([\w-]+:\w+)")


def code_of(error: BaseException) -> str:
    """Return AWS's error code, or an empty text where there was no answer."""
    if isinstance(error, exceptions.ClientError):
        return str(error.response.get("Error", {}).get("Code", ""))
    return ""


def translate(
    error: Exception,
    *,
    what: str,
    action: str = "",
    region: str = "",
    enabled_regions: Callable[[], Container[str]] | None = None,
) -> PlannerError:
    """Return planner's error for one of boto3's.

    Args:
        error: What boto3 raised.
        what: What was tried.
        action: The IAM action, where AWS does not name it itself.
        region: Where it was tried.
        enabled_regions: Asks which regions the account has switched on. AWS answers a call to
            a region that is off as if the key were unknown, so this tells the two apart.
    """
    where = f" in {region}" if region else ""
    if isinstance(error, exceptions.ClientError):
        is_off = code_of(error) in UNKNOWN_KEY and _is_off(error, region, enabled_regions)
        return _refused(error, f"could not {what}{where}", action, region if is_off else "")
    return _not_sent(error, f"could not {what}{where}")


def _refused(error: exceptions.ClientError, what: str, action: str, off: str) -> PlannerError:
    code = code_of(error)
    why = redact(str(error.response["Error"].get("Message", "")))
    if code in EXPIRED | DENIED | UNKNOWN_KEY:
        return _no_access(code, what, why, action, off)
    if code in THROTTLED:
        return ThrottledError(
            f"{what}: AWS asks for fewer calls",
            code=code,
            why=why,
            advice="wait a minute and run it again",
        )
    if code in LIMIT:
        return QuotaShortError(
            f"{what}: a quota of the account is too small",
            why=why,
            advice="planner quota check --cloud aws, then planner quota request",
        )
    if code in CAPACITY:
        return CapacityError(
            f"{what}: AWS has no machine of that type now",
            why=why,
            advice="another region or instance type: planner compare MODEL --with-quota",
        )
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    kind = TransientError if status >= _SERVER_ERROR else CloudError
    return kind(f"{what}: AWS answered {code}", code=code, why=why)


def _no_access(code: str, what: str, why: str, action: str, off: str) -> PlannerError:
    """Tell apart expired, not permitted, a region that is off (``off``), an unknown key."""
    if code in EXPIRED:
        return ExpiredCredentialsError(
            f"{what}: the AWS credentials have expired", why=why, advice=_sign_in()
        )
    if code in DENIED:
        found = _ACTION.search(why)
        needed = found[1] if found else action
        return PermissionDeniedError(
            f"{what}: the AWS identity lacks {needed or 'a permission'}",
            action=needed,
            why=why,
            advice="planner doctor --permissions (prints the IAM policy to attach)",
        )
    if off:
        return NotEnabledError(
            f"{what}: the region is not enabled in the account",
            why=why,
            advice=f"aws account enable-region --region-name {off}",
        )
    return NoCredentialsError(
        f"{what}: AWS does not know the access key", why=why, advice=_sign_in()
    )


def _is_off(
    error: exceptions.ClientError, region: str, enabled: Callable[[], Container[str]] | None
) -> bool:
    if not region:
        return False
    if code_of(error) == "OptInRequired":
        return True
    try:
        return enabled is not None and region not in enabled()
    except PlannerError:
        return False  # the keys do not work at home either, so they are the problem


def _not_sent(error: Exception, what: str) -> PlannerError:
    why = redact(str(error))
    if isinstance(error, exceptions.ProfileNotFound):
        return NoCredentialsError(what, why=why, advice="aws configure list-profiles")
    if isinstance(error, exceptions.NoCredentialsError | exceptions.PartialCredentialsError):
        return NoCredentialsError(f"{what}: no AWS credentials", why=why, advice=_sign_in())
    if isinstance(
        error,
        exceptions.TokenRetrievalError | exceptions.SSOError | exceptions.CredentialRetrievalError,
    ):
        return ExpiredCredentialsError(
            f"{what}: the AWS sign-in is no longer valid", why=why, advice=_sign_in()
        )
    if isinstance(error, exceptions.HTTPClientError | exceptions.ConnectionError):
        return TransientError(
            f"{what}: AWS cannot be reached", why=why, advice="check the network, or --sandbox"
        )
    return CloudError(what, why=why)


def _sign_in() -> str:
    return settings.sign_in_advice("aws sso login, aws configure, or export AWS_PROFILE=...")
