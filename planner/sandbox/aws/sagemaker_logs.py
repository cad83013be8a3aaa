"""What simulated endpoints leave in other services: CloudWatch logs and metrics; and the
expiries that EventBridge Scheduler holds for them. All three live in moto.
"""  # noqa: D205 - one thought

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from moto.cloudwatch.models import cloudwatch_backends
from moto.logs.models import logs_backends
from moto.scheduler.models import scheduler_backends

from planner.sandbox.aws.protocol import ACCOUNT

if TYPE_CHECKING:
    from collections.abc import Callable

_STREAM = "AllTraffic/i-0"
_DELETES = {
    "aws-sdk:sagemaker:deleteEndpoint": "EndpointName",
    "aws-sdk:sagemaker:deleteInferenceComponent": "InferenceComponentName",
}


def write(region: str, group: str, subject: Any, lines: tuple[str, ...]) -> None:  # noqa: ANN401 - endpoint or component
    """Write those lines of the container's log that are new."""
    stream = f"{_STREAM}{subject.modified:%H%M%S%f}"
    backend = logs_backends[ACCOUNT][region]
    if not lines:
        return
    if group not in backend.groups:
        backend.create_log_group(group, {})
    if stream not in backend.groups[group].streams:
        backend.create_log_stream(group, stream)
    written = len(backend.groups[group].streams[stream].events)
    # moto keeps real time and drops lines that are more than two hours ahead of it.
    at = int(datetime.now(UTC).timestamp() * 1000)
    new = [{"timestamp": at + n, "message": line} for n, line in enumerate(lines[written:])]
    if new:
        backend.put_log_events(group, stream, new)


def count(region: str, at: datetime, metric: str, **dimensions: str) -> None:
    """Count one of something, as CloudWatch does."""
    cloudwatch_backends[ACCOUNT][region].put_metric_data(
        "AWS/SageMaker",
        [
            {
                "MetricName": metric,
                "Dimensions": [{"Name": k, "Value": v} for k, v in dimensions.items()],
                "Value": 1,
                # moto compares moments without a zone.
                "Timestamp": at.replace(tzinfo=None),
                "Unit": "Count",
            }
        ],
    )


class Order(NamedTuple):
    """What a schedule that is due calls, on which thing, as which role, since when."""

    action: str
    name: str
    role: str
    at: datetime


def expire(region: str, now: datetime, act: Callable[[Order], None]) -> None:
    """Act on the schedules that are due; those whose end is past are gone."""
    backend = scheduler_backends[ACCOUNT][region]
    for group in backend.schedule_groups.values():
        for schedule in list(group.schedules.values()):
            action = schedule.target["Arn"].partition(":::")[2]
            if action not in _DELETES or schedule.start_date is None:
                continue
            if moment(schedule.start_date) <= now:
                name = json.loads(schedule.target["Input"])[_DELETES[action]]
                since = moment(schedule.start_date)
                act(Order(action, name, schedule.target["RoleArn"], since))
            if schedule.end_date is not None and moment(schedule.end_date) <= now:
                group.delete_schedule(schedule.name)


def moment(value: Any) -> datetime:  # noqa: ANN401 - moto keeps what was sent
    """Return a moment that moto keeps as it was sent."""
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    try:
        return datetime.fromtimestamp(float(value), UTC)
    except ValueError:
        return datetime.fromisoformat(str(value)).astimezone(UTC)
