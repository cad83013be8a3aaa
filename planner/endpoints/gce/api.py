"""Lists of Compute Engine, and calls to Secret Manager and IAM, with planner's errors.

What is asked of one machine is in :mod:`compute`, with Google's own clients.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from planner.clouds import gcp
from planner.errors import CloudError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.errors import PlannerError


def project_path() -> str:
    """Return ``projects/P`` of the project in use."""
    return f"projects/{gcp.project()}"


def pages(path: str, what: str, *, action: str, **parameters: str) -> Iterator[dict[str, Any]]:
    """Yield the pages of a list below ``compute/v1/projects/P/``."""
    with gcp.errors(what, action=action, api="compute.googleapis.com"):
        yield from gcp.pages(path, **parameters)


def call(
    method: str,
    path: str,
    what: str,
    *,
    api: str,
    action: str,
    body: dict[str, Any] | None = None,
    repeatable: bool = False,
    **parameters: str,
) -> dict[str, Any]:
    """Call another API: ``secretmanager`` or ``iam``; ``path`` begins with the version.

    What reads or deletes is sent again where there was no answer; all else if ``repeatable``.
    """
    with gcp.errors(what, action=action, api=f"{api}.googleapis.com"):
        return gcp.call(
            method,
            path,
            api=api,
            body=body,
            repeatable=repeatable or method in {"GET", "DELETE"},
            parameters=parameters,
        )


def is_missing(error: PlannerError) -> bool:
    """Tell whether Google says that the thing is not there."""
    return isinstance(error, CloudError) and error.code in {"404", "RESOURCE_NOT_FOUND"}


def is_taken(error: PlannerError) -> bool:
    """Tell whether Google says that the name is in use."""
    return isinstance(error, CloudError) and error.code in {"409", "RESOURCE_ALREADY_EXISTS"}
