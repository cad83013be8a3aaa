"""Calls to Compute Engine, Secret Manager and IAM over REST, with planner's errors.

What changes something carries a request id where the API takes one, so that a call whose answer
was lost can be sent again and finds its own work.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from planner.clouds import gcp
from planner.clouds.redact import redact
from planner.errors import CapacityError, CloudError, PlannerError, QuotaShortError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.endpoints.interface import Context

_ACTIONS = {"GET": "get", "POST": "create", "DELETE": "delete"}
_NO_ROOM = ("ZONE_RESOURCE_POOL_EXHAUSTED", "STOCKOUT", "RESOURCE_POOL_EXHAUSTED")
_NO_QUOTA = ("QUOTA_EXCEEDED", "LIMIT_EXCEEDED")


def project_path() -> str:
    """Return ``projects/P`` of the project in use."""
    return f"projects/{gcp.project()}"


def get(path: str, what: str, *, action: str, **parameters: str) -> dict[str, Any]:
    """Read something below ``compute/v1/projects/P/``."""
    with gcp.errors(what, action=action, api="compute.googleapis.com"):
        return gcp.compute_get(f"{project_path()}/{path}", **parameters)


def find(path: str, what: str, *, action: str) -> dict[str, Any] | None:
    """Read something that may not be there."""
    try:
        return get(path, what, action=action)
    except CloudError as error:
        if is_missing(error):
            return None
        raise


def pages(path: str, what: str, *, action: str, **parameters: str) -> Iterator[dict[str, Any]]:
    """Yield the pages of a list below ``compute/v1/projects/P/``."""
    with gcp.errors(what, action=action, api="compute.googleapis.com"):
        yield from gcp.compute_list(f"{project_path()}/{path}", **parameters)


def change(
    method: str, path: str, what: str, *, action: str, key: str, body: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Change something in Compute Engine and return the operation.

    Args:
        method: ``POST`` or ``DELETE``.
        path: Below ``compute/v1/projects/P/``.
        what: For errors.
        action: The permission.
        key: What this call is, once and for all; the request id is made of it.
        body: JSON.
    """
    request_id = str(uuid.uuid5(uuid.NAMESPACE_URL, f"planner:{key}"))
    with gcp.errors(what, action=action, api="compute.googleapis.com"):
        return gcp.call(
            method,
            f"/compute/v1/{project_path()}/{path}",
            api="compute",
            body=body,
            repeatable=True,
            requestId=request_id,
        )


def call(
    method: str,
    path: str,
    what: str,
    *,
    api: str,
    action: str,
    body: dict[str, Any] | None = None,
    **parameters: str,
) -> dict[str, Any]:
    """Call another API: ``secretmanager`` or ``iam``; ``path`` begins with the version."""
    with gcp.errors(what, action=action, api=f"{api}.googleapis.com"):
        return gcp.call(
            method, path, api=api, body=body, repeatable=method in {"GET", "DELETE"}, **parameters
        )


def finish(operation: dict[str, Any], what: str, context: Context, *, region: str) -> None:
    """Wait until an operation is done.

    Raises:
        CapacityError: The zone has no such machine now.
        QuotaShortError: A quota is too small.
        CloudError: It failed for another reason.
    """
    name = operation["name"]
    place = "global"
    for kind in ("zone", "region"):
        if operation.get(kind):
            place = f"{kind}s/{operation[kind].rsplit('/', 1)[-1]}"
    path = f"{place}/operations/{name}"
    while operation.get("status") != "DONE":
        context.interruption.pause(context.pace.poll_s / 10)
        operation = get(
            path, f"follow: {what}", action=f"compute.{place.split('/')[0]}Operations.get"
        )
    errors = operation.get("error", {}).get("errors", [])
    if errors:
        raise _error(errors[0], what, region)


def is_missing(error: PlannerError) -> bool:
    """Tell whether Google says that the thing is not there."""
    return isinstance(error, CloudError) and error.code in {"404", "RESOURCE_NOT_FOUND"}


def is_taken(error: PlannerError) -> bool:
    """Tell whether Google says that the name is in use."""
    return isinstance(error, CloudError) and error.code in {"409", "RESOURCE_ALREADY_EXISTS"}


def _error(first: dict[str, Any], what: str, region: str) -> PlannerError:
    code, why = str(first.get("code", "")), redact(str(first.get("message", "")))
    if code.startswith(_NO_ROOM):
        return CapacityError(
            f"Google Cloud has no machine of that type in {region} now",
            why=f"{code}: {why}",
            advice="another --region, or --to cheapest",
        )
    if code in _NO_QUOTA:
        return QuotaShortError(
            f"could not {what}: a quota of the project is too small",
            why=f"{code}: {why}",
            advice="planner quota check --cloud gcp, then planner quota request",
        )
    return CloudError(f"could not {what}", code=code, why=f"{code}: {why}")
