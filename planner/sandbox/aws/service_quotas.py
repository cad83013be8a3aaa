"""Simulated Service Quotas: what moto lacks of it.

Documented (botocore model 2019-06-24 and the user guide's reference_limits): operations,
members, statuses, error codes; ``DesiredValue`` is an absolute total; one active request per
quota, 20 per account, 2 per opt-in Region; EC2 reports Unit ``None`` though it counts vCPUs;
``ListServiceQuotas`` has only quotas with an applied value.
Assumed: that SageMaker's quotas have none until they are raised; that a second request for a
quota is refused with ``ResourceAlreadyExistsException`` and one below the present value with
``IllegalArgumentException``; that default values of GPU quotas are the scenario's; the codes
of SageMaker quotas whose code is not public; how many instances all endpoints may have (a user
was refused at 3, another account had 20); the course of a request: PENDING, after an hour
CASE_OPENED, then its end.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from planner.quotas import catalogue, types
from planner.sandbox.aws.protocol import (
    ACCOUNT,
    AwsCall,
    AwsError,
    check_parameters,
    json_response,
)

if TYPE_CHECKING:
    from datetime import datetime

    from werkzeug.wrappers import Response

    from planner.sandbox.world import QuotaKey, Request, World

_PAGE = 100
_CASE_AFTER = timedelta(hours=1)
_LARGEST_VCPUS = 192
_ACTIVE_PER_ACCOUNT = 20
_ACTIVE_PER_OPT_IN_REGION = 2
_STANDARD_VCPUS = 5
# Of all endpoints, as a multiple of the scenario's GPU machines; 4 where it has none.
_ENDPOINT_INSTANCES = 20
_NEW_ACCOUNT_ENDPOINT_INSTANCES = 4
# Regions that were there before regions had to be enabled.
_ALWAYS_ON = {
    *("us-east-1", "us-east-2", "us-west-1", "us-west-2", "ca-central-1", "sa-east-1"),
    *("eu-central-1", "eu-west-1", "eu-west-2", "eu-west-3", "eu-north-1"),
    *("ap-south-1", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3"),
    *("ap-southeast-1", "ap-southeast-2"),
}
_ENDS = {
    "approved": "APPROVED",
    "partial": "APPROVED",
    "denied": "DENIED",
    "not-approved": "NOT_APPROVED",
    "invalid": "INVALID_REQUEST",
    "case-closed": "CASE_CLOSED",
}


_Place = tuple[str, str]
"""(``aws``, or ``aws/ACCOUNT`` for another account than the first; region)"""


@dataclass(frozen=True, slots=True)
class _Quota:
    service: str
    code: str
    name: str
    per_instance: int


class ServiceQuotas:
    """List, get, default, request and history."""

    service = "service-quotas"

    def __init__(self, world: World) -> None:
        self._world = world

    def handle(self, call: AwsCall) -> Response | None:
        """Answer an operation of Service Quotas; moto's own two serve only VPC."""
        operations = {
            "GetServiceQuota": self._get,
            "GetAWSDefaultServiceQuota": self._get_default,
            "ListServiceQuotas": self._list,
            "ListAWSDefaultServiceQuotas": self._list_defaults,
            "RequestServiceQuotaIncrease": self._request,
            "GetRequestedServiceQuotaChange": self._get_request,
            "ListRequestedServiceQuotaChangeHistoryByQuota": self._history,
            "CreateSupportCase": self._create_case,
        }
        if call.operation not in operations:
            raise AwsError("UnknownOperationException", f"the sandbox has no {call.operation}")
        check_parameters(call, "IllegalArgumentException")
        return json_response(call, operations[call.operation](call))

    def _get(self, call: AwsCall) -> dict[str, Any]:
        quota = _find(call)
        if not self._is_applied(_place(call), quota):
            raise AwsError("NoSuchResourceException", "The quota has no applied value")
        return {"Quota": self._show(_place(call), quota, applied=True)}

    def _get_default(self, call: AwsCall) -> dict[str, Any]:
        quota = _find(call)
        return {"Quota": self._show(_place(call), quota, applied=False)}

    def _list(self, call: AwsCall) -> dict[str, Any]:
        wanted = call.parameters.get("QuotaCode")
        quotas = [
            q for q in _of(call) if wanted in {None, q.code} and self._is_applied(_place(call), q)
        ]
        return self._page(call, quotas, applied=True)

    def _list_defaults(self, call: AwsCall) -> dict[str, Any]:
        return self._page(call, _of(call), applied=False)

    def _page(self, call: AwsCall, quotas: list[_Quota], *, applied: bool) -> dict[str, Any]:
        token = call.parameters.get("NextToken", "0")
        if not token.isdigit():
            raise AwsError("InvalidPaginationTokenException", "The pagination token is wrong")
        start = int(token)
        end = start + call.parameters.get("MaxResults", _PAGE)
        shown = [self._show(_place(call), quota, applied=applied) for quota in quotas[start:end]]
        more = {"NextToken": str(end)} if end < len(quotas) else {}
        return {"Quotas": shown, **more}

    def _request(self, call: AwsCall) -> dict[str, Any]:
        quota = _find(call)
        desired = call.parameters["DesiredValue"]
        key = self._key(_place(call), quota)
        now = self._limit(_place(call), quota)
        if not self._world.scenario.adjustable:
            raise AwsError("InvalidResourceStateException", "The quota is not adjustable")
        if desired <= now or desired != int(desired):
            raise AwsError(
                "IllegalArgumentException",
                f"The desired value {desired} must be a whole number above the value {now}",
            )
        if self._world.open_requests(key):
            raise AwsError(
                "ResourceAlreadyExistsException",
                "Only one open service quota increase request is allowed per quota.",
            )
        cloud = _place(call)[0]
        active = [r for r in self._world.open_requests(cloud=cloud) if r.key[1] == call.region]
        opt_in = call.region not in _ALWAYS_ON
        if (opt_in and len(active) >= _ACTIVE_PER_OPT_IN_REGION) or len(
            self._world.open_requests(cloud=cloud)
        ) >= _ACTIVE_PER_ACCOUNT:
            raise AwsError(
                "QuotaExceededException",
                "You have exceeded your service quota for active quota increase requests.",
            )
        allowed = call.parameters.get("SupportCaseAllowed", True)
        request = self._world.file(key, int(desired), now, quota=quota)
        if not allowed:
            # Documented: without a case the status becomes "Not approved".
            request.outcome, request.granted = "not-approved", now
        return {"RequestedQuota": self._show_request(request)}

    def _get_request(self, call: AwsCall) -> dict[str, Any]:
        return {"RequestedQuota": self._show_request(self._filed(call))}

    def _create_case(self, call: AwsCall) -> dict[str, Any]:
        request = self._filed(call)
        if case_number(request, self._world.now()):
            raise AwsError("ResourceAlreadyExistsException", "The request has a case already.")
        if not request.is_open(self._world.now()):
            raise AwsError("InvalidResourceStateException", "The request is not pending.")
        request.details["case"] = True
        return {}

    def _filed(self, call: AwsCall) -> Request:
        for request in self._world.requests:
            ours = request.key[:2] == _place(call)
            if ours and request.id == call.parameters["RequestId"]:
                return request
        raise AwsError("NoSuchResourceException", "The request id was not found")

    def _history(self, call: AwsCall) -> dict[str, Any]:
        key = self._key(_place(call), _find(call))
        found = [self._show_request(r) for r in self._world.requests if r.key == key]
        status = call.parameters.get("Status")
        return {"RequestedQuotas": [r for r in found if status in {None, r["Status"]}]}

    def _key(self, place: _Place, quota: _Quota) -> QuotaKey:
        return (*place, quota.code, ())

    def _initial(self, quota: _Quota) -> int:
        if not quota.per_instance:
            return _STANDARD_VCPUS
        if quota.per_instance == _ENDPOINT_INSTANCES:
            chosen = self._world.scenario.endpoint_instances
            return chosen if chosen >= 0 else _new_account(self._world.scenario.gpu_instances)
        return self._world.scenario.gpu_instances * quota.per_instance

    def _is_applied(self, place: _Place, quota: _Quota) -> bool:
        """Tell whether a quota has a value of its own, or only AWS's default."""
        self._world.settle()
        return quota.service == "ec2" or self._key(place, quota) in self._world.limits

    def _limit(self, place: _Place, quota: _Quota) -> int:
        return self._world.limit(self._key(place, quota), self._initial(quota))

    def limit_of(self, region: str, service: str, code: str) -> int | None:
        """Return a quota's limit for the services that enforce it."""
        quota = next((q for q in quotas() if (q.service, q.code) == (service, code)), None)
        return None if quota is None else self._limit(("aws", region), quota)

    def _show(self, place: _Place, quota: _Quota, *, applied: bool) -> dict[str, Any]:
        value = self._limit(place, quota) if applied else self._initial(quota)
        error = self._world.scenario.quota_error if quota.per_instance else ""
        shown: dict[str, Any] = {
            **_identity(place[1], quota),
            "Value": float(value),
            "Adjustable": self._world.scenario.adjustable,
        }
        if error:
            del shown["Value"]
            shown["ErrorReason"] = {"ErrorCode": error, "ErrorMessage": "try again later"}
        return shown

    def _show_request(self, request: Request) -> dict[str, Any]:
        now = self._world.now()
        self._world.settle()
        status = "PENDING"
        changed = request.filed
        case = case_number(request, now)
        if case:
            status, changed = "CASE_OPENED", request.filed
        if request.decided is not None and now >= request.decided:
            status, changed = _ENDS[request.outcome], request.decided
        quota = request.details["quota"]
        shown = {
            **_identity(request.key[1], quota),
            "Id": request.id,
            "DesiredValue": float(request.desired),
            "Status": status,
            "Created": request.filed,
            "LastUpdated": changed,
            "Requester": "{}",
            "QuotaRequestedAtLevel": "ACCOUNT",
        }
        if case:
            shown["CaseId"] = case
        return shown


