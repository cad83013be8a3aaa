"""Support cases on AWS: how the text reaches the person who decides.

Service Quotas takes no text with a request. A case does: AWS opens one itself, or
``CreateSupportCase`` opens one for a request that is pending (botocore: "only creates a
Support case if the request has a Pending status"). The text is then added with AWS Support's
``AddCommunicationToCase``, which needs a support plan (``SubscriptionRequiredException``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.clouds import aws
from planner.clouds.redact import redact
from planner.errors import CloudError, PermissionDeniedError
from planner.quotas import justification
from planner.quotas.interface import Ticket

if TYPE_CHECKING:
    from planner.ledger import QuotaRequest

CASES = "https://console.aws.amazon.com/support/home#/case/history"
# AWS Support has one endpoint, in us-east-1.
_HOME = aws.HOME_REGION
_AMAZON = ("amazon web services", "aws")
_CLOSED = "resolved"
_NO_PLAN = "SubscriptionRequiredException"


def open_case(request: QuotaRequest) -> None:
    """Have a case opened for a request that is pending.

    Raises:
        CloudError: There is one already, or the request is decided.
    """
    client = aws.client("service-quotas", request.region)
    with aws.errors(
        "open a support case for the request",
        action="servicequotas:CreateSupportCase",
        region=request.region,
    ):
        client.create_support_case(RequestId=request.native_id)


def explain(case: str, text: str) -> str:
    """Add the justification to a case; return why it could not be, or nothing."""
    client = aws.client("support", _HOME)
    try:
        with aws.errors("write to the case", action="support:AddCommunicationToCase"):
            client.add_communication_to_case(
                caseId=_full_id(case), communicationBody=justification.shortened(text, "aws")
            )
    except (CloudError, PermissionDeniedError) as error:
        return _why(error)
    return ""


def read(case: str) -> Ticket | None:
    """Return a case with AWS's last reply; None where this account may not read cases."""
    try:
        with aws.errors("read the case", action="support:DescribeCases"):
            found = aws.client("support", _HOME).describe_cases(
                displayId=case, includeResolvedCases=True, includeCommunications=True
            )["cases"]
    except (CloudError, PermissionDeniedError):
        return None
    if not found:
        return None
    status = str(found[0].get("status", ""))
    said = found[0].get("recentCommunications", {}).get("communications", [])
    theirs = [row for row in said if str(row.get("submittedBy", "")).casefold() in _AMAZON]
    last = max(theirs, key=lambda row: str(row.get("timeCreated", "")), default=None)
    reply = justification.plain(redact(str(last["body"]))) if last is not None else ""
    return Ticket(case, is_open=status != _CLOSED, status=status, reply=reply)


def _full_id(display_id: str) -> str:
    """Return the long id of a case that Service Quotas names by its number."""
    with aws.errors("find the case", action="support:DescribeCases"):
        found = aws.client("support", _HOME).describe_cases(
            displayId=display_id, includeResolvedCases=True
        )["cases"]
    if not found:
        raise CloudError(f"AWS Support has no case {display_id}", code="CaseIdNotFound")
    return str(found[0]["caseId"])


def _why(error: CloudError | PermissionDeniedError) -> str:
    if isinstance(error, CloudError) and error.code == _NO_PLAN:
        return "the account's support plan has no API; paste the text into the case"
    return str(error)
