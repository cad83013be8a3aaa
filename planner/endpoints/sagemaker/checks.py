"""What is looked at before a deploy on SageMaker."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import TYPE_CHECKING

from planner.bundled import deploy_templates
from planner.clouds import aws
from planner.clouds.redact import mask
from planner.endpoints.aws import role_checks, simulation
from planner.endpoints.deploying import containers
from planner.endpoints.deploying.preflight import Check, Finding, Status, good, short_of_quota
from planner.endpoints.model import State
from planner.endpoints.sagemaker import api, requests, roles
from planner.errors import PermissionDeniedError, UsageError
from planner.pricing import instance_types
from planner.quotas import checking
from planner.quotas.model import Demand, Verdict

if TYPE_CHECKING:
    from planner.endpoints.model import DeploymentSpec

_PASS = "iam:PassRole"  # noqa: S105 - an action
_POLICY, _GUARD_POLICY = "deploy.aws.json", "deploy-guard.aws.json"
_NOT_IN_PLACE = (
    "an endpoint that scales to zero is not changed in place, nor is another made to scale to zero"
)
_ZERO = (
    "it goes to zero machines after about 15 minutes without a request, and costs nothing then; "
    "the request that wakes it is refused, and answers come about ten minutes later (users' "
    "measurements); SageMaker takes a minimum of zero in some regions only (refused: eu-west-3)"
)

# A host needs a driver for the image's CUDA version; which types take the newest host image
# was not found in AWS's documents.
_NOT_DOCUMENTED = (
    "whether {type} takes the host image {image} is not documented; if the container does not "
    "start without a word in its log, try --machine-image or --engine tgi"
)
_VOLTA = ("ml.p3.", "ml.p3dn.")


def checks(spec: DeploymentSpec, *, may_create_roles: bool) -> list[Check]:
    """Return the checks for a deployment."""
    return [
        Check("credentials", _credentials),
        Check("permissions", lambda: _permissions(spec)),
        Check(
            "execution role",
            lambda: _role(roles.EXECUTION, spec, spec.execution_role, may_create_roles),
        ),
        Check("expiry role", lambda: _expiry_role(spec, may_create_roles)),
        *(
            [Check("reservation", lambda: _reservation(spec))]
            if spec.reservation
            else [Check("quota", lambda: _quota(spec))]
        ),
        Check("container", lambda: _container(spec)),
        Check("disk", lambda: _disk(spec)),
        Check("name", lambda: _name(spec)),
        *([Check("scale to zero", _zero)] if spec.guard.to_zero else []),
        *(
            [Check("idle role", lambda: _role(roles.IDLE, spec, "", may_create_roles))]
            if spec.guard.deletes_idle
            else []
        ),
    ]


def _zero() -> Finding:
    return Finding("scale to zero", Status.WARNING, _ZERO)


def _credentials() -> Finding:
    return good("credentials", f"AWS account {mask(aws.account())}")


def _permissions(spec: DeploymentSpec) -> Finding:
    """Ask IAM to simulate the calls; where that is not allowed, nothing is known."""
    identity = api.call("sts", aws.HOME_REGION, "get_caller_identity", "find out who this is")
    guarded = bool(spec.guard.kinds) or spec.guard.to_zero
    everywhere = [*actions(), *(actions(_GUARD_POLICY) if guarded else ())]
    passed = _passed(spec, str(identity["Account"]))
    try:
        denied = simulation.denied(
            _principal(str(identity["Arn"])), [simulation.Question(everywhere), *passed]
        )
    except PermissionDeniedError as error:
        return Finding(
            "permissions",
            Status.UNKNOWN,
            f"not known before the calls are made: {error}",
            error.advice,
            PermissionDeniedError,
        )
    if denied:
        return Finding(
            "permissions",
            Status.BAD,
            f"the AWS identity lacks {', '.join(denied)}",
            f"planner doctor --permissions --command deploy{'-guard' if guarded else ''} "
            "(prints the IAM policy to attach)",
            PermissionDeniedError,
        )
    return good("permissions", f"all {len(everywhere) + 1} actions are allowed")


def _passed(spec: DeploymentSpec, account: str) -> list[simulation.Question]:
    """Return what to ask about the roles that this deploy hands to AWS's services."""
    chosen = {
        roles.EXECUTION: spec.execution_role,
        **({roles.EXPIRY: spec.expiry_role} if spec.expires_at is not None else {}),
        **({roles.IDLE: ""} if spec.guard.deletes_idle else {}),
    }
    return [
        simulation.Question(
            [_PASS],
            arn if arn.startswith("arn:") else f"arn:aws:iam::{account}:role/{arn or role.name}",
            {"iam:PassedToService": role.service},
        )
        for role, arn in chosen.items()
    ]


def _principal(arn: str) -> str:
    """Return the IAM identity behind a session of an assumed role.

    The session does not tell the role's path, which roles of single sign-on have: IAM does.
    """
    if ":assumed-role/" not in arn:
        return arn
    account, name = arn.split(":")[4], arn.split("/")[1]
    plain = f"arn:aws:iam::{account}:role/{name}"
    try:
        return str((roles.find(name) or {}).get("Arn", plain))
    except PermissionDeniedError:
        return plain


def _role(
    role: roles.Role,
    spec: DeploymentSpec,
    arn: str,
    may_create: bool,  # noqa: FBT001 - a plain fact
) -> Finding:
    name = f"{role.name.rpartition('-')[2]} role"
    return role_checks.check(
        name,
        role,
        lambda now: roles.policy(role, spec.weights, now),
        arn=arn,
        may_create=may_create,
    )


