"""What to look at before a deploy on Compute Engine."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

from planner.clouds import gcp, gcp_compute
from planner.clouds.redact import redact
from planner.endpoints.deploying.preflight import Check, Finding, Status, good
from planner.endpoints.gce import networks, requests, reservations, zones
from planner.endpoints.machines import checks as shared
from planner.endpoints.machines.reservations import room
from planner.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from planner.endpoints.model import DeploymentSpec

_NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_GUARD = "the run time alone: no alarm, no budget"
_LONGEST_FLEX = timedelta(days=7)  # "About Flex-start VMs"


def checks(spec: DeploymentSpec, *, may_create_roles: bool) -> list[Check]:
    """Return the checks; each asks at most a few calls."""
    gcp_compute.load()  # the checks run in threads
    return [
        Check("credentials", lambda: good("credentials", f"project {redact(gcp.project())}")),
        Check("identity", lambda: _identity(spec, may_create=may_create_roles)),
        Check("zones", lambda: _zones(spec)),
        Check("network", lambda: _network(spec)),
        room(spec, requests.machine_of(spec.plan.instance_type)[0], reservations.look_up),
        Check("expiry", lambda: _expiry(spec)),
        Check("guard", lambda: shared.guard(spec, "Compute Engine", _GUARD)),
        Check("disk", lambda: _disk(spec)),
        Check("name", lambda: _name(spec)),
    ]


def _identity(spec: DeploymentSpec, *, may_create: bool) -> Finding:
    if spec.execution_role:
        return good("identity", spec.execution_role)
    if may_create:
        return good("identity", "the service account planner-endpoint will be made (no roles)")
    return Finding(
        "identity",
        Status.BAD,
        "the service account planner-endpoint is not there",
        "--create-roles, or --role EMAIL",
        UsageError,
    )


def _zones(spec: DeploymentSpec) -> Finding:
    kind, region = spec.plan.instance_type, spec.region
    offering = zones.offering(kind, region)
    if offering is None:
        known = ", ".join(zones.to_try(spec.plan, region))
        text = f"the zones may not be listed; {known} are tried for {kind}"
        return Finding("zones", Status.UNKNOWN, text)
    if not offering:
        return Finding(
            "zones",
            Status.BAD,
            f"no zone of {region} offers {kind}",
            "another --region",
            NotFoundError,
        )
    return good("zones", f"{', '.join(offering)} offer {kind}")


def _network(spec: DeploymentSpec) -> Finding:
    try:
        found = networks.choose(spec.region)
    except (NotFoundError, UsageError) as error:
        text = f"{error} ({error.why})" if error.why else str(error)
        return Finding("network", Status.BAD, text, error.advice, type(error))
    text = found.name + (f", {found.subnetwork.rpartition('/')[2]}" if found.subnetwork else "")
    return good("network", text)


def _expiry(spec: DeploymentSpec) -> Finding:
    flex = spec.container.environment[shared.PROVISIONING] == "FLEX_START"
    if flex and spec.expires_at is None:
        return Finding(
            "expiry",
            Status.BAD,
            "a flex-start machine must have an expiry",
            "--expires 7d at most",
            UsageError,
        )
    words = "Compute Engine deletes the machine itself; it cannot be moved while it runs"
    return shared.expiry(spec, words)


def _disk(spec: DeploymentSpec) -> Finding:
    kind = requests.disk_type(spec.plan.instance_type)
    local = "local SSDs" if requests.has_local_ssd(spec.plan.instance_type) else ""
    return shared.disk(requests.disk_gb(spec), kind, local)


def _name(spec: DeploymentSpec) -> Finding:
    if not _NAME.fullmatch(spec.name):
        return Finding(
            "name",
            Status.BAD,
            f"Compute Engine does not take {spec.name!r}: a letter, then small letters, digits "
            "and hyphens",
            f"--name {re.sub(r'[^a-z0-9-]', '-', spec.name.lower()).strip('-')}",
            UsageError,
        )
    return good("name", spec.name)
