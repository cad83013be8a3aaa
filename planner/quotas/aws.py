"""AWS quotas: Service Quotas for the limits, EC2 and SageMaker for what is in use.

EC2 limits count vCPUs per group of families; on demand, Spot and Capacity Blocks apart.
SageMaker limits count instances per type, and those of all endpoints together. A quota that
the account never changed may have no applied value; then the AWS default holds. Codes come
from ``catalogue`` and, where it has none or AWS calls the code's quota otherwise, from the
quota's name in the account's own list.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from planner.clouds import aws
from planner.errors import CloudError, PlannerError
from planner.quotas import aws_usage, catalogue
from planner.quotas.aws_requests import Requests
from planner.quotas.model import Check, Demand, DemandCheck, Quota, with_usage

if TYPE_CHECKING:
    from collections.abc import Sequence

# With more codes than this, listing pages of a hundred takes fewer calls.
_LIST_FROM = 12
_NOT_ADJUSTABLE = "AWS says that this quota cannot be raised"
_ERROR_REASONS = {
    "DEPENDENCY_ACCESS_DENIED_ERROR": "Service Quotas may not ask the service",
    "DEPENDENCY_THROTTLING_ERROR": "the service is throttling Service Quotas; try again later",
    "DEPENDENCY_SERVICE_ERROR": "the service did not answer Service Quotas; try again later",
    "SERVICE_QUOTA_NOT_AVAILABLE_ERROR": "Service Quotas does not have this quota's value",
}


class Adapter(Requests):
    """Service Quotas."""

    cloud = "aws"

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._codes: dict[tuple[str, str], str] = {}

    def account(self) -> str:
        """Return the account number."""
        return aws.account()

    def read(self, quota: Quota) -> Check:
        """Return what AWS says of one quota."""
        return self._read_one(quota.region, quota)

    def check(self, region: str, demands: Sequence[Demand]) -> list[DemandCheck]:
        """Check all demands of one region."""
        quotas = {demand: _quotas(demand, region) for demand in demands}
        wanted = {quota for found in quotas.values() for quota in found}
        limits: dict[Quota, Check] = {}
        for service in sorted({quota.service for quota in wanted}):
            limits |= self._read(region, service, {q for q in wanted if q.service == service})
        usage = aws_usage.Usage(region)
        return [
            _check(demand, [limits[quota] for quota in found], usage)
            for demand, found in quotas.items()
        ]

    def _read(self, region: str, service: str, wanted: set[Quota]) -> dict[Quota, Check]:
        """Return the limits of quotas of one service."""
        if len(wanted) > _LIST_FROM:
            rows = self._list(region, service)
            return {quota: _to_check(quota, _listed(rows, quota)) for quota in wanted}
        return {
            quota: self._read_one(region, quota)
            for quota in sorted(wanted, key=lambda quota: (quota.name, quota.quota_id))
        }

    def _read_one(self, region: str, quota: Quota) -> Check:
        code = quota.quota_id or self._code_by_name(region, quota)
        row = self._get(region, quota.service, code) if code else None
        if quota.quota_id and quota.name and not _is_named(row, quota.name):
            # A code that AWS does not know, or has given to something else: ask by name.
            code = self._code_by_name(region, quota)
            row = self._get(region, quota.service, code) if code else None
        return _to_check(quota, row)

    def _get(self, region: str, service: str, code: str) -> dict[str, Any] | None:
        """Return the applied value, else the default one, else None: AWS has no such quota."""
        client = aws.client("service-quotas", region)
        for operation, action in (
            (client.get_service_quota, "servicequotas:GetServiceQuota"),
            (client.get_aws_default_service_quota, "servicequotas:GetAWSDefaultServiceQuota"),
        ):
            try:
                with aws.errors(f"read the quota {code}", action=action, region=region):
                    row: dict[str, Any] = operation(ServiceCode=service, QuotaCode=code)["Quota"]
                    return row
            except CloudError as error:
                if error.code != "NoSuchResourceException":
                    raise
        return None

    def _list(self, region: str, service: str) -> dict[str, dict[str, Any]]:
        """Return all quotas of a service by name; applied values before defaults."""
        client = aws.client("service-quotas", region)
        rows: dict[str, dict[str, Any]] = {}
        for operation, action in (
            ("list_aws_default_service_quotas", "servicequotas:ListAWSDefaultServiceQuotas"),
            ("list_service_quotas", "servicequotas:ListServiceQuotas"),
        ):
            with aws.errors(f"list the quotas of {service}", action=action, region=region):
                pages = client.get_paginator(operation).paginate(
                    ServiceCode=service, PaginationConfig={"PageSize": 100}
                )
                rows |= {row["QuotaName"]: row for page in pages for row in page["Quotas"]}
        return rows

    def _code_by_name(self, region: str, quota: Quota) -> str:
        """Return a quota's code from the account's list; codes are the same everywhere."""
        with self._lock:
            key = (quota.service, quota.name)
            if key not in self._codes:
                rows = self._list(region, quota.service)
                self._codes |= {
                    (quota.service, name): row["QuotaCode"] for name, row in rows.items()
                }
                self._codes.setdefault(key, "")
            return self._codes[key]


def _check(demand: Demand, limits: Sequence[Check], usage: aws_usage.Usage) -> DemandCheck:
    """Return the check of a demand against the limits that bind it."""
    if not limits:
        return DemandCheck(demand, why=f"no quota is known for {demand.instance_type}")
    per_machine = demand.vcpus if demand.service == "ec2" else 1
    checks, advice = [], ""
    for limit in limits:
        check = replace(limit, need=demand.largest * per_machine)
        if check.limit is not None:
            try:
                check = with_usage(check, usage.of(demand, check.quota))
            except PlannerError as error:
                check, advice = with_usage(check, None, str(error)), error.advice
        checks.append(check)
    return DemandCheck(demand, tuple(checks), advice=advice)


def _quotas(demand: Demand, region: str) -> list[Quota]:
    """Return the quotas that bind a demand; a code may still be empty."""
    if demand.service == "sagemaker":
        rows = catalogue.rows("aws", "sagemaker")
        name = f"{demand.instance_type} for endpoint usage"
        code = next((row.quota_id for row in rows if row.quota_name == name), "")
        own = Quota("aws", "sagemaker", region, code, name, "instances")
        shared = [row for row in rows if row.covers == catalogue.EVERYTHING]
        return [own, *(_of(row, region) for row in shared)]
    row = catalogue.ec2_quota(demand.instance_type, demand.bought)
    return [] if row is None else [_of(row, region)]


def _of(row: catalogue.QuotaRow, region: str) -> Quota:
    return Quota("aws", row.service, region, row.quota_id, row.quota_name, row.unit)


def _listed(rows: dict[str, dict[str, Any]], quota: Quota) -> dict[str, Any] | None:
    """Return a quota's row from a list by name; by its code where its name is not known."""
    if quota.name:
        return rows.get(quota.name)
    return next((row for row in rows.values() if row["QuotaCode"] == quota.quota_id), None)


def _is_named(row: dict[str, Any] | None, name: str) -> bool:
    return row is not None and row["QuotaName"].casefold() == name.casefold()


def _to_check(quota: Quota, row: dict[str, Any] | None) -> Check:
    """Return what AWS says of a quota; a missing one is unknown, not zero."""
    if row is None:
        return Check(quota, 0, why=f"AWS lists no quota {quota.title!r} in {quota.region}")
    named = Quota(
        "aws", quota.service, quota.region, row["QuotaCode"], row["QuotaName"], quota.unit
    )
    fixed = "" if row.get("Adjustable", True) else _NOT_ADJUSTABLE
    error = row.get("ErrorReason")
    if error or "Value" not in row:
        code = (error or {}).get("ErrorCode", "")
        why = _ERROR_REASONS.get(code, f"AWS gives no value ({code})" if code else "no value")
        return Check(named, 0, why=why, fixed=fixed)
    return Check(named, 0, limit=float(row["Value"]), fixed=fixed)
