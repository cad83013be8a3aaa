"""Quota requests on Azure: Microsoft.Quota, and support tickets where it sends one there.

The limit asked for is the new total. The service answers at once with the id of the request
and decides later; its message is often only "Request failed.", so the code is what counts.
"""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

from planner.clouds import azure
from planner.clouds.redact import redact
from planner.errors import CloudError, PlannerError, UsageError
from planner.quotas.azure_usage import usages
from planner.quotas.catalogue import fold, same_family
from planner.quotas.outcome import Answer, Phase, State

if TYPE_CHECKING:
    from azure.mgmt.quota.models import QuotaRequestDetails

    from planner.ledger import QuotaRequest
    from planner.quotas.interface import Ask, Contact

PHASES = {
    "Accepted": Phase.OPEN,
    "InProgress": Phase.OPEN,
    "Succeeded": Phase.GRANTED,
    "Failed": Phase.REFUSED,
    "Invalid": Phase.REFUSED,
}
# What the codes mean: recorded traffic and reports; the service's own message says little.
CODES = {
    "ContactSupport": "Azure wants a support ticket for it",
    "QuotaNotAvailableForResource": (
        "Azure has no quota of this kind to give there; asking for less does not help, "
        "another region or size may"
    ),
    "QuotaReductionNotSupported": "the value asked for is below the present limit",
    "DeprecatedQuotaType": "the VM family is being retired and cannot be raised",
    "InvalidResourceName": "Azure does not know the quota under this name, or cannot raise it",
}
_PORTAL = "https://portal.azure.com/#view/Microsoft_Azure_Capacity/QuotaMenuBlade/~/myQuotas"
_TICKETS = "https://portal.azure.com/#create/Microsoft.Support"
_QUOTA_SERVICE = "/providers/Microsoft.Support/services/06bfd9d3-516b-d5c6-5802-169c800dec89"
_COMPUTE_CORES = f"{_QUOTA_SERVICE}/problemClassifications/e12e3d1d-7fa0-af33-c6d0-3c50df9658a3"


class Requests:
    """The requesting half of the adapter."""

    def payload(self, ask: Ask) -> dict[str, Any]:
        """Return scope, name and body of the PUT; the subscription is left out."""
        quota = ask.check.quota
        return {
            "scope": f"subscriptions/.../providers/{quota.service}/locations/{quota.region}",
            "resource_name": quota.quota_id,
            "properties": {
                "name": {"value": quota.quota_id},
                "limit": {"limitObjectType": "LimitValue", "value": ask.desired},
            },
        }

    def find_open(self, ask: Ask) -> Answer | None:
        """Return the request that is accepted or in progress for the quota."""
        quota = ask.check.quota
        with azure.errors(
            "look for open requests",
            action="Microsoft.Quota/quotaRequests/read",
            region=quota.region,
        ):
            rows = list(azure.quota().quota_request_status.list(_scope(quota.region)))
        for row in rows:
            answer = _answer(row, ask.check.limit)
            if answer.phase is Phase.OPEN and same_family(_name(row), quota.quota_id):
                return answer
        return None

    def file(self, ask: Ask) -> Answer:
        """Send the request; do not wait for its end."""
        from azure.mgmt.quota import models

        quota = ask.check.quota
        body = models.CurrentQuotaLimitBase(
            properties=models.QuotaProperties(
                name=models.ResourceName(value=quota.quota_id),
                limit=models.LimitObject(value=ask.desired),
            )
        )
        first: dict[str, Any] = {}

        def keep(response: Any) -> None:  # noqa: ANN401 - the SDK's hook
            response.http_response.read()
            first.update(response.http_response.json())

        try:
            with azure.errors(
                "request the quota", action="Microsoft.Quota/quotas/write", region=quota.region
            ):
                azure.quota().quota.begin_create_or_update(
                    quota.quota_id,
                    _scope(quota.region),
                    body,
                    polling=False,
                    raw_response_hook=keep,
                )
        except CloudError as error:
            raise _explained(error) from error
        return Answer(
            native_id=str(first.get("name", "")),
            native_state=str(first.get("properties", {}).get("provisioningState", "Accepted")),
            phase=Phase.OPEN,
            limit=ask.check.limit,
            desired=ask.desired,
        )

    def raise_wish(self, request: QuotaRequest, ask: Ask) -> Answer | None:
        """Azure cannot change an open request."""
        del request, ask
        return None

    def poll(self, request: QuotaRequest) -> Answer:
        """Ask how the request stands and read the limit again."""
        with azure.errors(
            "read the request", action="Microsoft.Quota/quotaRequests/read", region=request.region
        ):
            from azure.core.exceptions import ResourceNotFoundError

            try:
                row = azure.quota().quota_request_status.get(
                    request.native_id, _scope(request.region)
                )
            except ResourceNotFoundError:
                return Answer(request.native_id, "", Phase.LOST, _limit_now(request))
        return _answer(row, _limit_now(request))

    def next_steps(self, request: QuotaRequest) -> list[str]:
        """Return what the user can do, in the state the request is in."""
        if request.state == State.NEEDS_HUMAN:
            return [
                f"file the ticket: planner quota request --ticket {request.id}",
                f"or by hand: {_TICKETS} (Service and subscription limits)",
                f"text to paste there: {request.justification}",
            ]
        if request.state in {State.DENIED, State.UNKNOWN}:
            return [f"look at the quota in the portal: {_PORTAL}"]
        return []


