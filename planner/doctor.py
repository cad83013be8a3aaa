"""What works per cloud, and what is missing: the checks behind ``planner doctor``.

Each check makes one small call, and says what to do where it fails.
"""

from __future__ import annotations

import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from planner.clouds import aws, azure, gcp, settings
from planner.clouds.redact import mask
from planner.errors import PlannerError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

CLOUDS = ("aws", "azure", "gcp")
_AWS_REGION = "us-east-1"
_AZURE_REGION = "eastus"
_ANY_P_QUOTA = "L-417A185B"
_ALL_GPUS = "GPUS-ALL-REGIONS-per-project"
_API = "cloudquotas.googleapis.com"
# Older price lists still answer, but a user should know that newer ones can be had.


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check.

    Attributes:
        subject: A cloud, or ``planner`` itself.
        works: None: not needed, or not known.
    """

    subject: str
    check: str
    works: bool | None
    detail: str
    advice: str = ""


def examine(clouds: Sequence[str] = CLOUDS) -> list[Finding]:
    """Return the findings of the clouds, all asked at once, and of planner itself."""
    with ThreadPoolExecutor(len(CLOUDS)) as pool:
        found = list(pool.map(_examine_cloud, clouds))
    return [finding for findings in found for finding in findings] + _planner()


def _examine_cloud(cloud: str) -> list[Finding]:
    steps: dict[str, list[tuple[str, Callable[[], str]]]] = {
        "aws": [("credentials", _aws_account), ("quotas", _aws_quotas), ("usage", _aws_usage)],
        "azure": [("credentials", _azure_account), ("quotas", _azure_quotas)],
        "gcp": [("credentials", _gcp_project), ("quotas", _gcp_quotas), ("usage", _gcp_usage)],
    }
    findings = []
    for name, step in steps[cloud]:
        try:
            findings.append(Finding(cloud, name, works=True, detail=step()))
        except PlannerError as error:
            findings.append(
                Finding(cloud, name, works=False, detail=str(error), advice=error.advice)
            )
            if name == "credentials":
                break  # nothing else can work
    return findings


def _aws_account() -> str:
    return f"account {mask(aws.account())}"


def _aws_quotas() -> str:
    with aws.errors("read a quota", action="servicequotas:GetServiceQuota", region=_AWS_REGION):
        aws.client("service-quotas", _AWS_REGION).get_service_quota(
            ServiceCode="ec2", QuotaCode=_ANY_P_QUOTA
        )
    return "Service Quotas answers"


def _aws_usage() -> str:
    with aws.errors("list instances", action="ec2:DescribeInstances", region=_AWS_REGION):
        aws.client("ec2", _AWS_REGION).describe_instances(MaxResults=5)
    with aws.errors("list endpoints", action="sagemaker:ListEndpoints", region=_AWS_REGION):
        aws.client("sagemaker", _AWS_REGION).list_endpoints(MaxResults=1)
    return "EC2 and SageMaker answer"


def _azure_account() -> str:
    return f"subscription {mask(azure.subscription())}"


def _azure_quotas() -> str:
    action = "Microsoft.Compute/locations/usages/read"
    with azure.errors("read the quotas", action=action, region=_AZURE_REGION):
        rows = list(azure.compute().usage.list(_AZURE_REGION))
    if not rows:
        raise PlannerError(
            "Azure lists no quota at all: Microsoft.Compute is not registered",
            advice="az provider register --namespace Microsoft.Compute",
        )
    return f"{len(rows)} quotas in {_AZURE_REGION}"


def _gcp_project() -> str:
    return f"project {gcp.project()}"


def _gcp_quotas() -> str:
    name = (
        f"projects/{gcp.project()}/locations/global/services/compute.googleapis.com"
        f"/quotaInfos/{_ALL_GPUS}"
    )
    with gcp.errors("read a quota", action="cloudquotas.quotas.get", api=_API):
        info = gcp.quotas().get_quota_info(name=name)
    eligible = info.quota_increase_eligibility
    if not eligible.is_eligible:
        return f"Cloud Quotas answers; no increase: {eligible.ineligibility_reason.name}"
    return "Cloud Quotas answers"


def _gcp_usage() -> str:
    api = "compute.googleapis.com"
    with gcp.errors("read the project", action="compute.projects.get", api=api):
        gcp.read("", fields="name")
    return "Compute Engine answers"


def _planner() -> list[Finding]:
    from planner.ledger import Ledger

    findings = []
    try:
        with Ledger() as ledger:
            count = len(ledger.requests(open_only=True))
            detail = f"{count} open quota requests, {len(ledger.resources())} resources"
        findings.append(Finding("planner", "ledger", works=True, detail=detail))
    except PlannerError as error:
        findings.append(
            Finding("planner", "ledger", works=False, detail=str(error), advice=error.advice)
        )
    findings += _namesake()
    findings.append(_prices())
    findings += _verified()
    installed = find_spec("moto") is not None
    findings.append(
        Finding(
            "planner",
            "sandbox",
            works=True if installed else None,
            detail=_sandbox_state() if installed else "not installed",
            advice="" if installed else "pip install 'gpu-planner[sandbox]'",
        )
    )
    return findings


def _namesake() -> list[Finding]:
    """Return a finding where another program of this name is found first."""
    found = shutil.which("planner")
    if found is None or _is_ours(Path(found)):
        return []
    return [
        Finding(
            "planner",
            "command",
            works=False,
            detail=f"{found} answers to planner, and is not this program",
            advice=f"{Path(sys.executable).with_name('gpu-planner')} is this one",
        )
    ]


def _is_ours(script: Path) -> bool:
    """Tell whether a script starts this program; a shim of pyenv does not say what it starts."""
    try:
        text = script.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return True
    return "planner.cli" in text or "pyenv" in text


def _verified() -> list[Finding]:
    """Say when a canary last went through each service; rehearsals do not count."""
    from planner.endpoints import verifying

    last = {record.service: record for record in verifying.kept() if not record.simulated}
    if not last:
        advice = "planner verify --to gce --spend 2"
        return [Finding("planner", "verified", works=None, detail="no service yet", advice=advice)]
    return [
        Finding(
            "planner",
            f"verified {service}",
            works=record.passed,
            detail=f"{record.at}, {record.instance_type} in {record.region}"
            + "".join(
                f"; {proof.name}: {proof.detail}" for proof in record.proofs if not proof.passed
            ),
            advice="" if record.passed else f"planner verify --to {service}",
        )
        for service, record in last.items()
    ]


def _sandbox_state() -> str:
    from planner.sandbox import process

    if settings.current().simulated:
        return "in use; nothing here is real"
    return "running" if process.running() is not None else "installed, not running"


def _prices() -> Finding:
    """Say how old the newest whole price list of each cloud is."""
    from planner.pricing import freshness
    from planner.pricing.catalog import Catalog

    newest = freshness.newest(Catalog())
    if not newest:
        return Finding("planner", "prices", works=False, detail="none", advice="planner refresh")
    ages = {cloud: (datetime.now(UTC).date() - day).days for cloud, day in newest.items()}
    detail = ", ".join(f"{cloud} {newest[cloud]} ({age} days old)" for cloud, age in ages.items())
    stale = max(ages.values()) > freshness.STALE_DAYS
    return Finding(
        "planner",
        "prices",
        works=None if stale else True,
        detail=detail,
        advice="planner refresh" if stale else "",
    )
