"""Simulated AWS Support: the cases that Service Quotas opens, and what is written in them.

Documented (botocore model 2013-04-15): operations, members, statuses; 8,000 characters a text;
``SubscriptionRequiredException`` where the account's plan has no API.
Assumed: the form of case ids beyond the documented example; that a case is answered when its
request is decided, and the sentences.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from planner.sandbox.aws.protocol import (
    ACCOUNT,
    AwsCall,
    AwsError,
    check_parameters,
    json_response,
)
from planner.sandbox.aws.service_quotas import case_number

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

    from planner.sandbox.world import Request, World

_LONGEST = 8000
_SAID = {
    "approved": "We have raised the limit as you asked.",
    "partial": "We could raise the limit in part only.",
}
_REFUSED = "We cannot raise this limit at this time."


class Support:
    """Cases about quota requests."""

    service = "support"

    def __init__(self, world: World) -> None:
        self._world = world

    def handle(self, call: AwsCall) -> Response | None:
        """Answer an operation of AWS Support."""
        operations = {
            "DescribeCases": self._describe,
            "AddCommunicationToCase": self._add,
        }
        if call.operation not in operations:
            raise AwsError("UnknownOperationException", f"the sandbox has no {call.operation}")
        if not self._world.scenario.support_plan:
            raise AwsError(
                "SubscriptionRequiredException",
                "AWS Premium Support Subscription is required to use this service.",
            )
        check_parameters(call, "ValidationException")
        return json_response(call, operations[call.operation](call))

    def _cases(self) -> dict[str, Request]:
        now = self._world.now()
        found = {case_number(request, now): request for request in self._world.requests}
        return {number: request for number, request in found.items() if number}

    def _describe(self, call: AwsCall) -> dict[str, Any]:
        wanted = call.parameters.get("displayId", "")
        found = [
            self._show(number, request)
            for number, request in self._cases().items()
            if wanted in {"", number}
        ]
        resolved = call.parameters.get("includeResolvedCases", False)
        return {"cases": [case for case in found if resolved or case["status"] != "resolved"]}

    def _add(self, call: AwsCall) -> dict[str, Any]:
        number = call.parameters.get("caseId", "").rsplit("-", 1)[-1]
        if number not in self._cases():
            raise AwsError("CaseIdNotFound", "The case was not found.")
        body = call.parameters["communicationBody"]
        if len(body) > _LONGEST:
            raise AwsError("ValidationException", "communicationBody is too long")
        texts = self._world.notes["aws-cases"].setdefault(number, [])
        texts.append({"body": body, "at": self._world.now().isoformat()})
        return {"result": True}

    def _show(self, number: str, request: Request) -> dict[str, Any]:
        closed = not request.is_open(self._world.now())
        case_id = f"case-{ACCOUNT}-exen-2026-{number}"
        said = [
            {
                "caseId": case_id,
                "body": text["body"],
                "submittedBy": "ada@example.com",
                "timeCreated": text["at"],
            }
            for text in self._world.notes["aws-cases"].get(number, [])
        ]
        if closed and request.decided is not None:
            said.append(
                {
                    "caseId": case_id,
                    "body": _SAID.get(request.outcome, _REFUSED),
                    "submittedBy": "Amazon Web Services",
                    "timeCreated": request.decided.isoformat(),
                }
            )
        return {
            "caseId": case_id,
            "displayId": number,
            "subject": "Limit increase",
            "status": "resolved" if closed else "opened",
            "serviceCode": "service-limit-increase",
            "timeCreated": request.filed.isoformat(),
            "recentCommunications": {"communications": said},
        }
