"""Simulated Microsoft.Quota: quotas, requests, operations.

Recorded (azure-cli-extensions, azure-rest-api-specs): PUT answers 202 with
Azure-AsyncOperation and Location and a body whose name is the request id and whose quota name
is in upper case; ``operationsStatus``; failed ``quotaRequests``; the codes.
Assumed: ``{"status": "Failed", "error": {}}`` of a failed operation; that a second request
for a quota is refused while one is open; how long Accepted lasts.
"""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from flask import Blueprint, jsonify, request

from planner.quotas.catalogue import fold
from planner.sandbox.azure import compute
from planner.sandbox.azure.arm import SUBSCRIPTION, ArmError, route

if TYPE_CHECKING:
    from flask import Response

    from planner.sandbox.world import Request, World

_SCOPE = f"{SUBSCRIPTION}/providers/Microsoft.Compute/locations/<location>"
_BASE = f"{_SCOPE}/providers/Microsoft.Quota"
_ACCEPTED_FOR = timedelta(minutes=10)


def blueprint(world: World) -> Blueprint:
    """Return the routes."""
    made = Blueprint("quota", __name__)

    @route(made, f"{_BASE}/quotas/<name>", "Microsoft.Quota/quotas/read")
    def get(subscription: str, location: str, name: str) -> Response:
        with world.lock:
            return jsonify(_quota(world, subscription, location, _known(name)))

    @route(made, f"{_BASE}/quotas/<name>", "Microsoft.Quota/quotas/write", "PUT")
    def put(subscription: str, location: str, name: str) -> tuple[Response, int]:
        with world.lock:
            filed = _file(world, location, name)
            return _accepted(subscription, location, filed), 202

    @route(made, f"{_BASE}/operationsStatus/<id_>", "Microsoft.Quota/operationsStatus/read")
    def operation(subscription: str, location: str, id_: str) -> Response:
        del subscription
        with world.lock:
            filed = _find(world, location, id_)
            state = _state(world, filed)
            status = "InProgress" if state == "Accepted" else state
            error: dict[str, Any] = {"error": {}} if status == "Failed" else {}
            return jsonify(
                name=_id(filed),
                startTime=filed.filed.isoformat(),
                status=status,
                type="Microsoft.Quota/OperationsStatus",
                **error,
            )

    @route(made, f"{_BASE}/quotaRequests/<id_>", "Microsoft.Quota/quotaRequests/read")
    def get_request(subscription: str, location: str, id_: str) -> Response:
        with world.lock:
            filed = _find(world, location, id_)
            return jsonify(_details(world, subscription, location, filed))

    @route(made, f"{_BASE}/quotaRequests", "Microsoft.Quota/quotaRequests/read")
    def list_requests(subscription: str, location: str) -> Response:
        with world.lock:
            found = [r for r in world.requests if r.key[:2] == ("azure", location.casefold())]
            shown = [_details(world, subscription, location, r) for r in reversed(found)]
            return jsonify(value=shown)

    return made


def _known(name: str) -> str:
    """Return the quota's name as the API spells it."""
    for known in compute.limits():
        if fold(known) == fold(name):
            return known
    raise ArmError("InvalidResourceName", "Resource name specified is invalid.")


def _file(world: World, location: str, name: str) -> Request:
    if not world.scenario.providers_registered:
        raise ArmError(
            "MissingRegistrationForResourceProvider",
            "The subscription is not registered to use namespace 'Microsoft.Quota'.",
            409,
        )
    known = _known(name)
    limit = _checked_limit(name)
    now = compute.limit_of(world, location, known)
    if limit < now:
        raise ArmError("QuotaReductionNotSupported", "Request failed.")
    key = compute.key_of(location, known)
    if world.open_requests(key):
        raise ArmError("Conflict", "A quota request is in progress for the resource.", 409)
    return world.file(key, limit, now, name=known)