def _expiry_role(spec: DeploymentSpec, may_create: bool) -> Finding:  # noqa: FBT001 - as above
    if spec.expires_at is None:
        return Finding(
            "expiry role",
            Status.WARNING,
            "no expiry: the endpoint costs money until someone deletes it",
            "--expires 8h",
        )
    return _role(roles.EXPIRY, spec, spec.expiry_role, may_create)


def _reservation(spec: DeploymentSpec) -> Finding:
    """Look whether a reservation can be one of this region; what it holds shows when it is used."""
    # aws, aws-cn, aws-us-gov
    if not re.match(rf"arn:aws[\w-]*:sagemaker:{re.escape(spec.region)}:", spec.reservation):
        text = f"{spec.reservation} is no reservation of SageMaker's in {spec.region}"
        remedy = f"its ARN begins with arn:aws:sagemaker:{spec.region}:"
        return Finding("reservation", Status.BAD, text, remedy, UsageError)
    return good("reservation", f"{spec.reservation.rpartition('/')[2]}; it has a quota of its own")


def _quota(spec: DeploymentSpec) -> Finding:
    plan = spec.plan
    item = instance_types.bundled().find(plan.service, plan.instance_type)
    if item is None:
        return Finding("quota", Status.UNKNOWN, f"no quota is known for {plan.instance_type}")
    # Autoscaling may start as many machines as it is allowed; the quotas must have room for all.
    most = spec.guard.most_instances
    (result,) = checking.check([Demand.of_plan(plan, item, most_instances=most)])
    if result.verdict is Verdict.UNKNOWN:
        return Finding("quota", Status.UNKNOWN, result.reason, result.advice)
    if result.verdict is Verdict.SHORT:
        text = "; ".join(
            f"{short.quota.title} in {plan.region} is {short.limit:g}, {short.usage or 0:g} in "
            f"use, {short.need} needed"
            for short in result.short
        )
        return short_of_quota(text, plan, result)
    check = result.checks[0]
    return good("quota", f"{check.quota.title}: {check.limit:g}, {check.usage or 0:g} in use")


def _container(spec: DeploymentSpec) -> Finding:
    container, kind = spec.container, spec.plan.instance_type
    text = f"{container.engine} {container.version}, CUDA {container.cuda}"
    if kind.startswith(_VOLTA) and container.cuda.startswith("13"):
        return Finding(
            "container",
            Status.BAD,
            f"{text} does not run on the V100 of {kind}",
            "another --instance-type",
            UsageError,
        )
    for name, value in container.environment.items():
        if len(value) > requests.LONGEST_VALUE:
            return Finding(
                "container",
                Status.BAD,
                f"{name} has {len(value):,} characters, and SageMaker takes "
                f"{requests.LONGEST_VALUE:,} in a setting",
                "a shorter --engine-arg, or --to ec2",
                UsageError,
            )
    if container.engine == "tgi":
        return Finding(
            "container",
            Status.WARNING,
            f"{text}: the recipe of 2023; AWS's images of vLLM are newer",
            "--engine vllm",
        )
    if container.machine_image:
        note = _NOT_DOCUMENTED.format(type=kind, image=container.machine_image)
        return Finding("container", Status.WARNING, f"{text}; {note}")
    return good("container", text)


def _disk(spec: DeploymentSpec) -> Finding:
    size = spec.weights.size_gb
    own = containers.local_storage_gb(spec.plan.instance_type)
    there = own or spec.volume_gb
    if size is None or there is None:
        return Finding("disk", Status.UNKNOWN, "the size of the weights or the disk is not known")
    kind = "in the machine" if own else "volume"
    text = f"{size:,.0f} GB of weights, {there:,.0f} GB {kind}"
    if size * 1.05 > there:
        return Finding(
            "disk", Status.BAD, text, "a larger --instance-type, or --precision int4", UsageError
        )
    return good("disk", text)


def _name(spec: DeploymentSpec) -> Finding:
    """Look whether the name is free; planner's own endpoint is dealt with by the deploy."""
    from planner.endpoints.sagemaker import lookup

    found = lookup.find(spec.name, spec.region)
    if found is None:
        return good("name", f"{spec.name} is free in {spec.region}")
    if found.state is State.DELETING:
        return good("name", f"{spec.name} is just being deleted; it is waited for")
    if not found.owner:
        return Finding(
            "name",
            Status.BAD,
            f"{spec.name} in {spec.region} exists and was not made by planner",
            "another --name",
            UsageError,
        )
    changed = found.settings_hash != spec.settings_hash and found.state is State.IN_SERVICE
    if changed and (found.scales_to_zero or spec.guard.to_zero):
        return Finding(
            "name",
            Status.BAD,
            f"{spec.name} exists with other settings; {_NOT_IN_PLACE}",
            f"planner destroy {spec.name}, then deploy again; or another --name",
            UsageError,
        )
    return good("name", f"{spec.name} is planner's, {found.native_state}")


@cache
def actions(policy_file: str = _POLICY) -> tuple[str, ...]:
    """Return what a deploy, and the removal of what it made, calls on all resources.

    The list is that of the policy which ``planner doctor --permissions`` prints.
    """
    path = deploy_templates() / "permissions" / policy_file
    policy = json.loads(path.read_text(encoding="utf-8"))
    found: list[str] = []
    for statement in (item for item in policy["Statement"] if item["Resource"] == "*"):
        listed = statement["Action"]
        found += [listed] if isinstance(listed, str) else listed
    return tuple(found)
