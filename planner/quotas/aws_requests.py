"""Quota requests on AWS: Service Quotas files them, support cases may decide them.

``DesiredValue`` is the new total. The API takes no justification; it is put into the support
case that AWS opens, where the account's support plan lets planner write there. One request per
quota may be active.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from planner.clouds import aws
from planner.errors import CloudError, PlannerError
from planner.quotas import aws_cases, outcome
from planner.quotas.interface import Ticket
from planner.quotas.outcome import Answer, Phase, State

if TYPE_CHECKING:
    from datetime import datetime

    from planner.ledger import QuotaRequest
    from planner.quotas.interface import Ask, Contact

PHASES = {
    "PENDING": Phase.OPEN,
    "CASE_OPENED": Phase.CASE,
    "APPROVED": Phase.GRANTED,
    "DENIED": Phase.REFUSED,
    "NOT_APPROVED": Phase.REFUSED,
    "INVALID_REQUEST": Phase.REFUSED,
    "CASE_CLOSED": Phase.CLOSED,
}
_REASONS = {
    "DENIED": "AWS denied it",
    "NOT_APPROVED": "AWS did not approve it, and no case was opened",
    "INVALID_REQUEST": "AWS calls the request invalid",
    "CASE_CLOSED": "the support case was closed; its outcome is written in the case",
    "CASE_OPENED": "AWS opened a support case; answer what it asks there",
}
_REFUSALS = {
    "QuotaExceededException": (
        "AWS takes no more requests now",
        "20 may be active per account and 2 per opt-in region; wait until one is closed",
        "planner quota status",
    ),
    "InvalidResourceStateException": (
        "AWS cannot raise this quota",
        "the quota is not adjustable, or not in a state to be changed",
        "planner quota plan MODEL, for another way",
    ),
    "IllegalArgumentException": (
        "AWS calls the wish invalid",
        "it must be above the present limit",
        "planner quota check, and ask for more than the limit",
    ),
    "NoSuchResourceException": (
        "AWS does not know the quota in this region",
        "",
        "planner quota check --region REGION",
    ),
}


class Requests:
    """The requesting half of the adapter."""

    def payload(self, ask: Ask) -> dict[str, Any]:
        """Return the parameters of RequestServiceQuotaIncrease."""
        quota = ask.check.quota
        return {
            "ServiceCode": quota.service,
            "QuotaCode": quota.quota_id,
            "DesiredValue": float(ask.desired),
            "SupportCaseAllowed": True,
        }

    def find_open(self, ask: Ask, since: datetime | None = None) -> Answer | None:
        """Return the active request in the quota's history."""
        quota = ask.check.quota
        client = aws.client("service-quotas", quota.region)
        with aws.errors(
            "look for open requests",
            action="servicequotas:ListRequestedServiceQuotaChangeHistoryByQuota",
            region=quota.region,
        ):
            pages = client.get_paginator(
                "list_requested_service_quota_change_history_by_quota"
            ).paginate(ServiceCode=quota.service, QuotaCode=quota.quota_id)
            rows = [row for page in pages for row in page["RequestedQuotas"]]
        answers = [_answer(row, ask.check.limit) for row in rows]
        return outcome.sent(answers, ask.desired, since)

    def file(self, ask: Ask) -> Answer:
        """Send the request."""
        region = ask.check.quota.region
        client = aws.client("service-quotas", region)
        try:
            with aws.errors(
                "request the quota",
                action="servicequotas:RequestServiceQuotaIncrease",
                region=region,
            ):
                row = client.request_service_quota_increase(**self.payload(ask))["RequestedQuota"]
        except CloudError as error:
            if error.code == "ResourceAlreadyExistsException":
                found = self.find_open(ask)
                if found is not None:
                    return found
            raise _explained(error) from error
        return _answer(row, ask.check.limit)

    def raise_wish(self, request: QuotaRequest, ask: Ask) -> Answer | None:
        """AWS cannot change an active request."""
        del request, ask
        return None

    def poll(self, request: QuotaRequest) -> Answer:
        """Ask how the request and its case stand, and read the limit again."""
        return self._with_case(self._poll(request), request)

    def _poll(self, request: QuotaRequest) -> Answer:
        client = aws.client("service-quotas", request.region)
        limit = self._limit_now(request)
        with aws.errors(
            "read the request",
            action="servicequotas:GetRequestedServiceQuotaChange",
            region=request.region,
        ):
            try:
                row = client.get_requested_service_quota_change(RequestId=request.native_id)
            except client.exceptions.NoSuchResourceException:
                return Answer(request.native_id, "", Phase.LOST, limit)
        return _answer(row["RequestedQuota"], limit)

    def _with_case(self, answer: Answer, request: QuotaRequest) -> Answer:
        """Return the answer with what AWS wrote in the case; put the text in, once."""
        case = answer.case or request.ticket
        if not case:
            return answer
        if answer.phase is Phase.CASE and not request.is_explained and request.justification:
            hindrance = aws_cases.explain(case, request.justification)
            explained = not hindrance
            answer = replace(
                answer,
                is_explained=explained,
                message=answer.message + (f"; {hindrance}" if hindrance else ""),
            )
        ticket = aws_cases.read(case)
        if ticket is None or not ticket.reply:
            return answer
        return replace(answer, reply=ticket.reply, message=f"{answer.message}: {ticket.reply}")

    def ticket_payload(self, request: QuotaRequest) -> dict[str, Any]:
        """Return what opens the case."""
        return {"RequestId": request.native_id}

    def file_ticket(self, request: QuotaRequest, contact: Contact) -> Ticket:
        """Have AWS open a case for the pending request; the text follows once it has a number."""
        del contact
        if request.ticket:
            return aws_cases.read(request.ticket) or Ticket(
                request.ticket, is_open=True, status="opened"
            )
        aws_cases.open_case(request)
        case = self._poll(request).case
        return Ticket(case, is_open=True, status="opened" if case else "being opened")

    def withdraw(self, request: QuotaRequest) -> bool:
        """AWS cannot take a request back."""
        del request
        return False

    def next_steps(self, request: QuotaRequest) -> list[str]:
        """Return what the user can do, in the state the request is in."""
        if request.state in {State.NEEDS_HUMAN, State.UNKNOWN}:
            text = [f"text to paste there: {request.justification}"]
            return [
                f"read and answer the case: {aws_cases.CASES}",
                *([] if request.is_explained else text),
            ]
        if request.state == State.PENDING:
            return [
                f"to reach a person with your text: planner quota request --ticket {request.id}"
            ]
        return []

    def _limit_now(self, request: QuotaRequest) -> float | None:
        client = aws.client("service-quotas", request.region)
        for read in (client.get_service_quota, client.get_aws_default_service_quota):
            try:
                with aws.errors("read the quota again", region=request.region):
                    row = read(ServiceCode=request.service, QuotaCode=request.quota_id)["Quota"]
                return float(row["Value"]) if "Value" in row else None
            except CloudError as error:
                if error.code != "NoSuchResourceException":
                    return None
        return None


def _answer(row: dict[str, Any], limit: float | None) -> Answer:
    status = str(row["Status"])
    message = _REASONS.get(status, "")
    case = str(row.get("CaseId") or "")
    if case:
        message += f" (case {row['CaseId']})"
    return Answer(
        native_id=str(row["Id"]),
        native_state=status,
        phase=PHASES.get(status, Phase.CLOSED),
        limit=limit,
        message=message,
        desired=float(row["DesiredValue"]),
        filed_at=row.get("Created"),
        case=case,
    )


def _explained(error: CloudError) -> PlannerError:
    """Return the refusal with what AWS means by its code."""
    if error.code not in _REFUSALS:
        return error
    what, why, advice = _REFUSALS[error.code]
    return CloudError(what, code=error.code, why=error.why or why, advice=advice)
