"""The way in: a tunnel of Identity-Aware Proxy, through gcloud; nothing is open to the world."""

from __future__ import annotations

import shutil
from functools import cache

from planner.clouds import gcp, settings
from planner.endpoints.gce import requests
from planner.endpoints.talking import port_forward
from planner.endpoints.talking.http_transport import HttpTransport
from planner.errors import PlannerError


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
    return port_forward.forward(
        name,
        lambda port: [
            *(gcloud, "compute", "start-iap-tunnel", name, str(requests.PORT)),
            *(f"--local-host-port=127.0.0.1:{port}", f"--zone={zone}", f"--project={project}"),
        ],
        advice="grant yourself roles/iap.tunnelResourceAccessor; planner doctor --permissions",
    )
