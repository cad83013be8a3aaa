"""Simulated Microsoft.Support: tickets about quotas, which people answer.

Documented (azure-mgmt-support; learn.microsoft.com/rest/api/support/quota-payload): paths,
members, filters, communications; the payload of a ticket about cores: ``VMFamily`` and an
integer ``NewLimit``, ``*`` for the regional cores, ``All Series`` for Spot; ``BatchAml`` with
``Type`` ``Dedicated`` or ``LowPriority`` for Azure ML. Recorded: the name "Compute-VM
(cores-vCPUs) subscription limit increases". Reported by users: ``InvalidSupportPlan``.
Assumed: that a malformed payload is refused at once (users report that it lies unanswered);
that a second ticket of the same name is a conflict; the names and ids of the other problem
classifications; when and how a ticket is answered, which is the scenario's; the sentences.
"""

from __future__ import annotations

import json
import uuid
import zlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from flask import Blueprint, jsonify, request

from planner.quotas.catalogue import fold
from planner.sandbox.azure import compute
from planner.sandbox.azure.access import decided
from planner.sandbox.azure.arm import SUBSCRIPTION, ArmError, route

if TYPE_CHECKING:
    from flask import Response

    from planner.sandbox.world import QuotaKey, World

_SERVICE = "06bfd9d3-516b-d5c6-5802-169c800dec89"
QUOTA_SERVICE = f"/providers/Microsoft.Support/services/{_SERVICE}"
_CORES = "e12e3d1d-7fa0-af33-c6d0-3c50df9658a3"
_CLASSES = {
    _CORES: "Compute-VM (cores-vCPUs) subscription limit increases",
    str(uuid.uuid5(uuid.NAMESPACE_DNS, "ml")): "Machine learning service",
    str(uuid.uuid5(uuid.NAMESPACE_DNS, "access")): "Region and SKU access requests",
}
_SPACE = "Microsoft.Support"
_TICKETS = f"{SUBSCRIPTION}/providers/{_SPACE}/supportTickets"
_REQUIRED = (
    "description",
    "problemClassificationId",
    "severity",
    "advancedDiagnosticConsent",
    "contactDetails",
    "title",
    "serviceId",
)
_CONTACT = ("firstName", "lastName", "primaryEmailAddress", "country", "preferredContactMethod")
_SAID = {
    "approved": "We have raised the limit as you asked.",
    "partial": "We could raise the limit in part only.",
    "denied": "We cannot raise this limit at this time.",
}


def blueprint(world: World) -> Blueprint:
    """Return the routes."""
    made = Blueprint("support", __name__)

    @route(made, f"{_TICKETS}/<name>", f"{_SPACE}/supportTickets/write", "PUT")
    def create(subscription: str, name: str) -> Response:
        del subscription
        properties: dict[str, Any] = (request.get_json(silent=True) or {}).get("properties", {})
        if not world.scenario.support_plan:
            raise ArmError(
                "InvalidSupportPlan", "Your support plan does not allow creating tickets.", 403
            )
        _check(properties)
        with world.lock:
            if name in world.notes["azure-support"]:
                raise ArmError("Conflict", "A support ticket of this name exists.", 409)
            _file(world, name, properties)
            return jsonify(_show(world, name))

    @route(made, f"{_TICKETS}/<name>", f"{_SPACE}/supportTickets/read")
    def get(subscription: str, name: str) -> Response:
        del subscription
        with world.lock:
            return jsonify(_show(world, _known(world, name)))

    @route(made, _TICKETS, f"{_SPACE}/supportTickets/read")
    def list_tickets(subscription: str) -> Response:
        del subscription
        with world.lock:
            shown = [_show(world, name) for name in world.notes["azure-support"]]
        still_open = "status eq 'open'" in request.args.get("$filter", "").casefold()
        return jsonify(
            value=[row for row in shown if not still_open or row["properties"]["status"] == "Open"]
        )

    @route(made, f"{_TICKETS}/<name>", f"{_SPACE}/supportTickets/write", "PATCH")
    def update(subscription: str, name: str) -> Response:
        del subscription
        status = (request.get_json(silent=True) or {}).get("status", "")
        with world.lock:
            ticket = world.notes["azure-support"][_known(world, name)]
            if status.casefold() == "closed":
                ticket["closed"] = True
            return jsonify(_show(world, name))

    @route(
        made,
        f"{_TICKETS}/<name>/communications",
        f"{_SPACE}/supportTickets/communications/read",
    )
    def communications(subscription: str, name: str) -> Response:
        del subscription
        with world.lock:
            return jsonify(value=_communications(world, _known(world, name)))

    _classifications(made)
    return made


def _classifications(made: Blueprint) -> None:
    """Add what tickets can be about."""

    @route(
        made,
        f"/providers/{_SPACE}/services/<service>/problemClassifications",
        f"{_SPACE}/services/problemClassifications/read",
    )
    def classifications(service: str) -> Response:
        if service != _SERVICE:
            raise ArmError("ServiceNotFound", "The service was not found.", 404)
        return jsonify(
            value=[
                {
                    "id": f"{QUOTA_SERVICE}/problemClassifications/{name}",
                    "name": name,
                    "type": f"{_SPACE}/problemClassifications",
                    "properties": {"displayName": title},
                }
                for name, title in _CLASSES.items()
            ]
        )


