"""The way to the engine of a machine: a tunnel from this computer, open while planner runs."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.clouds import settings
from planner.endpoints.talking import port_forward
from planner.endpoints.talking.http_transport import HttpTransport
from planner.errors import PlannerError

if TYPE_CHECKING:
    from collections.abc import Callable


_open: dict[str, int] = {}


@dataclass(frozen=True, slots=True)
class Tunnel:
    """A program that forwards the engine's port to this computer.

    Attributes:
        program: ``gcloud``, ``ssh``.
        install: How to get it.
        arguments: Returns its arguments for a local port.
        advice: What helps where it cannot open the tunnel.
    """

    program: str
    install: str
    arguments: Callable[[int], list[str]]
    advice: str


def transport(
    name: str,
    where: str,
    sandbox: str | None,
    tunnel: Callable[[], Tunnel],
    local_port: int | None = None,
) -> HttpTransport:
    """Return the way to the engine of a machine; one tunnel to each, for as long as planner runs.

    Args:
        name: The endpoint's.
        where: What tells the machine from all others: ``project/zone/name``.
        sandbox: Base URL of the simulated cloud, which has the engine behind ``where`` too.
        tunnel: Makes ready what a real cloud needs.
        local_port: On this computer; None for a free one.

    Raises:
        PlannerError: The program is not installed, or cannot open the tunnel.
    """
    if settings.current().simulated:
        return HttpTransport(name, f"{sandbox}/sandbox-tunnel/{where}")
    if where not in _open:
        _open[where] = _forward(name, tunnel(), local_port)
    return HttpTransport(name, f"http://127.0.0.1:{_open[where]}")


def _forward(name: str, tunnel: Tunnel, local_port: int | None) -> int:
    program = shutil.which(tunnel.program)
    if program is None:
        raise PlannerError(
            f"{name} is reached through {tunnel.program}, and {tunnel.program} is not installed",
            advice=tunnel.install,
        )
    return port_forward.forward(
        name,
        lambda port: [program, *tunnel.arguments(port)],
        advice=tunnel.advice,
        port=local_port,
    )
