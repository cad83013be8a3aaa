"""What simulated CloudWatch, EventBridge and Step Functions do together about idle endpoints.

An alarm that has seen no invocation for its whole time changes its state; a rule on that change
starts its state machine; the machine's tasks are done. All three live in moto, which does not
connect them. Documented: the event's ``detail.alarmName`` and ``detail.state.value``, the
targets, the ``aws-sdk`` integration. Assumed: that an endpoint counts as running, with a
``CPUUtilization``, from the moment it is in service.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from moto.cloudwatch.models import cloudwatch_backends
from moto.events.models import events_backends
from moto.stepfunctions.models import stepfunctions_backends

from planner.sandbox.aws.protocol import ACCOUNT
from planner.sandbox.aws.sagemaker_store import stores

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from planner.sandbox.world import World

_DELETE = "aws-sdk:sagemaker:deleteEndpoint"


def delete_idle(world: World, region: str, act: Callable[[str], None]) -> None:
    """Let every idle alarm that is due have its consequences."""
    store, now = stores(world, region), world.now()
    if not store.endpoints:
        return
    for alarm in list(cloudwatch_backends[ACCOUNT][region].alarms.values()):
        for name, span in _watched(alarm):
            endpoint = store.endpoints.get(name)
            in_service = endpoint is not None and endpoint.status == "InService"
            if endpoint is None or not in_service or endpoint.used is None:
                continue
            if now - endpoint.used >= span:
                for deleted in _consequences(region, alarm.name):
                    act(deleted)


def _watched(alarm: Any) -> Iterator[tuple[str, timedelta]]:  # noqa: ANN401 - moto's
    """Yield the endpoints whose invocations an alarm watches, and for how long."""
    for query in alarm.metric_data_queries:
        stat = query.metric_stat
        if stat is None or stat.metric.metric_name != "Invocations":
            continue
        for dimension in stat.metric.dimensions:
            if dimension.name == "EndpointName":
                yield dimension.value, timedelta(seconds=stat.period * alarm.evaluation_periods)


def _consequences(region: str, alarm: str) -> list[str]:
    """Return the endpoints that are deleted when an alarm goes off."""
    detail = {"alarmName": alarm, "state": {"value": "ALARM"}}
    event: Any = {
        "source": "aws.cloudwatch",
        "detail-type": "CloudWatch Alarm State Change",
        "detail": detail,
    }
    machines = {m.arn: m for m in stepfunctions_backends[ACCOUNT][region].state_machines}
    found: list[str] = []
    for rule in events_backends[ACCOUNT][region].event_buses["default"].rules.values():
        if rule.state != "ENABLED" or not rule.event_pattern.matches_event(event):
            continue
        for target in rule.targets:
            machine = machines.get(target["Arn"])
            if machine is None or not target.get("RoleArn"):
                continue
            found += [
                str(state["Parameters"]["EndpointName"])
                for state in json.loads(machine.definition)["States"].values()
                if str(state.get("Resource", "")).endswith(_DELETE)
            ]
    return found
