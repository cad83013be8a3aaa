"""What simulated EventBridge Scheduler and Step Functions do about idle endpoints.

A schedule that starts a state machine is due every 15 minutes; nobody looks in between, so it
runs once at each look. Both live in moto, which does not connect them: here the machine's own
definition is run, its JSONata evaluated. Documented: states, ``Arguments``, ``Output``,
``Condition``, ``$states``, the names of the ``aws-sdk`` integrations and their upper-case
fields. Assumed: that ``LastModifiedTime`` is when the endpoint came into service.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

import jsonata
from moto.scheduler.models import scheduler_backends
from moto.stepfunctions.models import stepfunctions_backends

from planner.sandbox.aws import principals
from planner.sandbox.aws.protocol import ACCOUNT
from planner.sandbox.aws.sagemaker_store import arn_of, stores

if TYPE_CHECKING:
    from collections.abc import Callable

    from planner.sandbox.world import World

_START = "aws-sdk:sfn:startExecution"
_OPEN, _CLOSE = "{%", "%}"


class _FailedError(Exception):
    """A task failed, and the execution with it."""


def run_machines(world: World, region: str, delete: Callable[[str, str], None]) -> None:
    """Run the state machines that schedules start, where their roles may.

    Args:
        world: The simulation.
        region: Where.
        delete: Deletes an endpoint of that name, as that role.
    """
    machines = {m.arn: m for m in stepfunctions_backends[ACCOUNT][region].state_machines}
    if not machines:
        return
    for group in scheduler_backends[ACCOUNT][region].schedule_groups.values():
        for schedule in list(group.schedules.values()):
            if not schedule.target["Arn"].endswith(_START):
                continue
            order = json.loads(schedule.target["Input"])
            machine = machines.get(order["StateMachineArn"])
            role = schedule.target["RoleArn"]
            if machine is None or not principals.may(
                world, role, "states:StartExecution", machine.arn
            ):
                continue
            _Execution(world, region, machine.roleArn, delete).run(
                json.loads(machine.definition), json.loads(order["Input"])
            )


class _Execution:
    """One execution of a machine."""

    def __init__(
        self, world: World, region: str, role: str, delete: Callable[[str, str], None]
    ) -> None:
        self._world, self._region, self._role, self._delete = world, region, role, delete
        self._store, self._now = stores(world, region), world.now()

    def run(self, definition: dict[str, Any], given: dict[str, Any]) -> None:
        states, name = definition["States"], definition["StartAt"]
        while name:
            state = states[name]
            known = {"input": given, "context": {"State": {"EnteredTime": _iso(self._now)}}}
            if state["Type"] == "Choice":
                taken = (c["Next"] for c in state["Choices"] if _value(c["Condition"], known))
                name = next(taken, state["Default"])
                continue
            if state["Type"] == "Task":
                try:
                    known["result"] = self._task(
                        state["Resource"], _value(state["Arguments"], known)
                    )
                except _FailedError:
                    return
                given = _value(state.get("Output", given), known)
            name = state.get("Next", "")

    def _task(self, resource: str, given: dict[str, Any]) -> dict[str, Any]:
        kind = resource.rpartition(":")[2]
        name = given.get("EndpointName") or given["Dimensions"][0]["Value"]
        endpoint = self._store.endpoints.get(name)
        if endpoint is None or not self._may(kind, name):
            raise _FailedError
        if kind == "describeEndpoint":
            return {
                "EndpointStatus": endpoint.status,
                "LastModifiedTime": _iso(endpoint.arrived or endpoint.modified),
            }
        if kind == "getMetricStatistics":
            since = datetime.fromisoformat(given["StartTime"])
            used = endpoint.used
            asked = used is not None and used != endpoint.arrived and used >= since
            # An endpoint that nobody asked has no data points, not zeros.
            return {"Datapoints": [{"Timestamp": _iso(used), "Sum": 1.0}] if asked and used else []}
        if kind == "deleteEndpoint":
            self._delete(name, self._role)
            return {}
        raise _FailedError

    def _may(self, kind: str, name: str) -> bool:
        action, resource = f"{kind[0].upper()}{kind[1:]}", "*"
        if kind == "getMetricStatistics":
            return principals.may(self._world, self._role, f"cloudwatch:{action}", resource)
        arn = arn_of(self._region, "Endpoint", name)
        tags = principals.tags_context(self._store.tags.get(arn, {}))
        return principals.may(self._world, self._role, f"sagemaker:{action}", arn, tags)


def _value(template: Any, known: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
    """Return JSON with its JSONata evaluated."""
    if isinstance(template, dict):
        return {key: _value(item, known) for key, item in template.items()}
    if isinstance(template, list):
        return [_value(item, known) for item in template]
    if isinstance(template, str) and template.startswith(_OPEN) and template.endswith(_CLOSE):
        expression = jsonata.Jsonata(template[len(_OPEN) : -len(_CLOSE)].strip())
        frame = expression.create_frame()
        frame.bind("states", known)
        return expression.evaluate(None, frame)
    return template


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
