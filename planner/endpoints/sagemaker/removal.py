"""Take away what belongs to an endpoint on SageMaker. What is gone already is no error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from planner.clouds import clock
from planner.endpoints.sagemaker import api, expiry, requests
from planner.endpoints.watching import waiting
from planner.errors import CloudError

if TYPE_CHECKING:
    from collections.abc import Callable

    from planner.endpoints.interface import Context
    from planner.endpoints.model import DeploymentSpec
    from planner.endpoints.sagemaker.hold import Hold


def part(kind: str, name: str, region: str) -> None:
    """Delete a ``model`` or an ``endpoint_config``."""
    words = kind.replace("_config", " configuration")
    parameter = {"model": "ModelName", "endpoint_config": "EndpointConfigName"}[kind]
    api.delete("sagemaker", region, f"delete_{kind}", f"delete the {words}", **{parameter: name})


def endpoint_of_run(spec: DeploymentSpec, context: Context, hold: Hold) -> None:
    """Delete the endpoint if this run made it; one that someone else made stays.

    One that was asked for and does not show is waited for: reads are behind writes.
    """
    if not hold.endpoint_may_exist:
        return
    shown: list[dict[str, Any]] = []

    def look() -> bool:
        found = api.describe(spec.name, spec.region)
        shown.extend([found] if found is not None else [])
        return bool(shown)

    if waiting.until(look, context) and _is_of_run(spec, shown[0]):
        endpoint(spec.name, spec.region, context, on_busy=lambda: expiry.bring_forward(spec))
    hold.endpoint_may_exist = False


def _is_of_run(spec: DeploymentSpec, described: dict[str, Any]) -> bool:
    return bool(described["EndpointConfigName"] == requests.part_name(spec))


def endpoint(
    name: str, region: str, context: Context, *, on_busy: Callable[[], None] | None = None
) -> bool:
    """Delete an endpoint and wait until it is gone; tell whether it was there.

    SageMaker refuses to delete an endpoint while it is being created or updated (users'
    reports); then this waits and asks again.

    Args:
        name: Of the endpoint.
        region: Where it is.
        context: How to wait.
        on_busy: Called once when SageMaker refuses, before the wait.

    Raises:
        CloudError: It is still there after the longest wait.
    """
    return _until_gone(
        f"{name} in {region}",
        context,
        order=lambda: api.delete(
            "sagemaker", region, "delete_endpoint", f"delete {name}", EndpointName=name
        ),
        is_gone=lambda: api.describe(name, region) is None,
        on_busy=on_busy,
    )


def component(
    name: str, region: str, context: Context, *, on_busy: Callable[[], None] | None = None
) -> bool:
    """Delete an inference component and wait until it is gone; tell whether it was there.

    Args:
        name: Of the component.
        region: Where it is.
        context: How to wait.
        on_busy: Called once when SageMaker refuses, before the wait.

    Raises:
        CloudError: It is still there after the longest wait.
    """
    return _until_gone(
        f"{name} in {region}",
        context,
        order=lambda: api.delete(
            "sagemaker",
            region,
            "delete_inference_component",
            f"delete the inference component {name}",
            InferenceComponentName=name,
        ),
        is_gone=lambda: api.describe_component(name, region) is None,
        on_busy=on_busy,
    )


def _until_gone(
    what: str,
    context: Context,
    *,
    order: Callable[[], bool],
    is_gone: Callable[[], bool],
    on_busy: Callable[[], None] | None,
) -> bool:
    deadline = clock.monotonic() + context.pace.removal_s
    ordered = False
    while True:
        try:
            if not ordered:
                ordered = True
                if not order():
                    return False
        except CloudError as error:
            if not api.is_busy(error):
                raise
            ordered = False
            if on_busy is not None:
                on_busy()
                on_busy = None
            context.progress("waiting until SageMaker allows to delete it", ())
        if ordered and is_gone():
            return True
        if clock.monotonic() > deadline:
            raise CloudError(
                f"{what} is still there",
                why="SageMaker has not deleted it within "
                f"{context.pace.removal_s / 60:.0f} minutes",
                advice="planner destroy --orphans",
            )
        context.interruption.pause(context.pace.poll_s)
