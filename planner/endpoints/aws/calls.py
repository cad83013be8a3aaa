"""Calls to AWS with planner's errors, and what "not there" looks like."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from planner.clouds import aws
from planner.errors import CloudError, PermissionDeniedError, TransientError

if TYPE_CHECKING:
    from planner.errors import PlannerError

_MISSING_CODES = {
    "ResourceNotFoundException",
    "ResourceNotFound",
    "NoSuchEntity",
    "NotFoundException",
    "ObjectNotFoundException",
}


def call(service: str, region: str, operation: str, what: str, **parameters: Any) -> dict[str, Any]:  # noqa: ANN401 - botocore checks them
    """Call an operation.

    Args:
        service: Boto3's name.
        region: Where.
        operation: Boto3's method: ``create_model``.
        what: For the error: "create the model".
        parameters: Of the operation.

    Raises:
        PlannerError: Translated by :mod:`planner.clouds.aws_errors`.
    """
    client = aws.client(service, region)
    name = "".join(word.capitalize() for word in operation.split("_"))
    prefix = {"logs": "logs", "sagemaker-runtime": "sagemaker"}.get(service, service)
    with aws.errors(what, action=f"{prefix}:{name}", region=region):
        answer: dict[str, Any] = getattr(client, operation)(**parameters)
        return answer


def pages(
    service: str,
    region: str,
    operation: str,
    what: str,
    **parameters: Any,  # noqa: ANN401 - as above
) -> list[dict[str, Any]]:
    """Return all pages of a list operation."""
    client = aws.client(service, region)
    with aws.errors(what, region=region):
        return list(client.get_paginator(operation).paginate(**parameters))


def is_missing(error: PlannerError) -> bool:
    """Tell whether AWS says that the thing is not there; SageMaker calls that invalid."""
    if not isinstance(error, CloudError):
        return False
    return error.code in _MISSING_CODES or (
        error.code == "ValidationException" and "Could not find" in error.why
    )


def is_unknown_yet(error: PlannerError, kind: str) -> bool:
    """Tell whether SageMaker does not find what a request names: ``endpoint configuration``.

    The quote tells a model from the data of a model, which is never found by waiting.
    """
    return is_missing(error) and f'Could not find {kind} "' in error.why


def is_role_unknown(error: PlannerError) -> bool:
    """Tell whether AWS cannot assume a role; new roles take seconds to be known."""
    return isinstance(error, CloudError | PermissionDeniedError) and any(
        words in error.why
        for words in (
            "assume role",
            "assume the role",
            "assume the provided role",
            "trust relationship policy",
            "must allow AWS",
        )
    )


def is_refused_for_certain(error: PlannerError) -> bool:
    """Tell whether AWS refused the only attempt of a call: it had no effect.

    An attempt that got no answer may have had one, whatever the next is told.
    """
    if isinstance(error, TransientError):
        return False
    answer = getattr(error.__cause__, "response", {}) or {}
    return bool(answer) and not answer.get("ResponseMetadata", {}).get("RetryAttempts", 0)


def delete(service: str, region: str, operation: str, what: str, **parameters: Any) -> bool:  # noqa: ANN401 - as above
    """Delete something and tell whether it was there."""
    try:
        call(service, region, operation, what, **parameters)
    except CloudError as error:
        if is_missing(error):
            return False
        raise
    return True