def ticket_payload(request: QuotaRequest) -> dict[str, Any]:
    """Return the quota part of the support ticket for a request."""
    payload = {"SKU": request.quota_name or request.quota_id, "NewLimit": int(request.desired)}
    return {
        "quotaChangeRequestVersion": "1.0",
        "quotaChangeRequests": [{"region": request.region, "payload": json.dumps(payload)}],
    }


def file_ticket(request: QuotaRequest, contact: Contact) -> str:
    """File the support ticket that Azure asked for, and return its name.

    Raises:
        UsageError: The contact is incomplete.
        CloudError: Azure refused it; ``InvalidSupportPlan``: the plan has no support.
    """
    missing = [
        f"--contact-{name.replace('_', '-')}"
        for name in ("email", "first_name", "last_name", "country")
        if not getattr(contact, name)
    ]
    if missing:
        raise UsageError("a support ticket needs a contact", why=f"missing: {', '.join(missing)}")
    from azure.mgmt.support import models

    name = f"planner-{uuid.uuid4()}"
    change = ticket_payload(request)
    details = models.SupportTicketDetails(
        title=f"Quota for {request.quota_name or request.quota_id} in {request.region}",
        description=request.justification,
        service_id=_QUOTA_SERVICE,
        problem_classification_id=_COMPUTE_CORES,
        severity="minimal",
        advanced_diagnostic_consent="No",
        contact_details=models.ContactProfile(
            first_name=contact.first_name,
            last_name=contact.last_name,
            primary_email_address=contact.email,
            country=contact.country,
            preferred_contact_method="email",
            preferred_time_zone="UTC",
            preferred_support_language="en-US",
        ),
        quota_ticket_details=models.QuotaTicketDetails(
            quota_change_request_version=change["quotaChangeRequestVersion"],
            quota_change_requests=[
                models.QuotaChangeRequest(**row) for row in change["quotaChangeRequests"]
            ],
        ),
    )
    try:
        with azure.errors("file the ticket", action="Microsoft.Support/supportTickets/write"):
            azure.support().support_tickets.begin_create(name, details, polling=False)
    except CloudError as error:
        if error.code == "InvalidSupportPlan":
            raise CloudError(
                "the subscription's support plan cannot open tickets by API",
                code=error.code,
                why=f"paste this into the portal instead: {request.justification}",
                advice=f"{_TICKETS} (quota tickets are free there)",
            ) from error
        raise
    return name


def _scope(region: str) -> str:
    """Return the scope of Microsoft.Quota; it has no leading slash."""
    return f"subscriptions/{azure.subscription()}/providers/Microsoft.Compute/locations/{region}"


def _limit_now(request: QuotaRequest) -> float | None:
    try:
        row = usages(request.region).get(fold(request.quota_id))
    except PlannerError:
        return None
    return None if row is None else row[2]


def _name(row: QuotaRequestDetails) -> str:
    values = (row.properties.value if row.properties else None) or []
    return (values[0].name.value or "") if values and values[0].name else ""


def _answer(row: QuotaRequestDetails, limit: float | None) -> Answer:
    properties = row.properties
    if properties is None:
        return Answer(row.name or "", "", Phase.LOST, limit)
    state = str(getattr(properties.provisioning_state, "value", properties.provisioning_state))
    code = (properties.error.code or "") if properties.error else ""
    phase = PHASES.get(state, Phase.CLOSED)
    if phase is Phase.REFUSED and code == "ContactSupport":
        phase = Phase.CONTACT
    values = properties.value or []
    asked = getattr(values[0].limit, "value", None) if values else None
    said = redact(properties.message or "")
    return Answer(
        native_id=row.name or "",
        native_state=state,
        phase=phase,
        limit=limit,
        code=code,
        message=f"{code}: {CODES[code]}" if code in CODES else said,
        desired=asked,
        filed_at=properties.request_submit_time,
    )


def _explained(error: CloudError) -> PlannerError:
    """Return the refusal with what Azure means by its code."""
    if error.code not in CODES:
        return error
    return CloudError(
        f"Azure refused the request: {CODES[error.code]}",
        code=error.code,
        why=error.why,
        advice="planner quota plan MODEL, for another region or size",
    )
