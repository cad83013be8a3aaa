"""Support tickets on Azure: what Microsoft.Quota sends there, and what only a person decides.

Documented (learn.microsoft.com/rest/api/support/quota-payload): the payload of a ticket about
cores is ``{"VMFamily": family, "NewLimit": total}``, with ``*`` for the regional cores and
``All Series`` for Spot; the Azure ML ticket has the sub-type ``BatchAml`` and
``"Type": "Dedicated"`` (examples of azure-sdk-for-python). The id of a problem classification
that is not public is looked up by its name, as the documents advise.

A ticket's name comes from what it asks for, so that asking twice finds the first one.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from planner.clouds import azure
from planner.clouds.redact import redact
from planner.errors import CloudError, UsageError
from planner.quotas import justification
from planner.quotas.azure_usage import MACHINE_LEARNING
from planner.quotas.catalogue import fold
from planner.quotas.interface import Ticket

if TYPE_CHECKING:
    from azure.mgmt.support.models import SupportTicketDetails

    from planner.ledger import QuotaRequest
    from planner.quotas.interface import Contact

PORTAL = "https://portal.azure.com/#create/Microsoft.Support"
ACCESS = "access"
"""The kind of a request for a region or a size that is closed to the subscription."""
_SERVICE = "06bfd9d3-516b-d5c6-5802-169c800dec89"
_SERVICE_ID = f"/providers/Microsoft.Support/services/{_SERVICE}"
_CORES = f"{_SERVICE_ID}/problemClassifications/e12e3d1d-7fa0-af33-c6d0-3c50df9658a3"
_REGIONAL, _SPOT = fold("cores"), fold("lowPriorityCores")
_NEEDED = ("email", "first_name", "last_name", "country")


def payload(request: QuotaRequest) -> dict[str, Any]:
    """Return the quota part of the ticket; nothing where it asks for access."""
    if request.kind == ACCESS:
        return {}
    change: dict[str, Any] = {"VMFamily": _family(request), "NewLimit": int(request.desired)}
    found: dict[str, Any] = {"quotaChangeRequestVersion": "1.0"}
    if request.service == MACHINE_LEARNING:
        found["quotaChangeRequestSubType"] = "BatchAml"
        change["Type"] = "Dedicated"
        if fold(request.quota_id).startswith("total"):
            del change["VMFamily"]
    found["quotaChangeRequests"] = [{"region": request.region, "payload": json.dumps(change)}]
    return found


def file(request: QuotaRequest, contact: Contact) -> Ticket:
    """File the ticket, or find the one that is there already.

    Raises:
        UsageError: The contact is incomplete.
        CloudError: Azure refused it; ``InvalidSupportPlan``: the plan has no support.
    """
    missing = [
        f"--contact-{name.replace('_', '-')}" for name in _NEEDED if not getattr(contact, name)
    ]
    if missing:
        raise UsageError(
            "a support ticket needs a contact",
            why=f"missing: {', '.join(missing)}",
            advice="planner config set contact.email=... contact.first_name=... "
            "contact.last_name=... contact.country=...",
        )
    known = find(request)
    if known is not None:
        return known
    details = _details(request, contact)
    try:
        with azure.errors("file the ticket", action="Microsoft.Support/supportTickets/write"):
            azure.support().support_tickets.begin_create(name_of(request), details, polling=False)
    except CloudError as error:
        if error.code == "InvalidSupportPlan":
            raise CloudError(
                "the subscription's support plan cannot open tickets by API",
                code=error.code,
                why=f"paste this into the portal instead: {request.justification}",
                advice=f"{PORTAL} (quota tickets are free there)",
            ) from error
        raise
    return Ticket(name_of(request), is_open=True, status="open")


def find(request: QuotaRequest) -> Ticket | None:
    """Return the ticket of a request: by its name, or any open one that asks for the same."""
    own = read(request.ticket or name_of(request))
    if own is not None:
        return own
    wanted = payload(request)
    with azure.errors("look for open tickets", action="Microsoft.Support/supportTickets/read"):
        rows = list(
            azure.support().support_tickets.list(
                filter=f"Status eq 'Open' and ServiceId eq '{_SERVICE}'"
            )
        )
    for row in rows:
        if wanted and _same(row, wanted):
            return _ticket(row)
    return None


def read(name: str) -> Ticket | None:
    """Return a ticket with its last reply, or None where Azure has none of that name."""
    from azure.core.exceptions import ResourceNotFoundError

    with azure.errors("read the ticket", action="Microsoft.Support/supportTickets/read"):
        try:
            row = azure.support().support_tickets.get(name)
        except ResourceNotFoundError:
            return None
    return _ticket(row)


def close(name: str) -> None:
    """Close a ticket that is no longer wanted."""
    from azure.mgmt.support import models

    with azure.errors("close the ticket", action="Microsoft.Support/supportTickets/write"):
        azure.support().support_tickets.update(name, models.UpdateSupportTicket(status="closed"))


def name_of(request: QuotaRequest) -> str:
    """Return the ticket's name: the same for the same wish filed once."""
    when = request.filed_at.isoformat()
    what = f"{request.region}|{request.quota_id}|{request.kind}"
    text = f"{request.account}|{what}|{when}"
    return f"planner-{hashlib.sha256(text.encode()).hexdigest()[:24]}"