def _place(call: AwsCall) -> _Place:
    """Return how the world calls the account that asks, and the region."""
    return ("aws" if call.account == ACCOUNT else f"aws/{call.account}", call.region)


def case_number(request: Request, now: datetime) -> str:
    """Return the number of a request's support case, or nothing where there is none yet."""
    by_itself = request.outcome in {"case-closed", "needs-human"}
    due = by_itself and now >= request.filed + _CASE_AFTER
    if not request.key[0].startswith("aws") or not (due or request.details.get("case")):
        return ""
    return str(zlib.crc32(request.id.encode()))


def _new_account(gpu_instances: int) -> int:
    """Return how many instances all endpoints may have where the scenario does not say."""
    return gpu_instances * _ENDPOINT_INSTANCES or _NEW_ACCOUNT_ENDPOINT_INSTANCES


def _identity(region: str, quota: _Quota) -> dict[str, Any]:
    return {
        "ServiceCode": quota.service,
        "ServiceName": {"ec2": "Amazon Elastic Compute Cloud (Amazon EC2)"}.get(
            quota.service, "Amazon SageMaker"
        ),
        "QuotaArn": f"arn:aws:servicequotas:{region}:{ACCOUNT}:{quota.service}/{quota.code}",
        "QuotaCode": quota.code,
        "QuotaName": quota.name,
        "Unit": "None",
        "GlobalQuota": False,
    }


