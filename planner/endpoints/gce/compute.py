"""What is asked of Compute Engine for one machine, through Google's own clients.

Each change carries a request id, so that one whose answer was lost can be sent again and finds
its own work. Bodies are those of :mod:`requests`, in Google's JSON.
"""

from __future__ import annotations

import json
import re
import uuid
from typing import TYPE_CHECKING, Any

from planner.clouds import gcp, gcp_compute
from planner.clouds.redact import redact
from planner.endpoints.gce import api
from planner.endpoints.watching import waiting
from planner.errors import CapacityError, CloudError, PlannerError, QuotaShortError

if TYPE_CHECKING:
    from collections.abc import Callable

    from planner.endpoints.interface import Context

_API = "compute.googleapis.com"
_NO_ROOM = ("ZONE_RESOURCE_POOL_EXHAUSTED", "STOCKOUT", "RESOURCE_POOL_EXHAUSTED")
_NO_QUOTA = ("QUOTA_EXCEEDED", "LIMIT_EXCEEDED")
_TELLING = (*_NO_ROOM, *_NO_QUOTA)
# "The resource '.../acceleratorTypes/nvidia-tesla-v100' was not found", "Machine type with name
# 'x' does not exist in zone 'y'": in the answer or in the operation.
_NOT_OFFERED = re.compile(
    r"(acceleratorTypes|machineTypes|diskTypes|zones)/[\w-]+' was not found|does not exist in zone"
)
_NO_ACCOUNT = re.compile(r"[Ss]ervice ?[Aa]ccount'? .*(was not found|does not exist)")


def machine(zone: str, name: str) -> dict[str, Any] | None:
    """Return a machine, or None where there is none."""
    from google.cloud import compute_v1

    request = compute_v1.GetInstanceRequest(project=gcp.project(), zone=zone, instance=name)
    return _find(
        compute_v1.InstancesClient,
        "get",
        request,
        f"look at {name}",
        action="compute.instances.get",
    )


def console(zone: str, name: str) -> str:
    """Return what a machine wrote to its first serial port: the last megabyte of it."""
    from google.cloud import compute_v1

    request = compute_v1.GetSerialPortOutputInstanceRequest(
        project=gcp.project(), zone=zone, instance=name, port=1
    )
    try:
        found = _ask(
            compute_v1.InstancesClient,
            "get_serial_port_output",
            request,
            "read the machine's console",
            action="compute.instances.getSerialPortOutput",
        )
    except CloudError as error:
        # A machine that is just being made has no console yet.
        if api.is_missing(error) or error.code == "400":
            return ""
        raise
    return str(found.get("contents", ""))


def begin_machine(zone: str, body: dict[str, Any], *, key: str) -> dict[str, Any]:
    """Begin to create a machine and return the operation.

    Args:
        zone: Where.
        body: As :func:`requests.instance` gives it.
        key: What this creation is, once and for all; the request id is made of it.
    """
    from google.cloud import compute_v1

    request = compute_v1.InsertInstanceRequest(
        project=gcp.project(),
        zone=zone,
        instance_resource=compute_v1.Instance.from_json(json.dumps(body)),
        request_id=_request_id(f"create/{key}"),
    )
    return _ask(
        compute_v1.InstancesClient,
        "insert_unary",
        request,
        f"create the machine {body['name']}",
        action="compute.instances.create",
    )


def finish_machine(begun: dict[str, Any], name: str, context: Context, zone: str) -> None:
    """Wait until a machine is made.

    Raises:
        CapacityError: The zone has no such machine now.
        QuotaShortError: A quota is too small.
        CloudError: It failed for another reason.
    """
    _finish_in_zone(begun, f"create the machine {name}", context, zone)


def delete_machine(zone: str, name: str, context: Context, *, key: str) -> None:
    """Delete a machine and wait until it is gone; one that is gone is no error."""
    from google.cloud import compute_v1

    what = f"delete {name}"
    request = compute_v1.DeleteInstanceRequest(
        project=gcp.project(),
        zone=zone,
        instance=name,
        request_id=_request_id(f"delete/{key}/{zone}/{name}"),
    )
    try:
        begun = _ask(
            compute_v1.InstancesClient,
            "delete_unary",
            request,
            what,
            action="compute.instances.delete",
        )
        _finish_in_zone(begun, what, context, zone)
    except CloudError as error:
        if not api.is_missing(error):
            raise
    # Whoever looks next must not take it for an endpoint that is there.
    waiting.until(lambda: machine(zone, name) is None, context)