def _check(properties: dict[str, Any]) -> None:
    """Refuse what nobody could answer."""
    missing = [member for member in _REQUIRED if not properties.get(member)]
    missing += [m for m in _CONTACT if not (properties.get("contactDetails") or {}).get(m)]
    if missing or properties.get("serviceId") != QUOTA_SERVICE:
        raise ArmError("InvalidRequest", f"missing or wrong: {missing or 'serviceId'}")
    class_id = str(properties["problemClassificationId"]).rsplit("/", 1)[-1]
    if class_id not in _CLASSES:
        raise ArmError("InvalidRequest", "The problem classification is not known.")
    details = properties.get("quotaTicketDetails") or {}
    if "access" not in _CLASSES[class_id] or details:
        _check_quota(details, is_ml=class_id != _CORES)


def _check_quota(details: dict[str, Any], *, is_ml: bool) -> None:
    changes = details.get("quotaChangeRequests") or []
    if details.get("quotaChangeRequestVersion") != "1.0" or not changes:
        raise ArmError("InvalidRequest", "quotaTicketDetails is missing or wrong.")
    if is_ml != (details.get("quotaChangeRequestSubType") == "BatchAml"):
        raise ArmError("InvalidRequest", "quotaChangeRequestSubType does not fit the problem.")
    for change in changes:
        asked = _payload(change)
        right = _is_ml(asked) if is_ml else _is_cores(asked)
        if not right or not change.get("region") or not isinstance(asked.get("NewLimit"), int):
            raise ArmError("InvalidRequest", "The payload is not one of the documented ones.")


def _is_cores(asked: dict[str, Any]) -> bool:
    family = asked.get("VMFamily")
    known = isinstance(family, str) and _quota_of(family) is not None
    return known and set(asked) == {"VMFamily", "NewLimit"}


def _is_ml(asked: dict[str, Any]) -> bool:
    known = set(asked) <= {"VMFamily", "NewLimit", "Type"}
    return known and asked.get("Type") in {"Dedicated", "LowPriority"}


def _payload(change: dict[str, Any]) -> dict[str, Any]:
    try:
        found = json.loads(change.get("payload") or "")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _quota_of(family: str) -> str | None:
    """Return the quota that a ticket names, or None where it names none."""
    special = {"*": "cores", "All Series": "lowPriorityCores"}
    wanted = special.get(family, family)
    return next((name for name in compute.limits() if fold(name) == fold(wanted)), None)


def _file(world: World, name: str, properties: dict[str, Any]) -> None:
    """Keep a ticket, and have it answered when the scenario says."""
    now = world.now()
    world.notes["azure-support"][name] = {"properties": properties, "filed": now}
    for change in (properties.get("quotaTicketDetails") or {}).get("quotaChangeRequests", []):
        asked = _payload(change)
        is_ml = "BatchAml" in str(properties["quotaTicketDetails"])
        family = asked.get("VMFamily") or "TotalDedicatedCores"
        quota = family if is_ml else _quota_of(family) or ""
        region = change["region"].casefold()
        key: QuotaKey = ("azure-ml" if is_ml else "azure", region, fold(quota), ())
        old = world.limits.get(key, 0) if is_ml else compute.limit_of(world, region, quota)
        filed = world.file(key, int(asked["NewLimit"]), old, name=quota, ticket=name)
        outcome = world.scenario.ticket_outcome
        filed.outcome = outcome
        decided = now + timedelta(seconds=world.scenario.decide_after_s)
        filed.decided = filed.applied = None if outcome == "never" else decided
        filed.granted = {"approved": filed.desired, "partial": (old + filed.desired) // 2}.get(
            outcome, old
        )


def _known(world: World, name: str) -> str:
    if name not in world.notes["azure-support"]:
        raise ArmError("SupportTicketNotFound", "The ticket was not found.", 404)
    return name


def _communications(world: World, name: str) -> list[dict[str, Any]]:
    world.settle()
    when = decided(world, name)
    if when is None:
        return []
    return [
        {
            "name": "reply-1",
            "type": f"{_SPACE}/communications",
            "properties": {
                "communicationType": "web",
                "communicationDirection": "outbound",
                "sender": "support@microsoft.com",
                "subject": "Your quota",
                "body": _SAID.get(world.scenario.ticket_outcome, _SAID["denied"]),
                "createdDate": when.isoformat(),
            },
        }
    ]


def _show(world: World, name: str) -> dict[str, Any]:
    ticket = world.notes["azure-support"][name]
    number = str(zlib.crc32(name.encode()))
    closed = ticket.get("closed") or decided(world, name) is not None
    return {
        "id": f"/providers/{_SPACE}/supportTickets/{name}",
        "name": name,
        "type": f"{_SPACE}/supportTickets",
        "properties": {
            **ticket["properties"],
            "status": "Closed" if closed else "Open",
            "supportTicketId": number,
            "createdDate": ticket["filed"].isoformat(),
        },
    }