def _of(call: AwsCall) -> list[_Quota]:
    service = call.parameters["ServiceCode"]
    found = [quota for quota in quotas() if quota.service == service]
    if not found:
        raise AwsError("NoSuchResourceException", f"The service {service} was not found")
    return found


def _find(call: AwsCall) -> _Quota:
    for quota in _of(call):
        if quota.code == call.parameters["QuotaCode"]:
            return quota
    raise AwsError("NoSuchResourceException", "The request failed: no such quota")


@cache
def quotas() -> tuple[_Quota, ...]:
    """Return the quotas of EC2 and SageMaker that the sandbox knows."""
    known = [
        _Quota(row.service, row.quota_id, row.quota_name, _LARGEST_VCPUS)
        for row in catalogue.rows("aws")
        if row.service == "ec2" and row.quota_name
    ]
    known += [
        _Quota("sagemaker", row.quota_id, row.quota_name, _ENDPOINT_INSTANCES)
        for row in catalogue.rows("aws", "sagemaker")
        if row.covers == catalogue.EVERYTHING
    ]
    known.append(
        _Quota(
            "ec2",
            "L-1216C47A",
            "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances",
            0,
        )
    )
    codes = {row.covers: row.quota_id for row in catalogue.rows("aws", "sagemaker")}
    names = {item.instance_type for item in types.known() if item.service == "sagemaker"}
    for name in sorted((names | set(codes)) - {catalogue.EVERYTHING}):
        quota_name = f"{name} for endpoint usage"
        invented = f"L-{zlib.crc32(quota_name.encode()):08X}"
        known.append(_Quota("sagemaker", codes.get(name, invented), quota_name, 1))
    return tuple(known)
