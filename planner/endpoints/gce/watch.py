"""Follow a machine by its serial port: cloud-init and vLLM write there, no way in is needed."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from planner.endpoints import failures
from planner.endpoints.gce import api
from planner.endpoints.interface import LogLine
from planner.errors import CloudError, PlannerError

if TYPE_CHECKING:
    from planner.endpoints.interface import Context
    from planner.endpoints.model import DeploymentSpec

READY, FAILED = "ready", "failed"
_MARK = "planner: "
_GONE = {"STOPPING", "TERMINATED", "STOPPED", "SUSPENDED"}
_PROVISION_S = 900


def lines(name: str, zone: str) -> list[str]:
    """Return what the machine wrote to its first serial port; the last megabyte of it."""
    try:
        found = api.get(
            f"zones/{zone}/instances/{name}/serialPort",
            "read the machine's console",
            action="compute.instances.getSerialPortOutput",
            port="1",
        )
    except CloudError as error:
        # A machine that is just being made has no console yet.
        if api.is_missing(error) or error.code == "400":
            return []
        raise
    return [line.rstrip("\r") for line in str(found.get("contents", "")).splitlines()]


def stage(console: list[str]) -> str:
    """Return how far a machine has come by its own words; ``ready`` in the end."""
    marks = [line.partition(_MARK)[2] for line in console if _MARK in line]
    if not marks:
        return "starting the machine"
    if any(mark == READY for mark in marks) and not marks[-1].startswith(FAILED):
        return READY
    last = marks[-1].removeprefix("stage: ")
    return failures.stage_of(console) if last == "starting vLLM" else last


def in_service(spec: DeploymentSpec, zone: str, context: Context) -> None:
    """Return when the machine serves the model.

    Raises:
        CloudError: It failed, is gone, or takes too long; with the telling lines.
    """
    deadline = time.monotonic() + spec.startup_timeout_s + _PROVISION_S
    seen = 0
    while True:
        status = _status(spec, zone)
        console = lines(spec.name, zone)
        now = stage(console)
        context.progress(now, console[seen:])
        seen = len(console)
        if now == READY:
            return
        if now.startswith(FAILED):
            raise _failure(spec, now, console)
        if status in _GONE:
            raise _failure(spec, f"Compute Engine has stopped the machine ({status})", console)
        if time.monotonic() > deadline:
            raise _failure(spec, f"not ready in time: still {now}", console)
        context.interruption.pause(context.pace.poll_s)


def log(name: str, zone: str, since: datetime | None) -> list[LogLine]:
    """Return the console as log lines; it carries no times of its own, so all have now's."""
    del since
    now = datetime.now(UTC)
    return [LogLine(now, line, "serial port 1") for line in lines(name, zone)]


def _status(spec: DeploymentSpec, zone: str) -> str:
    found = api.find(
        f"zones/{zone}/instances/{spec.name}",
        f"look at {spec.name}",
        action="compute.instances.get",
    )
    if found is None:
        raise CloudError(
            f"{spec.name} is gone",
            why="Compute Engine took it back (spot), its time was up, or someone deleted it",
            advice="planner status",
        )
    return str(found["status"])


def _failure(spec: DeploymentSpec, why: str, console: list[str]) -> PlannerError:
    found = failures.diagnose(why, console, model=spec.plan.model, name=spec.name)
    known = found.text if found.cause != "unknown" else why
    return CloudError(
        f"{spec.name} failed to start: {known}",
        code=found.cause,
        why="\n".join([found.reason, *(f"log: {line}" for line in found.lines)]),
        advice=found.advice.replace("--to sagemaker", "--to gce"),
    )