def is_not_offered(error: PlannerError) -> bool:
    """Tell whether a zone says that it does not have the machine or the card at all."""
    return isinstance(error, CloudError) and _NOT_OFFERED.search(error.why) is not None


def is_unknown_account(error: PlannerError) -> bool:
    """Tell whether Google does not know a service account, as it does not for a while."""
    return isinstance(error, CloudError) and _NO_ACCOUNT.search(error.why) is not None


def make_firewall_rule(rule: dict[str, Any], context: Context) -> None:
    """Make a firewall rule that is not there yet."""
    from google.cloud import compute_v1

    name, what = rule["name"], "close the firewall"
    there = compute_v1.GetFirewallRequest(project=gcp.project(), firewall=name)
    if _find(
        compute_v1.FirewallsClient,
        "get",
        there,
        "look at the firewall",
        action="compute.firewalls.get",
    ):
        return
    request = compute_v1.InsertFirewallRequest(
        project=gcp.project(),
        firewall_resource=compute_v1.Firewall.from_json(json.dumps(rule)),
        request_id=_request_id(f"create/firewall/{name}/{gcp.project()}"),
    )
    try:
        begun = _ask(
            compute_v1.FirewallsClient,
            "insert_unary",
            request,
            what,
            action="compute.firewalls.create",
        )
        _finish_globally(begun, what, context)
    except CloudError as error:
        if not api.is_taken(error):
            raise


def _finish_in_zone(begun: dict[str, Any], what: str, context: Context, zone: str) -> None:
    from google.cloud import compute_v1

    request = compute_v1.GetZoneOperationRequest(
        project=gcp.project(), zone=zone, operation=begun["name"]
    )
    _finish(
        begun,
        lambda: _ask(
            compute_v1.ZoneOperationsClient,
            "get",
            request,
            f"follow: {what}",
            action="compute.zoneOperations.get",
        ),
        what,
        context,
        zone,
    )


def _finish_globally(begun: dict[str, Any], what: str, context: Context) -> None:
    from google.cloud import compute_v1

    request = compute_v1.GetGlobalOperationRequest(project=gcp.project(), operation=begun["name"])
    _finish(
        begun,
        lambda: _ask(
            compute_v1.GlobalOperationsClient,
            "get",
            request,
            f"follow: {what}",
            action="compute.globalOperations.get",
        ),
        what,
        context,
        "global",
    )


def _finish(
    operation: dict[str, Any],
    look: Callable[[], dict[str, Any]],
    what: str,
    context: Context,
    place: str,
) -> None:
    """Wait until an operation is done; an interruption ends the wait."""
    while operation.get("status") != "DONE":
        context.interruption.pause(context.pace.poll_s / 10)
        operation = look()
    errors = operation.get("error", {}).get("errors", [])
    if errors:
        telling = (item for item in errors if str(item.get("code")).startswith(_TELLING))
        raise _error(next(telling, errors[0]), what, place)


def _ask(client: type, method: str, request: object, what: str, *, action: str) -> dict[str, Any]:
    with gcp.errors(what, action=action, api=_API):
        return gcp_compute.ask(client, method, request)


def _find(
    client: type, method: str, request: object, what: str, *, action: str
) -> dict[str, Any] | None:
    try:
        return _ask(client, method, request, what, action=action)
    except CloudError as error:
        if api.is_missing(error):
            return None
        raise


def _request_id(key: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"planner:{key}"))


def _error(first: dict[str, Any], what: str, place: str) -> PlannerError:
    code, why = str(first.get("code", "")), redact(str(first.get("message", "")))
    if code.startswith(_NO_ROOM):
        return CapacityError(
            f"Google Cloud has no machine of that type in {place} now",
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
