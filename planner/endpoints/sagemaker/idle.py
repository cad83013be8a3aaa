"""Deletion of what nobody uses, by the cloud itself: a schedule that starts a state machine.

Every 15 minutes EventBridge Scheduler starts a Step Functions state machine
(``deploy_templates/sagemaker/idle-machine.json``), which looks at the endpoint, counts its
requests and deletes it. Not an alarm: an unused endpoint has no data, and neither has one that
is being created or one of the same name that went an hour ago, so an alarm cannot tell them
apart; the machine asks SageMaker since when the endpoint is in service.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from planner.bundled import deploy_templates
from planner.clouds import aws, settings
from planner.endpoints.deploying.lifecycle import Step
from planner.endpoints.sagemaker import api, expiry, requests, roles
from planner.endpoints.watching import waiting
from planner.errors import CloudError, UsageError
from planner.ledger import Resource

if TYPE_CHECKING:
    from planner.endpoints.interface import Context
    from planner.endpoints.model import DeploymentSpec
    from planner.endpoints.sagemaker.hold import Hold


def steps(spec: DeploymentSpec, account: str, context: Context, hold: Hold) -> list[Step]:
    """Return the steps that let the cloud delete an unused endpoint; they cost nothing.

    The schedule comes first, because the machine is found again by the schedule's name.
    """
    if not spec.guard.deletes_idle:
        return []
    name = requests.idle_name(spec.name, spec.run)
    return [
        Step(
            "look every 15 minutes whether it is used",
            lambda: _schedule(spec, account, name, context),
            hold.unless_used("its watch", lambda: expiry.delete(name, spec.region)),
            _record(spec, account, "schedule", name),
        ),
        Step(
            f"delete it when unused for {_words(spec)}",
            lambda: _machine(spec, name, context),
            hold.unless_used(
                "the deletion on idle", lambda: remove_machine(name, spec.region, account)
            ),
            _record(spec, account, "state-machine", name),
        ),
    ]


def remove(name: str, region: str) -> None:
    """Remove a machine and its schedule; what is gone is no error."""
    remove_machine(name, region, aws.account())
    expiry.delete(name, region)


def remove_machine(name: str, region: str, account: str) -> None:
    """Remove a state machine; AWS answers alike where there is none."""
    api.delete(
        "stepfunctions",
        region,
        "delete_state_machine",
        "remove the deletion on idle",
        stateMachineArn=requests.machine_arn(name, region, account),
    )


def definition() -> dict[str, Any]:
    """Return the state machine: the same for every endpoint; the schedule names which."""
    path = deploy_templates() / "sagemaker" / "idle-machine.json"
    machine: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return machine


def _schedule(spec: DeploymentSpec, account: str, name: str, context: Context) -> str:
    parameters = requests.idle_schedule(spec, account, _role())
    try:
        waiting.once_known(
            lambda: api.call(
                "scheduler", spec.region, "create_schedule", "watch its use", **parameters
            ),
            context,
            api.is_role_unknown,
        )
    except CloudError as error:
        # The name is this run's alone: a repeated call has found its own work.
        if error.code != "ConflictException":
            raise
    return name


def _machine(spec: DeploymentSpec, name: str, context: Context) -> str:
    """Create the machine. A repeated call with the same content finds its own work (AWS)."""
    waiting.once_known(
        lambda: api.call(
            "stepfunctions",
            spec.region,
            "create_state_machine",
            "set the deletion on idle",
            name=name,
            definition=json.dumps(definition()),
            roleArn=_role(),
            tags=[{"key": key, "value": value} for key, value in spec.tags.items()],
        ),
        context,
        api.is_role_unknown,
    )
    return name


def _role() -> str:
    found = roles.find(roles.IDLE.name)
    if found is None:
        raise UsageError(
            f"there is no role {roles.IDLE.name}",
            why=f"it {roles.IDLE.purpose}",
            advice="--create-roles (with the least it needs)",
        )
    return str(found["Arn"])


def _words(spec: DeploymentSpec) -> str:
    seconds = spec.guard.idle.total_seconds() if spec.guard.idle else 0
    return f"{seconds / 3600:g} h"


def _record(spec: DeploymentSpec, account: str, kind: str, name: str) -> Resource:
    mark = "sandbox/" if settings.current().simulated else ""
    return Resource(
        id=f"{mark}{spec.region}/{kind}/{name}/{spec.run}",
        endpoint=spec.name,
        cloud="aws",
        account=account,
        region=spec.region,
        kind=f"sagemaker:{kind}",
        recorded_at=settings.now(),
        tags=spec.tags,
        expires_at=spec.expires_at,
    )
