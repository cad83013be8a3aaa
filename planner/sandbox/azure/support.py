"""Simulated Microsoft.Support: tickets about quotas.

Documented (azure-mgmt-support, Azure CLI's example): paths, members, the quota service's id.
Reported by users: ``InvalidSupportPlan`` on plans without support. Assumed: that a ticket is
made at once and stays open; nobody answers it here.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

from flask import Blueprint, jsonify, request

from planner.sandbox.azure.arm import SUBSCRIPTION, ArmError, route

if TYPE_CHECKING:
    from flask import Response

    from planner.sandbox.world import World

QUOTA_SERVICE = "/providers/Microsoft.Support/services/06bfd9d3-516b-d5c6-5802-169c800dec89"
_TICKET = f"{SUBSCRIPTION}/providers/Microsoft.Support/supportTickets/<name>"
_REQUIRED = (
    "description",
    "problemClassificationId",
    "severity",
    "advancedDiagnosticConsent",
    "contactDetails",
    "title",
    "serviceId",
)


def blueprint(world: World) -> Blueprint:
    """Return the routes."""
    made = Blueprint("support", __name__)

    @route(made, _TICKET, "Microsoft.Support/supportTickets/write", "PUT")
    def create(subscription: str, name: str) -> Response:
        del subscription
        if not world.scenario.support_plan:
            raise ArmError(
                "InvalidSupportPlan", "Your support plan does not allow creating tickets.", 403
            )
        properties: dict[str, Any] = (request.get_json(silent=True) or {}).get("properties", {})
        missing = [member for member in _REQUIRED if not properties.get(member)]
        if missing or properties.get("serviceId") != QUOTA_SERVICE:
            raise ArmError("InvalidRequest", f"missing or wrong: {missing or 'serviceId'}")
        with world.lock:
            world.notes["azure-support"][name] = properties
            return jsonify(_show(name, properties))

    @route(made, _TICKET, "Microsoft.Support/supportTickets/read")
    def get(subscription: str, name: str) -> Response:
        del subscription
        with world.lock:
            if name not in world.notes["azure-support"]:
                raise ArmError("SupportTicketNotFound", "The ticket was not found.", 404)
            return jsonify(_show(name, world.notes["azure-support"][name]))

    return made


def _show(name: str, properties: dict[str, Any]) -> dict[str, Any]:
    number = str(zlib.crc32(name.encode()))
    return {
        "name": name,
        "type": "Microsoft.Support/supportTickets",
        "properties": {**properties, "status": "Open", "supportTicketId": number},
    }
