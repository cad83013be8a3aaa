"""Follow an endpoint on SageMaker until it is in service, or until it is clear why not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from planner.clouds import clock
from planner.endpoints.interface import LogLine
from planner.endpoints.sagemaker import api, requests
from planner.endpoints.watching import failures
from planner.endpoints.watching.waiting import Absence
from planner.errors import CloudError, PermissionDeniedError, PlannerError

if TYPE_CHECKING:
    from collections.abc import Callable

    from planner.endpoints.interface import Context
    from planner.endpoints.model import Awaited

_CHANGING = {"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"}
# Beside the container's own time: finding a machine, pulling the image.
_PROVISION_S = 1800
_SOON_S = 2
_SHOWN_LINES = 200
_MARGIN = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class _Subject:
    """What is followed: an endpoint, or the inference component on it.

    Attributes:
        title: For people.
        describe: Looks at it; None where it is not there.
        status: The member of the description that says how it stands.
        component: Its name, where it is one; its container has a log of its own.
    """

    title: str
    describe: Callable[[], dict[str, Any] | None]
    status: str
    component: str = ""


def in_service(awaited: Awaited, context: Context) -> None:
    """Return when the endpoint is in service with this run's configuration.

    Raises:
        CapacityError: There is no machine for it.
        CloudError: It failed, with the reason and the telling lines of its log.
    """
    machine_in_service(awaited, context)
    if awaited.to_zero:
        name = requests.part_name(awaited)
        look = partial(api.describe_component, name, awaited.region)
        title = f"the inference component of {awaited.name}"
        _follow(awaited, context, _Subject(title, look, "InferenceComponentStatus", name))


def machine_in_service(awaited: Awaited, context: Context) -> None:
    """Return when the endpoint itself is in service: with a component, that is an empty machine.

    Raises:
        CapacityError: There is no machine for it.
        CloudError: It failed, with the reason and the telling lines of its log.
    """
    look = partial(api.describe, awaited.name, awaited.region)
    _require_own(awaited, _follow(awaited, context, _Subject(awaited.name, look, "EndpointStatus")))


def _follow(awaited: Awaited, context: Context, subject: _Subject) -> dict[str, Any]:
    """Return the description once it is in service."""
    deadline = clock.monotonic() + awaited.startup_timeout_s + _PROVISION_S
    absence, patience = Absence(context.pace.settle_s), context.patience
    log = _Log(awaited, subject, context)
    seen = 0
    while True:
        described = patience.ask(subject.describe)
        if described is None:
            if absence.believed(missing=True):
                raise _gone(subject)
            context.interruption.pause(min(_SOON_S, context.pace.poll_s))
            continue
        absence.believed(missing=False)
        status = described[subject.status]
        lines = log.read(described)
        context.progress(_stage(status, lines), lines[seen:])
        seen = len(lines)
        if status == "InService":
            return described
        if status not in _CHANGING:
            raise _failure(awaited, described, subject, lines)
        if clock.monotonic() > deadline:
            raise CloudError(
                f"{subject.title} was not ready in time",
                why=f"after {(awaited.startup_timeout_s + _PROVISION_S) / 60:.0f} minutes it is "
                f"still {status}",
                advice=f"planner logs {awaited.name}",
            )
        context.interruption.pause(context.pace.poll_s)


class _Log:
    """The container's log of one start. It decorates: an endpoint lives without it.

    Args:
        awaited: The endpoint.
        subject: What writes it.
        context: How to wait, and whom to tell.
    """

    def __init__(self, awaited: Awaited, subject: _Subject, context: Context) -> None:
        self._awaited, self._subject, self._context = awaited, subject, context
        self._since: datetime | None = None
        self._denied = False

    def read(self, described: dict[str, Any]) -> list[str]:
        """Return the lines so far; none where they may not be read."""
        # CloudWatch keeps the log of earlier endpoints of this name.
        self._since = self._since or _begin(described)
        if self._denied:
            return []
        try:
            return [line.text for line in self._context.patience.ask(self._lines)]
        except PermissionDeniedError as error:
            self._denied = True
            self._context.progress(f"{error}: it is followed without its log", ())
            return []

    def _lines(self) -> list[LogLine]:
        awaited = self._awaited
        return logs(awaited.name, awaited.region, self._since, self._subject.component)


def _gone(subject: _Subject) -> CloudError:
    return CloudError(
        f"{subject.title} is gone",
        why="someone deleted it, or its time was up, while it was being created",
        advice="planner status",
    )


def until_settled(name: str, region: str, context: Context) -> dict[str, Any] | None:
    """Return the endpoint once nothing changes any more; None where there is none."""
    deadline = clock.monotonic() + context.pace.removal_s
    while True:
        described = context.patience.ask(partial(api.describe, name, region))
        if described is None or described["EndpointStatus"] not in _CHANGING:
            return described
        if clock.monotonic() > deadline:
            raise CloudError(
                f"{name} is still {described['EndpointStatus']}", advice="planner status"
            )
        context.interruption.pause(context.pace.poll_s)


def logs(
    name: str, region: str, since: datetime | None = None, component: str = ""
) -> list[LogLine]:
    """Return the container's log, oldest first; empty where there is none yet."""
    group = requests.log_group(name, component)
    parameters: dict[str, Any] = {"logGroupName": group, "limit": 10000}
    if since is not None:
        parameters["startTime"] = int(since.timestamp() * 1000)
    try:
        found = api.call("logs", region, "filter_log_events", "read the log", **parameters)
    except PlannerError as error:
        if api.is_missing(error):
            return []
        raise
    events = sorted(found["events"], key=lambda event: event["timestamp"])
    return [
        LogLine(
            datetime.fromtimestamp(event["timestamp"] / 1000, UTC),
            event["message"].rstrip("\n"),
            event.get("logStreamName", ""),
        )
        for event in events
    ]


def _begin(described: dict[str, Any]) -> datetime:
    """Return from when on the log is of this start; a simulated clock may be ahead."""
    modified: datetime = described["LastModifiedTime"]
    return min(modified.astimezone(UTC), datetime.now(UTC)) - _MARGIN


def _stage(status: str, lines: list[str]) -> str:
    if status == "InService":
        return "in service"
    if status == "Creating":
        return failures.stage_of(lines[-_SHOWN_LINES:])
    return status.lower()


def _require_own(awaited: Awaited, described: dict[str, Any]) -> None:
    """Raise where SageMaker has gone back to the old settings after a failed update."""
    if described["EndpointConfigName"] != requests.part_name(awaited):
        raise failures.failure(
            failures.diagnose(
                described.get("FailureReason", "SageMaker kept the old settings"),
                [line.text for line in _recent(awaited)],
                model=awaited.model,
                name=awaited.name,
            ),
            awaited.name,
        )


def _recent(awaited: Awaited) -> list[LogLine]:
    return logs(awaited.name, awaited.region, datetime.now(UTC) - timedelta(hours=1))


def _failure(
    awaited: Awaited, described: dict[str, Any], subject: _Subject, lines: list[str]
) -> PlannerError:
    diagnosis = failures.diagnose(
        described.get("FailureReason", f"it is {described[subject.status]}"),
        lines,
        model=awaited.model,
        name=awaited.name,
    )
    return failures.failure(diagnosis, awaited.name)
