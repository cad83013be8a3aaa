"""One machine of Compute Engine: its serial port, its state, the tunnel to its engine.

cloud-init and vLLM write to the serial port; no way in is needed to read it. The way in is a
tunnel of Identity-Aware Proxy, through gcloud; nothing is open to the world
unless the user asked for an address (:mod:`planner.endpoints.ingress`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.clouds import gcp, settings
from planner.endpoints.gce import compute, requests
from planner.endpoints.ingress import Access
from planner.endpoints.machines import watch, way_in
from planner.errors import CloudError

if TYPE_CHECKING:
    from planner.endpoints.talking.http_transport import HttpTransport

PROGRAMS = {"gcloud": "https://cloud.google.com/sdk/docs/install, then gcloud auth login"}
_GONE = {"STOPPING", "TERMINATED", "STOPPED", "SUSPENDED"}


@dataclass(frozen=True, slots=True)
class GceMachine:
    """A machine by its name and zone."""

    name: str
    zone: str

    def console(self) -> list[str]:
        """Return what the machine wrote to its first serial port; the last megabyte of it."""
        written = compute.console(self.zone, self.name)
        return [line.rstrip("\r") for line in written.splitlines()]

    def stopped(self) -> str:
        """Return why the machine does not run any more; empty where it does.

        Raises:
            NotFoundError: It is gone.
        """
        found = compute.machine(self.zone, self.name)
        if found is None:
            raise watch.gone(self.name, "Compute Engine")
        status = found["status"]
        return f"Compute Engine has stopped the machine ({status})" if status in _GONE else ""

    def transport(self, local_port: int | None = None) -> HttpTransport:
        """Return the way to the engine of the machine.

        Raises:
            PlannerError: gcloud is not installed, or cannot open the tunnel.
        """
        where = f"{gcp.project()}/{self.zone}/{self.name}"
        simulated = settings.current().gcp_endpoint
        return way_in.transport(self.name, where, simulated, self._tunnel, local_port)

    def host(self, access: Access) -> str:
        """Return the address of the machine on the internet, or in its network."""
        where = f"{gcp.project()}/{self.zone}/{self.name}"
        return way_in.host(where, settings.current().gcp_endpoint, lambda: self._address(access))

    def _address(self, access: Access) -> str:
        found = compute.machine(self.zone, self.name) or {}
        for card in found.get("networkInterfaces", []):
            public = next((item.get("natIP") for item in card.get("accessConfigs", [])), None)
            if address := public if access is Access.PUBLIC else card.get("networkIP"):
                return str(address)
        raise CloudError(f"{self.name} has no address yet", advice="planner status")

    def _tunnel(self) -> way_in.Tunnel:
        project = gcp.project()
        return way_in.Tunnel(
            program="gcloud",
            install=PROGRAMS["gcloud"],
            arguments=lambda port: [
                *("compute", "start-iap-tunnel", self.name, str(requests.PORT)),
                *(f"--local-host-port=127.0.0.1:{port}", f"--zone={self.zone}"),
                f"--project={project}",
            ],
            advice="grant yourself roles/iap.tunnelResourceAccessor; planner doctor --permissions",
        )
