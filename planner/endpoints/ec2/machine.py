"""One machine of EC2: its console, its state, the tunnel to its engine.

cloud-init and vLLM write to the console; no way in is needed to read it. The way in is a port of
Session Manager, through the AWS CLI; nothing is open to the world
unless the user asked for an address (:mod:`planner.endpoints.ingress`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.clouds import settings
from planner.endpoints.ec2 import machines, requests
from planner.endpoints.ingress import Access
from planner.endpoints.machines import watch, way_in
from planner.errors import CloudError

if TYPE_CHECKING:
    from planner.endpoints.talking.http_transport import HttpTransport

_CLI = "https://docs.aws.amazon.com/cli"
PROGRAMS = {
    "aws": _CLI,
    "session-manager-plugin": "https://docs.aws.amazon.com/systems-manager (its plugin)",
}
_STOPPED = {"shutting-down", "terminated", "stopping", "stopped"}


@dataclass(frozen=True, slots=True)
class Ec2Machine:
    """A machine by its endpoint's name, its id and its region."""

    name: str
    id: str
    region: str

    def console(self) -> list[str]:
        """Return what the machine wrote to its console; the last 64 KB of it."""
        written = machines.console(self.id, self.region)
        return [line.rstrip("\r") for line in written.splitlines()]

    def stopped(self) -> str:
        """Return why the machine does not run any more; empty where it does.

        Raises:
            NotFoundError: It is gone.
        """
        found = machines.get(self.id, self.region)
        if found is None:
            raise watch.gone(self.name, "EC2")
        if machines.state(found) not in _STOPPED:
            return ""
        why = found.get("StateReason", {}).get("Message") or machines.state(found)
        return f"EC2 has stopped the machine ({why})"

    def transport(self, local_port: int | None = None) -> HttpTransport:
        """Return the way to the engine of the machine.

        Raises:
            PlannerError: The AWS CLI is not installed, or cannot open the tunnel.
        """
        where = f"{self.region}/{self.id}"
        simulated = settings.current().aws_endpoint
        return way_in.transport(self.name, where, simulated, self._tunnel, local_port)

    def host(self, access: Access) -> str:
        """Return the address of the machine on the internet, or in its network."""
        where = f"{self.region}/{self.id}"
        return way_in.host(where, settings.current().aws_endpoint, lambda: self._address(access))

    def _address(self, access: Access) -> str:
        found = machines.get(self.id, self.region) or {}
        field = "PublicIpAddress" if access is Access.PUBLIC else "PrivateIpAddress"
        if not found.get(field):
            raise CloudError(f"{self.name} has no address yet", advice="planner status")
        return str(found[field])

    def _tunnel(self) -> way_in.Tunnel:
        profile = settings.current().aws_profile
        return way_in.Tunnel(
            program="aws",
            install=f"{_CLI} (and the Session Manager plugin beside it)",
            arguments=lambda port: [
                *("ssm", "start-session", "--target", self.id, "--region", self.region),
                *(("--profile", profile) if profile else ()),
                *("--document-name", "AWS-StartPortForwardingSession", "--parameters"),
                f"portNumber={requests.PORT},localPortNumber={port}",
            ],
            advice="install the Session Manager plugin; you need ssm:StartSession "
            "(planner doctor --permissions)",
        )
