"""What SageMaker says of endpoints and their components, and what its refusals mean."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from planner.endpoints.aws.calls import (
    call,
    delete,
    is_missing,
    is_refused_for_certain,
    is_role_unknown,
    is_unknown_yet,
    pages,
)
from planner.errors import CloudError

if TYPE_CHECKING:
    from planner.errors import PlannerError

__all__ = [
    "call",
    "components",
    "delete",
    "describe",
    "describe_component",
    "is_busy",
    "is_missing",
    "is_refused_for_certain",
    "is_role_unknown",
    "is_taken",
    "is_unknown_yet",
    "pages",
]


def is_taken(error: PlannerError) -> bool:
    """Tell whether AWS says that the name is in use."""
    return isinstance(error, CloudError) and "already existing" in error.why


def is_busy(error: PlannerError) -> bool:
    """Tell whether SageMaker refuses because the thing is just being changed."""
    busy = re.search("in.progress", getattr(error, "why", ""), re.IGNORECASE)
    return isinstance(error, CloudError) and busy is not None


def describe(name: str, region: str) -> dict[str, Any] | None:
    """Return DescribeEndpoint's answer, or None where there is no such endpoint."""
    return _found(region, "describe_endpoint", f"look at {name}", EndpointName=name)


def describe_component(name: str, region: str) -> dict[str, Any] | None:
    """Return DescribeInferenceComponent's answer, or None where there is no such component."""
    what = f"look at the inference component {name}"
    return _found(region, "describe_inference_component", what, InferenceComponentName=name)


def components(endpoint: str, region: str) -> list[str]:
    """Return the names of the inference components of an endpoint."""
    what = f"list the inference components of {endpoint}"
    found = pages(
        "sagemaker", region, "list_inference_components", what, EndpointNameEquals=endpoint
    )
    return [
        item["InferenceComponentName"] for page in found for item in page["InferenceComponents"]
    ]


def _found(region: str, operation: str, what: str, **parameters: Any) -> dict[str, Any] | None:  # noqa: ANN401 - as above
    try:
        return call("sagemaker", region, operation, what, **parameters)
    except CloudError as error:
        if is_missing(error):
            return None
        raise
