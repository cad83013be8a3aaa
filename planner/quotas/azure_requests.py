"""Quota requests on Azure: Microsoft.Quota, and support tickets where it sends one there.

The limit asked for is the new total. The service answers at once with the id of the request
and decides later; its message is often only "Request failed.", so the code is what counts.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from planner.clouds import azure
from planner.clouds.redact import redact
from planner.errors import CloudError, PlannerError
from planner.quotas import azure_tickets as tickets
from planner.quotas import outcome
from planner.quotas.azure_usage import (
    MACHINE_LEARNING,
    ml_usages,
    restriction,
    skus,
    usages,
)
from planner.quotas.catalogue import fold, same_family
from planner.quotas.outcome import Answer, Phase, State

if TYPE_CHECKING:
    from datetime import datetime

    from azure.mgmt.quota.models import QuotaRequestDetails

    from planner.ledger import QuotaRequest
    from planner.quotas.interface import Ask, Contact, Ticket

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
_TICKET_ONLY = "ticket-only"


class Requests:
    """The requesting half of the adapter."""

    def payload(self, ask: Ask) -> dict[str, Any]:
        """Return scope, name and body of the PUT; the subscription is left out."""
        quota = ask.check.quota
        if ask.kind == tickets.ACCESS:
            return {"ticket": f"access to {quota.name} in {quota.region}"}
        if quota.service == MACHINE_LEARNING:
            return {"ticket": f"Azure ML: {quota.quota_id} in {quota.region}", "limit": ask.desired}
        return {
            "scope": f"subscriptions/.../providers/{quota.service}/locations/{quota.region}",
            "resource_name": quota.quota_id,
            "properties": {
                "name": {"value": quota.quota_id},
                "limit": {"limitObjectType": "LimitValue", "value": ask.desired},
            },
        }

    def find_open(self, ask: Ask, since: datetime | None = None) -> Answer | None:
        """Return the request that is accepted or in progress for the quota."""
        quota = ask.check.quota
        if ask.kind == tickets.ACCESS or quota.service == MACHINE_LEARNING:
            return None
        with azure.errors(
            "look for open requests",
            action="Microsoft.Quota/quotaRequests/read",
            region=quota.region,
        ):
            rows = list(azure.quota().quota_request_status.list(_scope(quota.region)))
        answers = [
            _answer(row, ask.check.limit) for row in rows if same_family(_name(row), quota.quota_id)
        ]
        return outcome.sent(answers, ask.desired, since)

    def file(self, ask: Ask) -> Answer:
        """Send the request; do not wait for its end."""
        quota = ask.check.quota
        if ask.kind == tickets.ACCESS or quota.service == MACHINE_LEARNING:
            return _by_ticket_only(ask)
        from azure.mgmt.quota import models

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
        """Ask how the request and its ticket stand, and read the limit again."""
        answer = self._poll(request)
        if not request.ticket or answer.phase not in {Phase.CONTACT, Phase.REFUSED, Phase.LOST}:
            return answer
        ticket = tickets.read(request.ticket)
        if ticket is None:
            return answer
        said = ticket.reply or f"the ticket is {ticket.status}"
        phase = Phase.CASE if ticket.is_open else Phase.REFUSED
        state = f"ticket {ticket.status}"
        return replace(
            answer, phase=phase, native_state=state, message=said, code="", reply=ticket.reply
        )

    def _poll(self, request: QuotaRequest) -> Answer:
        if request.native_id == _TICKET_ONLY:
            return Answer(_TICKET_ONLY, "ticket wanted", Phase.CONTACT, _limit_now(request))
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
            if request.ticket:
                return [f"answer what Azure asks in the ticket: {tickets.PORTAL}"]
            return [
                f"file the ticket: planner quota request --ticket {request.id}",
                f"or by hand: {tickets.PORTAL} (Service and subscription limits)",
                f"text to paste there: {request.justification}",
            ]
        if request.state in {State.DENIED, State.UNKNOWN}:
            return [f"look at the quota in the portal: {_PORTAL}"]
        return []

    def ticket_payload(self, request: QuotaRequest) -> dict[str, Any]:
        """Return the quota part of the support ticket."""
        return {"title": tickets.title(request), **tickets.payload(request)}

    def file_ticket(self, request: QuotaRequest, contact: Contact) -> Ticket:
        """File the support ticket, or find the one that is there."""
        return tickets.file(request, contact)

    def withdraw(self, request: QuotaRequest) -> bool:
        """Close the ticket; a request to Microsoft.Quota cannot be taken back."""
        if request.ticket:
            tickets.close(request.ticket)
        return request.native_id == _TICKET_ONLY


def _by_ticket_only(ask: Ask) -> Answer:
    """Return the answer for what no API takes: a ticket is wanted."""
    return Answer(_TICKET_ONLY, "ticket wanted", Phase.CONTACT, ask.check.limit)


def _scope(region: str) -> str:
    """Return the scope of Microsoft.Quota; it has no leading slash."""
    return f"subscriptions/{azure.subscription()}/providers/Microsoft.Compute/locations/{region}"


def _limit_now(request: QuotaRequest) -> float | None:
    try:
        if request.kind == tickets.ACCESS:
            return _access_now(request)
        read = ml_usages if request.service == MACHINE_LEARNING else usages
        row = read(request.region).get(fold(request.quota_id))
    except PlannerError:
        return None
    return None if row is None else row[2]


def _access_now(request: QuotaRequest) -> float | None:
    """Return 1 where the subscription may use the size now, 0 where it may not."""
    sizes = skus(request.region)
    sku = (sizes or {}).get(request.instance_type.casefold())
    if sku is None:
        return None
    return 0.0 if restriction(sku, request.region) else 1.0


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