def _checked_limit(name: str) -> int:
    """Read the body as azure-mgmt-quota's model and return the wished limit."""
    from azure.mgmt.quota.models import CurrentQuotaLimitBase

    body = request.get_json(silent=True) or {}
    properties = CurrentQuotaLimitBase(body).properties
    limit = None if properties is None else properties.limit
    value = getattr(limit, "value", None)
    named = properties.name.value if properties is not None and properties.name else None
    wrong = (
        limit is None
        or getattr(limit, "limit_object_type", None) != "LimitValue"
        or not isinstance(value, int)
        or value < 0
        or (named is not None and fold(named) != fold(name))
    )
    if wrong or not isinstance(value, int):
        raise ArmError("InvalidRequest", "The request body is invalid.")
    return value


def _id(filed: Request) -> str:
    return str(uuid.UUID(filed.id))


def _find(world: World, location: str, id_: str) -> Request:
    for filed in world.requests:
        if _id(filed) == id_.casefold() and filed.key[1] == location.casefold():
            return filed
    raise ArmError("QuotaRequestNotFound", "The quota request could not be found.", 404)


def _state(world: World, filed: Request) -> str:
    world.settle()
    now = world.now()
    if filed.outcome == "needs-human":
        return "Failed"
    if filed.is_open(now):
        return "Accepted" if now < filed.filed + _ACCEPTED_FOR else "InProgress"
    if filed.outcome == "invalid":
        return "Invalid"
    return "Succeeded" if filed.outcome in {"approved", "partial"} else "Failed"


def _scope(subscription: str, location: str) -> str:
    return (
        f"/subscriptions/{subscription}/providers/Microsoft.Compute/locations/{location}"
        "/providers/Microsoft.Quota"
    )


def _accepted(subscription: str, location: str, filed: Request) -> Response:
    answer = jsonify(
        id=f"{_scope(subscription, location)}/quotaRequests/{_id(filed)}",
        name=_id(filed),
        type="Microsoft.Quota/Quotas",
        properties={
            "limit": _limit(filed.desired),
            "name": {"value": filed.details["name"].upper()},
            "properties": {},
            "provisioningState": "InProgress",
            "isQuotaApplicable": True,
        },
    )
    operation = (
        f"{request.host_url.rstrip('/')}{_scope(subscription, location)}"
        f"/operationsStatus/{_id(filed)}?api-version=2025-09-01"
    )
    answer.headers["Azure-AsyncOperation"] = operation
    answer.headers["Location"] = operation
    answer.headers["x-ms-ratelimit-remaining-subscription-resource-requests"] = "24"
    return answer


def _quota(world: World, subscription: str, location: str, name: str) -> dict[str, Any]:
    return {
        "id": f"{_scope(subscription, location)}/quotas/{name}",
        "name": name,
        "type": "Microsoft.Quota/Quotas",
        "properties": {
            "limit": _limit(compute.limit_of(world, location, name)),
            "name": {"value": name, "localizedValue": compute.limits()[name]},
            "properties": {},
            "unit": "Count",
            "isQuotaApplicable": world.scenario.adjustable,
        },
    }


def _details(world: World, subscription: str, location: str, filed: Request) -> dict[str, Any]:
    state = _state(world, filed)
    failed = state in {"Failed", "Invalid"}
    message = "Request failed." if failed else "Request processing"
    properties: dict[str, Any] = {
        "message": message,
        "provisioningState": state,
        "requestSubmitTime": filed.filed.isoformat(),
        "value": [
            {
                "limit": _limit(filed.desired),
                "message": message,
                "name": {"value": filed.details["name"].upper()},
                "provisioningState": state,
                "subRequestId": _id(filed),
            }
        ],
    }
    if failed:
        properties["error"] = {"code": world.scenario.azure_refusal, "message": message}
    return {
        "id": f"{_scope(subscription, location)}/quotaRequests/{_id(filed)}",
        "name": _id(filed),
        "type": "Microsoft.Quota/QuotaRequests",
        "properties": properties,
    }


def _limit(value: int) -> dict[str, Any]:
    return {"limitObjectType": "LimitValue", "limitType": "Independent", "value": value}
