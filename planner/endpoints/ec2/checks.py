"""What to look at before a deploy on EC2."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

from planner.clouds import aws
from planner.clouds.redact import mask
from planner.endpoints.aws import role_checks, roles
from planner.endpoints.deploying import containers
from planner.endpoints.deploying.preflight import Check, Finding, Status, good
from planner.endpoints.ec2 import identities, machines, networks, requests, reservations
from planner.endpoints.machines import checks as shared
from planner.endpoints.machines.reservations import room
from planner.errors import CloudError, NotFoundError, UsageError

if TYPE_CHECKING:
    from planner.endpoints.aws.roles import Role
    from planner.endpoints.model import DeploymentSpec

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?")
_GUARD = "the expiry alone: no alarm, no budget"


def checks(spec: DeploymentSpec, *, may_create_roles: bool) -> list[Check]:
    """Return the checks; each asks at most a few calls."""
    return [
        Check("credentials", lambda: good("credentials", f"account {mask(aws.account())}")),
        Check("identity", lambda: _identity(spec, may_create=may_create_roles)),
        *(
            Check(name, partial(_role, name, role, may_create_roles))
            for name, role in _roles(spec).items()
        ),
        Check("network", lambda: _network(spec)),
        Check("image", lambda: _image(spec)),
        Check("start script", lambda: _script(spec)),
        room(spec, spec.plan.instance_type, reservations.look_up),
        Check("expiry", lambda: _expiry(spec)),
        Check("guard", lambda: shared.guard(spec, "EC2", _GUARD)),
        Check("disk", lambda: _disk(spec)),
        Check("name", lambda: _name(spec)),
    ]


def _identity(spec: DeploymentSpec, *, may_create: bool) -> Finding:
    missing = [] if spec.execution_role else ["the instance profile planner-ec2-endpoint"]
    if spec.expires_at is not None and not spec.expiry_role:
        missing.append("the role planner-ec2-expiry")
    if not missing:
        return good("identity", spec.execution_role)
    if may_create:
        return good("identity", f"{' and '.join(missing)} will be made (kept; they cost nothing)")
    return Finding(
        "identity", Status.BAD, f"{' and '.join(missing)} is missing", "--create-roles", UsageError
    )


def _roles(spec: DeploymentSpec) -> dict[str, Role]:
    """Return planner's roles that are there already; those that are not, ``identity`` names."""
    named = {"machine's role": identities.ENDPOINT, "expiry role": identities.EXPIRY}
    there = {
        "machine's role": spec.execution_role == identities.ENDPOINT.name,
        "expiry role": bool(spec.expiry_role),
    }
    return {name: role for name, role in named.items() if there[name]}


def _role(name: str, role: Role, may_create: bool) -> Finding:  # noqa: FBT001 - a plain fact
    wanted = roles.rights(role)
    return role_checks.check(name, role, lambda _: wanted, may_create=may_create)


def _network(spec: DeploymentSpec) -> Finding:
    try:
        found = networks.to_try(spec.plan.instance_type, spec.region)
    except NotFoundError as error:
        text = f"{error} ({error.why})" if error.why else str(error)
        return Finding("network", Status.BAD, text, error.advice, NotFoundError)
    zones = ", ".join(dict.fromkeys(subnet.zone for subnet in found))
    lets_in = spec.ingress.words if spec.ingress.is_open else "nothing comes in"
    return good("network", f"{found[0].network}: {zones}; {lets_in}")


def _image(spec: DeploymentSpec) -> Finding:
    try:
        found = machines.image(spec.container.machine_image, spec.region)
    except CloudError as error:
        if error.code != "ParameterNotFound":
            raise
        text = f"{spec.container.machine_image} is not there in {spec.region}"
        return Finding("image", Status.BAD, text, "--machine-image ami-ID", NotFoundError)
    family = spec.plan.instance_type.partition(".")[0]
    if spec.container.machine_image == found or family in requests.documented_types():
        return good("image", found)
    text = f"{found}; its release notes do not name {family} among the types that it is for"
    return Finding("image", Status.WARNING, text, "--machine-image ami-ID where it does not start")


def _script(spec: DeploymentSpec) -> Finding:
    size = len(requests.user_data(spec, requests.parameter_name(spec)).encode())
    text = f"{size:,} of the {requests.LONGEST_SCRIPT:,} bytes that EC2 takes"
    if size <= requests.LONGEST_SCRIPT:
        return good("start script", text)
    advice = "fewer or shorter --engine-arg and --lora"
    return Finding("start script", Status.BAD, text, advice, UsageError)


def _expiry(spec: DeploymentSpec) -> Finding:
    words = "EventBridge Scheduler terminates the machine; its own clock stands behind it"
    return shared.expiry(spec, words)


def _disk(spec: DeploymentSpec) -> Finding:
    own = containers.local_storage_gb(spec.plan.instance_type)
    return shared.disk(requests.disk_gb(spec), "gp3", f"{own:,.0f} GB of NVMe" if own else "")


def _name(spec: DeploymentSpec) -> Finding:
    if _NAME.fullmatch(spec.name):
        return good("name", spec.name)
    plain = re.sub(r"[^A-Za-z0-9-]", "-", spec.name).strip("-")
    text = f"{spec.name!r} has more than letters, digits and hyphens"
    return Finding("name", Status.BAD, text, f"--name {plain}", UsageError)
