"""Every documented error code has its meaning, without a cloud to answer it."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ODataV4Format
from botocore import exceptions as boto
from google.api_core import exceptions as google
from google.auth import exceptions as auth

from planner import errors
from planner.clouds import aws_errors, azure_errors, gcp_errors


def client_error(code: str, message: str = "no") -> boto.ClientError:
    return boto.ClientError({"Error": {"Code": code, "Message": message}}, "Operation")


def arm_error(status: int, code: str, message: str = "no") -> HttpResponseError:
    error = HttpResponseError(message)
    error.status_code = status
    error.error = type("Body", (), {"code": code, "message": message})()
    return error


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("ExpiredToken", errors.ExpiredCredentialsError),
        ("ExpiredTokenException", errors.ExpiredCredentialsError),
        ("RequestExpired", errors.ExpiredCredentialsError),
        ("AccessDenied", errors.PermissionDeniedError),
        ("AccessDeniedException", errors.PermissionDeniedError),
        ("UnauthorizedOperation", errors.PermissionDeniedError),
        ("DependencyAccessDeniedException", errors.PermissionDeniedError),
        ("InvalidClientTokenId", errors.NoCredentialsError),
        ("UnrecognizedClientException", errors.NoCredentialsError),
        ("TooManyRequestsException", errors.ThrottledError),
        ("ThrottlingException", errors.ThrottledError),
        ("RequestLimitExceeded", errors.ThrottledError),
        ("VcpuLimitExceeded", errors.QuotaShortError),
        ("ResourceLimitExceeded", errors.QuotaShortError),
        ("InsufficientInstanceCapacity", errors.CapacityError),
        ("ServiceException", errors.CloudError),
    ],
)
def test_aws_codes(code: str, kind: type[errors.PlannerError]) -> None:
    found = aws_errors.translate(client_error(code), what="do it")
    assert type(found) is kind
    assert str(found).startswith("could not do it")


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (boto.NoCredentialsError(), errors.NoCredentialsError),
        (boto.ProfileNotFound(profile="x"), errors.NoCredentialsError),
        (boto.UnauthorizedSSOTokenError(), errors.ExpiredCredentialsError),
        (boto.EndpointConnectionError(endpoint_url="http://x"), errors.TransientError),
    ],
)
def test_aws_errors_without_an_answer(raised: Exception, kind: type[errors.PlannerError]) -> None:
    found = aws_errors.translate(raised, what="do it")
    assert type(found) is kind
    assert found.advice


def test_the_action_is_read_from_aws_words_before_ours() -> None:
    message = (
        "User: arn:aws:iam::123456789012:user/ada is not authorized to perform: "
        "servicequotas:ListServiceQuotas on resource: *"
    )
    found = aws_errors.translate(
        client_error("AccessDeniedException", message), what="x", action="other:Thing"
    )
    assert isinstance(found, errors.PermissionDeniedError)
    assert found.action == "servicequotas:ListServiceQuotas"
    assert "123456789012" not in found.why


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (401, "ExpiredAuthenticationToken", errors.ExpiredCredentialsError),
        (401, "InvalidAuthenticationToken", errors.ExpiredCredentialsError),
        (403, "AuthorizationFailed", errors.PermissionDeniedError),
        (409, "MissingSubscriptionRegistration", errors.NotEnabledError),
        (409, "MissingRegistration", errors.NotEnabledError),
        (409, "MissingRegistrationForResourceProvider", errors.NotEnabledError),
        (429, "TooManyRequests", errors.ThrottledError),
        (409, "QuotaExceeded", errors.QuotaShortError),
        (409, "OperationNotAllowed", errors.CloudError),
        (409, "SkuNotAvailable", errors.CapacityError),
        (409, "AllocationFailed", errors.CapacityError),
        (400, "InvalidResourceName", errors.CloudError),
        (500, "InternalServerError", errors.TransientError),
    ],
)
def test_azure_codes(status: int, code: str, kind: type[errors.PlannerError]) -> None:
    found = azure_errors.translate(arm_error(status, code), what="do it")
    assert type(found) is kind


def test_azure_calls_many_things_not_allowed_and_quota_by_its_name() -> None:
    message = "Operation could not be completed as it results in exceeding approved cores Quota."
    found = azure_errors.translate(arm_error(409, "OperationNotAllowed", message), what="x")
    assert type(found) is errors.QuotaShortError


ZONAL = {"code": "OverconstrainedZonalAllocationRequest", "message": "Allocation failed."}
FAILED = "ResourceOperationFailure"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"code": FAILED, "message": "ended as 'Failed'", "details": [ZONAL]}, ZONAL["code"]),
        (
            {"code": "DeploymentFailed", "details": [{"code": "Conflict", "details": [ZONAL]}]},
            ZONAL["code"],
        ),
        ({"code": "Conflict", "message": json.dumps({"error": ZONAL})}, ZONAL["code"]),
        ({"code": "BadRequest", "innererror": {"code": "SkuNotAvailable"}}, "SkuNotAvailable"),
        # A code that says it all is not replaced by a detail of less weight.
        ({"code": "QuotaExceeded", "details": [{"code": "Info", "message": "x"}]}, "QuotaExceeded"),
        ({"code": "BadRequest", "message": "{not json"}, "BadRequest"),
        (None, ""),
    ],
)
def test_the_innermost_azure_code_counts(body: Any, code: str) -> None:
    assert azure_errors.innermost(body)[0] == code


def test_a_wrapped_lack_of_capacity_is_one() -> None:
    body = {"error": {"code": FAILED, "message": "ended as 'Failed'", "details": [ZONAL]}}
    error = arm_error(200, "")
    error.error = ODataV4Format(body["error"])
    found = azure_errors.translate(error, what="create the machine", region="eastus")
    assert (type(found), found.exit_code) == (errors.CapacityError, 6)
    assert found.why == "Allocation failed."


@pytest.mark.parametrize("code", ["RequestDisallowedByPolicy", "ScopeLocked"])
def test_a_policy_of_the_organisation_is_no_missing_role(code: str) -> None:
    found = azure_errors.translate(arm_error(403, code), what="create the machine")
    assert isinstance(found, errors.PermissionDeniedError)
    assert "custom role" not in found.advice


def test_a_size_of_the_other_generation_is_said_to_be_one() -> None:
    words = "The selected VM size 'X' cannot boot Hypervisor Generation '1'."
    found = azure_errors.translate(arm_error(400, "BadRequest", words), what="create the machine")
    assert "generation" in found.advice


def test_the_provider_to_register_is_named() -> None:
    message = "The subscription is not registered to use namespace 'Microsoft.Compute'."
    found = azure_errors.translate(arm_error(409, "MissingRegistration", message), what="x")
    assert found.advice == "az provider register --namespace Microsoft.Compute"


def test_no_azure_credentials() -> None:
    found = azure_errors.translate(ClientAuthenticationError("none of them"), what="x")
    assert type(found) is errors.NoCredentialsError


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (auth.DefaultCredentialsError("none"), errors.NoCredentialsError),
        (auth.RefreshError("old"), errors.ExpiredCredentialsError),
        (google.Unauthorized("who"), errors.ExpiredCredentialsError),
        (google.Forbidden("Permission 'x.y.z' denied"), errors.PermissionDeniedError),
        (
            google.Forbidden("compute API has not been used in project 1 before"),
            errors.NotEnabledError,
        ),
        (google.Forbidden("QUOTA_EXCEEDED"), errors.QuotaShortError),
        (google.TooManyRequests("slow"), errors.ThrottledError),
        (google.ServiceUnavailable("ZONE_RESOURCE_POOL_EXHAUSTED"), errors.CapacityError),
        (google.BadRequest("no"), errors.CloudError),
        (google.Conflict("there"), errors.CloudError),
        (requests.ConnectionError("no network"), errors.TransientError),
    ],
)
def test_google_errors(raised: Exception, kind: type[errors.PlannerError]) -> None:
    found = gcp_errors.translate(raised, what="do it", api="compute.googleapis.com")
    assert type(found) is kind


def test_the_google_permission_is_read_from_the_message() -> None:
    raised = google.Forbidden("Permission 'cloudquotas.quotas.update' denied on resource")
    found = gcp_errors.translate(raised, what="x")
    assert isinstance(found, errors.PermissionDeniedError)
    assert found.action == "cloudquotas.quotas.update"
