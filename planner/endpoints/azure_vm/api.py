"""Calls to Azure Resource Manager through its SDKs, with planner's errors.

Compute and resource groups have clients of their own; the rest (a network, an identity, a vault,
a Logic App) is sent by its id through the client of resources: the SDK of networks alone is as
large as everything else of Azure together. Every PUT names what it
makes, so that one whose answer was lost can be sent again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from planner.clouds import azure
from planner.endpoints.azure_vm import parts
from planner.endpoints.azure_vm.requests import Group
from planner.endpoints.deploying.interruption import Interruption
from planner.endpoints.interface import Context
from planner.endpoints.watching import waiting
from planner.errors import CloudError, PlannerError

if TYPE_CHECKING:
    from collections.abc import Callable

    from azure.core.polling import LROPoller
    from azure.mgmt.core.polling.arm_polling import ARMPolling

_T = TypeVar("_T")


def group(name: str) -> Group:
    """Return a resource group of the subscription in use."""
    return Group.of(azure.subscription(), name)


def unattended() -> Context:
    """Return how to wait where no deploy is under way: until it is done."""
    return Context(Interruption(), progress=lambda *_: None)


def finish(
    begin: Callable[[ARMPolling], LROPoller[_T]],
    what: str,
    context: Context,
    *,
    action: str,
    region: str = "",
) -> _T:
    """Begin an operation, wait for its end and return what it made.

    Args:
        begin: Starts it, with the polling that it is given.
        what: For errors.
        context: How to wait; an interruption ends the wait.
        action: The RBAC action.
        region: For errors.

    Raises:
        CapacityError: Azure has no such machine there now.
        QuotaShortError: A quota is too small.
        InterruptedByUserError: The user interrupted; the operation may still go on.
    """
    from planner.endpoints.azure_vm.polling import Polling

    with azure.errors(what, action=action, region=region):
        return begin(Polling(context)).result()


def put(
    id_: str, body: dict[str, Any], what: str, context: Context, *, kind: str
) -> dict[str, Any]:
    """Make a resource by its id, or change it, and return it as Azure shows it.

    Args:
        id_: Of the resource.
        body: Its JSON.
        what: For errors.
        context: How to wait.
        kind: ``Microsoft.Logic/workflows``.
    """
    client = azure.resources().resources
    made = finish(
        lambda polling: client.begin_create_or_update_by_id(
            id_.lstrip("/"), body, api_version=parts.VERSIONS[kind], polling=polling
        ),
        what,
        context,
        action=f"{kind}/write",
    )
    return dict(made.as_dict())


def get(id_: str, what: str, *, kind: str) -> dict[str, Any] | None:
    """Return a resource by its id, or None where there is none."""
    client = azure.resources().resources
    try:
        with azure.errors(what, action=f"{kind}/read"):
            found = client.get_by_id(id_.lstrip("/"), api_version=parts.VERSIONS[kind])
    except CloudError as error:
        if is_missing(error):
            return None
        raise
    return dict(found.as_dict())


def children(where: Group, what: str, *, kind: str) -> list[dict[str, Any]]:
    """Return the resources of a kind in a group; an endpoint's group has a page of them at most."""
    path = f"resourceGroups/{where.name}/providers/{kind}?api-version={parts.VERSIONS[kind]}"
    answer = send("GET", path, what, action=f"{kind}/read")
    found: list[dict[str, Any]] = answer.get("value", [])
    return found


def delete(id_: str, what: str, context: Context, *, kind: str) -> None:
    """Delete a resource by its id; one that is gone is no error."""
    client = azure.resources().resources
    try:
        finish(
            lambda polling: client.begin_delete_by_id(
                id_.lstrip("/"), api_version=parts.VERSIONS[kind], polling=polling
            ),
            what,
            context,
            action=f"{kind}/delete",
        )
    except CloudError as error:
        if not is_missing(error):
            raise


def send(method: str, path: str, what: str, *, action: str) -> dict[str, Any]:
    """Call what no client has, below the subscription; return the JSON."""
    with azure.errors(what, action=action):
        from azure.core.rest import HttpRequest

        request = HttpRequest(method, f"/subscriptions/{azure.subscription()}/{path}")
        response = azure.resources().send_request(request)
        response.raise_for_status()
    answer: dict[str, Any] = response.json() if response.content else {}
    return answer


def remove_group(name: str, context: Context) -> None:
    """Delete a resource group with all that lies in it, and wait; one that is gone is no error."""
    client = azure.resources().resource_groups
    try:
        finish(
            lambda polling: client.begin_delete(
                name, force_deletion_types="Microsoft.Compute/virtualMachines", polling=polling
            ),
            f"delete the resource group {name}",
            context,
            action="Microsoft.Resources/subscriptions/resourceGroups/delete",
        )
    except CloudError as error:
        if not is_missing(error):
            raise
    # Whoever looks next must not take it for an endpoint that is there.
    waiting.until(lambda: not group_is_there(name), context)


def group_is_there(name: str) -> bool:
    """Tell whether a resource group is there; asked by its name, not by a list that is behind."""
    action = "Microsoft.Resources/subscriptions/resourceGroups/read"
    try:
        with azure.errors(f"look at the resource group {name}", action=action):
            azure.resources().resource_groups.get(name)
    except CloudError as error:
        if is_missing(error):
            return False
        raise
    return True


def machine(where: Group, name: str, *, expand: str = "instanceView") -> dict[str, Any] | None:
    """Return a virtual machine as Azure shows it, or None where there is none."""
    try:
        with azure.errors(f"look at {name}", action="Microsoft.Compute/virtualMachines/read"):
            found = azure.compute().virtual_machines.get(where.name, name, expand=expand)
    except CloudError as error:
        if is_missing(error):
            return None
        raise
    return dict(found.as_dict())


def is_missing(error: PlannerError) -> bool:
    """Tell whether Azure says that the thing is not there: ``ResourceNotFound``, ..."""
    return isinstance(error, CloudError) and error.code.endswith(("NotFound", "404"))
