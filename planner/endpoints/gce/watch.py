"""Follow a machine by its serial port: cloud-init and vLLM write there, no way in is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.endpoints.gce import api
from planner.endpoints.machines import machine
from planner.errors import CloudError

if TYPE_CHECKING:
    from planner.endpoints.interface import Context, LogLine
    from planner.endpoints.model import DeploymentSpec

_GONE = {"STOPPING", "TERMINATED", "STOPPED", "SUSPENDED"}


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


def in_service(spec: DeploymentSpec, zone: str, context: Context) -> None:
    """Return when the machine serves the model.

    Raises:
        CloudError: It failed, is gone, or takes too long; with the telling lines.
    """
    machine.follow(
        spec,
        context,
        console=lambda: lines(spec.name, zone),
        stopped=lambda: _stopped(spec, zone),
    )


def log(name: str, zone: str) -> list[LogLine]:
    """Return the console as log lines."""
    return machine.log(lines(name, zone), "serial port 1")


def _stopped(spec: DeploymentSpec, zone: str) -> str:
    status = _status(spec, zone)
    return f"Compute Engine has stopped the machine ({status})" if status in _GONE else ""


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