def _details(request: QuotaRequest, contact: Contact) -> SupportTicketDetails:
    from azure.mgmt.support import models

    change = payload(request)
    quota = None
    if change:
        quota = models.QuotaTicketDetails(
            quota_change_request_version=change["quotaChangeRequestVersion"],
            quota_change_request_sub_type=change.get("quotaChangeRequestSubType"),
            quota_change_requests=[
                models.QuotaChangeRequest(**row) for row in change["quotaChangeRequests"]
            ],
        )
    return models.SupportTicketDetails(
        title=title(request),
        description=justification.shortened(request.justification, "azure"),
        service_id=_SERVICE_ID,
        problem_classification_id=_classification(request),
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
        quota_ticket_details=quota,
    )


def title(request: QuotaRequest) -> str:
    """Return the ticket's title."""
    if request.kind == ACCESS:
        return f"Access to {request.instance_type} in {request.region}"
    return f"Quota for {request.quota_name or request.quota_id} in {request.region}"


def _classification(request: QuotaRequest) -> str:
    """Return the id of what the ticket is about; by its name where the id is not public."""
    if request.kind != ACCESS and request.service != MACHINE_LEARNING:
        return _CORES
    words = ("access",) if request.kind == ACCESS else ("machine learning",)
    with azure.errors(
        "list what tickets can be about",
        action="Microsoft.Support/services/problemClassifications/read",
    ):
        rows = list(azure.support().problem_classifications.list(_SERVICE))
    for row in rows:
        if any(word in (row.display_name or "").casefold() for word in words):
            return str(row.id)
    raise CloudError(
        f"Azure has no kind of ticket for {title(request)!r}",
        why=f"paste this into the portal instead: {request.justification}",
        advice=PORTAL,
    )


def _family(request: QuotaRequest) -> str:
    """Return how a ticket names what is asked for."""
    name = fold(request.quota_id)
    return {_REGIONAL: "*", _SPOT: "All Series"}.get(name, request.quota_id)


def _same(row: SupportTicketDetails, wanted: dict[str, Any]) -> bool:
    found = row.quota_ticket_details
    changes = (found.quota_change_requests if found is not None else None) or []
    asked = [(change.region, _parsed(change.payload)) for change in changes]
    return asked == [(w["region"], _parsed(w["payload"])) for w in wanted["quotaChangeRequests"]]


def _parsed(text: str | None) -> object:
    try:
        return json.loads(text or "null")
    except ValueError:
        return text


def _ticket(row: SupportTicketDetails) -> Ticket:
    status, name = _said(row.status).casefold(), _said(row.name)
    return Ticket(name, is_open=status != "closed", status=status, reply=_reply(name))


def _reply(name: str) -> str:
    """Return what Azure's people last wrote."""
    with azure.errors(
        "read the ticket's replies", action="Microsoft.Support/supportTickets/communications/read"
    ):
        rows = list(azure.support().communications.list(name))
    outbound = [
        row for row in rows if _said(row.communication_direction).casefold().endswith("outbound")
    ]
    last = max(outbound, key=lambda row: _said(row.created_date), default=None)
    return justification.plain(redact(last.body)) if last is not None else ""


def _said(value: object) -> str:
    """Return what only the service fills in as text; the SDK types it as nothing."""
    return "" if value is None else str(value)
