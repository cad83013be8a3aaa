"""A request for one quota, named by the cloud's own id."""

from __future__ import annotations

from planner.errors import UsageError
from planner.quotas import catalogue
from planner.quotas.interface import Ask, Contact, adapter
from planner.quotas.model import Quota

_SERVICES = {"azure": "Microsoft.Compute", "gcp": "compute.googleapis.com"}


def ask(
    cloud: str,
    quota_id: str,
    total: int,
    *,
    region: str = "",
    service: str = "",
    gpu_family: str = "",
    justification: str = "",
    contact: Contact | None = None,
) -> Ask:
    """Return the request, after reading what the cloud says of the quota now.

    Raises:
        UsageError: Something is missing, the quota is unknown, or it is that large already.
    """
    quota = _quota(cloud, quota_id, region=region, service=service, gpu_family=gpu_family)
    _refuse_all_values(quota)
    check = adapter(cloud).read(quota)
    if check.limit is None:
        raise UsageError(f"the quota {quota_id} cannot be read", why=check.why)
    if check.limit >= total:
        raise UsageError(
            f"the limit of {check.quota.title} is {check.limit:g} already",
            why=f"asked for {total}; a request states the new total, not the increase",
        )
    return Ask(check, total, None, justification, contact or Contact())


def _refuse_all_values(quota: Quota) -> None:
    """Stop a wish that leaves a dimension out: Google takes it for all values of it.

    Raises:
        UsageError: Naming the option.
    """
    given = {key for key, _ in quota.dimensions}
    by_region = quota.cloud == "gcp" and quota.quota_id.endswith("-per-project-region")
    if by_region and "region" not in given:
        raise UsageError(
            f"{quota.quota_id} needs --region",
            why="Google takes a wish without a region as one for every region",
        )
    if "GPU-FAMILY" in quota.quota_id and "gpu_family" not in given:
        raise UsageError(
            f"{quota.quota_id} needs --gpu-family",
            why="Google takes a wish without a family as one for every card",
        )


def _quota(cloud: str, quota_id: str, *, region: str, service: str, gpu_family: str) -> Quota:
    rows = [row for row in catalogue.rows(cloud) if row.quota_id == quota_id]
    unit = rows[0].unit if rows else "units"
    name = rows[0].quota_name if rows and cloud == "aws" else ""
    if cloud == "aws":
        owner = service or (rows[0].service if rows else "")
        if not owner or not region:
            raise UsageError("an AWS quota needs --region, and --service where planner knows none")
        return Quota(cloud, owner, region, quota_id, name, unit)
    if cloud == "azure" and not region:
        raise UsageError("an Azure quota needs --region")
    dimensions = {"region": region, "gpu_family": gpu_family} if cloud == "gcp" else {}
    given = tuple(sorted((key, value) for key, value in dimensions.items() if value))
    return Quota(cloud, _SERVICES[cloud], region, quota_id, name, unit, given)
