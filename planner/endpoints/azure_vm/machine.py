"""One machine of Azure: its console, its state, and the way to its engine through SSH."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from planner import state
from planner.clouds import azure, settings
from planner.endpoints.azure_vm import access, api, console, requests
from planner.endpoints.machines import watch, way_in
from planner.errors import CloudError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from planner.endpoints.azure_vm.requests import Group
    from planner.endpoints.ingress import Access
    from planner.endpoints.talking.http_transport import HttpTransport

PROGRAMS = {"ssh": "apt-get install openssh-client"}
_RUNNING = {"", "starting", "running"}

_KEY = re.compile(r"\b(ssh-ed25519|ecdsa-sha2-nistp256|ssh-rsa) ([A-Za-z0-9+/=]{64,})")
_BLOCK = re.compile(r"BEGIN SSH HOST KEY KEYS-.*?-END SSH HOST KEY KEYS", re.DOTALL)
_SCRIPT = "cat /etc/ssh/ssh_host_ed25519_key.pub"


@dataclass(frozen=True, slots=True)
class AzureMachine:
    """A machine by its name and resource group.

    Attributes:
        still_made: Tells whether another run may be just making it.
    """

    where: Group
    name: str
    still_made: Callable[[], bool] = lambda: False

    def console(self) -> list[str]:
        """Return what the machine wrote to its serial port."""
        return console.lines(self.where, self.name)

    def stopped(self) -> str:
        """Return why the machine does not run any more; empty where it does.

        Raises:
            NotFoundError: It is gone.
        """
        found = api.machine(self.where, self.name)
        if found is None and self.still_made():
            return ""
        if found is None:
            raise watch.gone(self.name, "Azure")
        state = power(found)
        return "" if state in _RUNNING else f"Azure has stopped the machine ({state})"

    def transport(self, local_port: int | None = None) -> HttpTransport:
        """Return the way to the engine of the machine; admits this computer's address first.

        Raises:
            PlannerError: ssh is not installed, or cannot open the tunnel.
        """
        access.admit(self.where)
        where = f"{self.where.name}/{self.name}"
        simulated = settings.current().azure_endpoint
        return way_in.transport(self.name, where, simulated, self._tunnel, local_port)

    def host(self, access: Access) -> str:
        """Return the address of the machine on the internet."""
        del access  # its network is its own: nothing else is in it
        where = f"{self.where.name}/{self.name}"
        simulated = settings.current().azure_endpoint
        return way_in.host(where, simulated, lambda: _address(self.where))

    def _tunnel(self) -> way_in.Tunnel:
        address = _address(self.where)
        known = _known_hosts(self.where, self.name, address)
        return way_in.Tunnel(
            program="ssh",
            install=PROGRAMS["ssh"],
            arguments=lambda port: [
                *("-N", "-L", f"127.0.0.1:{port}:127.0.0.1:{requests.PORT}"),
                *("-o", "BatchMode=yes", "-o", "ExitOnForwardFailure=yes"),
                *("-o", "ConnectTimeout=20", "-o", "ServerAliveInterval=30"),
                *("-o", "StrictHostKeyChecking=yes", "-o", f"UserKnownHostsFile={known}"),
                f"{requests.USER}@{address}",
            ],
            advice=f"ssh-add, if your key has a passphrase; export {access.FROM}=ADDRESS, if "
            "Azure sees you as another",
        )


def power(found: dict[str, Any]) -> str:
    """Return the power state of a machine: ``running``, ``deallocated``; empty where unknown."""
    return _status(found, "PowerState/")


def refusal(found: dict[str, Any]) -> str:
    """Return why a machine could not be made, in Azure's words; empty where it could."""
    return _status(found, "ProvisioningState/failed/")


def _status(found: dict[str, Any], prefix: str) -> str:
    view = found.get("properties", {}).get("instanceView", {})
    for status in view.get("statuses", []):
        if str(status.get("code", "")).startswith(prefix):
            message = status.get("message", "")
            rest = str(status["code"]).removeprefix(prefix)
            return f"{rest}: {message}" if message else rest
    return ""


def host_keys(where: Group, name: str) -> list[str]:
    """Return the machine's own SSH keys, as Azure's management tells them.

    cloud-init writes them to the console; where they have scrolled away, the machine's agent is
    asked. So no stranger in between can pass for the machine, at the first contact either.
    """
    written = "\n".join(console.lines(where, name))
    # The first: what comes later may be anybody's words.
    block = _BLOCK.search(written)
    found = _keys(block[0]) if block else []
    if found:
        return found
    client = azure.compute().virtual_machines
    answer = api.finish(
        lambda polling: client.begin_run_command(
            where.name,
            name,
            {"commandId": "RunShellScript", "script": [_SCRIPT]},
            polling=polling,
        ),
        "read the machine's SSH key",
        api.unattended(),
        action="Microsoft.Compute/virtualMachines/runCommand/action",
    )
    return _keys("\n".join(item.message or "" for item in answer.value or []))


def _keys(text: str) -> list[str]:
    return list(dict.fromkeys(f"{kind} {key}" for kind, key in _KEY.findall(text)))


def _known_hosts(where: Group, name: str, address: str) -> Path:
    """Return the file with the machine's keys; asked for once, then kept."""
    path = state.folder() / "azure-hosts" / where.name
    if not path.exists():
        keys = host_keys(where, name)
        if not keys:
            raise CloudError(
                f"cannot find out the SSH key of {name}", advice=f"planner logs {name}"
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{address} {key}\n" for key in keys), encoding="utf-8")
    return path


def _address(where: Group) -> str:
    kind = "Microsoft.Network/publicIPAddresses"
    for item in api.children(where, "look for the machine's address", kind=kind):
        if found := item.get("properties", {}).get("ipAddress"):
            return str(found)
    raise CloudError("the machine has no address", advice="planner status")
