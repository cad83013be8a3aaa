"""What Google Cloud allows: quota infos of the Cloud Quotas API."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from planner.clouds import gcp

if TYPE_CHECKING:
    from google.cloud.cloudquotas_v1.types import QuotaInfo

COMPUTE = "compute.googleapis.com"
_UNLIMITED = -1
_INELIGIBLE = {
    "NO_VALID_BILLING_ACCOUNT": "the project has no valid billing account: link one first",
    "NOT_SUPPORTED": "Google does not raise this quota",
    "NOT_ENOUGH_USAGE_HISTORY": (
        "Google finds too little usage history: run smaller machines first, or ask Sales"
    ),
    "OTHER": "Google does not say why; its Sales may",
}


def parent() -> str:
    """Return the resource name that quotas and preferences lie under."""
    return f"projects/{gcp.project()}/locations/global"


def read_info(quota_id: str) -> QuotaInfo | None:
    """Return what Cloud Quotas says of a quota, or None where it has no such id."""
    from google.api_core.exceptions import NotFound

    from planner.clouds.gcp_transport import READ_RETRY

    name = f"{parent()}/services/{COMPUTE}/quotaInfos/{quota_id}"
    with gcp.errors(
        f"read the quota {quota_id}",
        action="cloudquotas.quotas.get",
        api="cloudquotas.googleapis.com",
    ):
        try:
            return gcp.quotas().get_quota_info(name=name, retry=READ_RETRY)
        except NotFound:
            return None


def limit_of(info: QuotaInfo, dimensions: dict[str, str], region: str) -> float | None:
    """Return the value that holds for dimensions: the first row that matches.

    Rows are ordered from specific to general; one without dimensions holds for the rest of
    its locations. An absent value and a zero cannot be told apart: both read 0.
    """
    for row in info.dimensions_infos:
        asked = dict(row.dimensions)
        if any(dimensions.get(key) != value for key, value in asked.items()):
            continue
        places = set(row.applicable_locations)
        if region and "region" not in asked and places and region not in places:
            continue
        value = int(row.details.value)
        return math.inf if value == _UNLIMITED else float(value)
    return None


def why_fixed(info: QuotaInfo) -> str:
    """Return why no more may be asked for, or nothing."""
    if info.is_fixed:
        return "Google calls it a fixed system limit"
    eligibility = info.quota_increase_eligibility
    if eligibility.is_eligible:
        return ""
    reason = eligibility.ineligibility_reason.name
    return f"not eligible ({reason}): {_INELIGIBLE.get(reason, _INELIGIBLE['OTHER'])}"
