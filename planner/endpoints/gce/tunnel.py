"""The way in: a tunnel of Identity-Aware Proxy, through gcloud; nothing is open to the world."""

from __future__ import annotations

import atexit
import shutil
import socket
import subprocess
import time
from contextlib import suppress
from functools import cache

from planner.clouds import gcp, settings
from planner.endpoints.gce import requests
from planner.endpoints.http_transport import HttpTransport
from planner.errors import CloudError, PlannerError

_PATIENCE_S = 30


def transport(name: str, zone: str) -> HttpTransport:
    """Return the way to the engine of a machine.

    Raises:
        PlannerError: gcloud is not installed, or cannot open the tunnel.
    """
    chosen = settings.current()
    if chosen.simulated:
        base = f"{chosen.gcp_endpoint}/sandbox-tunnel/{gcp.project()}/{zone}/{name}"
        return HttpTransport(name, base)
    return HttpTransport(name, f"http://127.0.0.1:{_tunnel(gcp.project(), name, zone)}")


@cache
def _tunnel(project: str, name: str, zone: str) -> int:
    """Open a tunnel that lives as long as this process, and return its local port."""
    gcloud = shutil.which("gcloud")
    if gcloud is None:
        raise PlannerError(
            f"{name} is reached through a tunnel that gcloud opens, and gcloud is not installed",
            advice="https://cloud.google.com/sdk/docs/install, then gcloud auth login",
        )
    port = _free_port()
    process = subprocess.Popen(  # noqa: S603 - gcloud, with names that Google has accepted
        [
            *(gcloud, "compute", "start-iap-tunnel", name, str(requests.PORT)),
            *(f"--local-host-port=127.0.0.1:{port}", f"--zone={zone}", f"--project={project}"),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    atexit.register(process.terminate)
    deadline = time.monotonic() + _PATIENCE_S
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return port
        time.sleep(0.2)
    process.terminate()
    why = process.stderr.read()[-500:] if process.stderr else ""
    raise CloudError(
        f"cannot open the tunnel to {name}",
        why=why,
        advice="grant yourself roles/iap.tunnelResourceAccessor; planner doctor --permissions",
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
