"""Carry requests to the engine of a machine, through SSH."""

from __future__ import annotations

import re
import shutil
from functools import cache
from typing import TYPE_CHECKING

from planner import state
from planner.clouds import azure, settings
from planner.endpoints.azure_vm import access, api, requests, watch
from planner.endpoints.talking import port_forward
from planner.endpoints.talking.http_transport import HttpTransport
from planner.errors import CloudError, PlannerError

if TYPE_CHECKING:
    from pathlib import Path

    from planner.endpoints.azure_vm.requests import Group

_KEY = re.compile(r"\b(ssh-ed25519|ecdsa-sha2-nistp256|ssh-rsa) ([A-Za-z0-9+/=]{64,})")
_BLOCK = re.compile(r"BEGIN SSH HOST KEY KEYS-.*?-END SSH HOST KEY KEYS", re.DOTALL)
_SCRIPT = "cat /etc/ssh/ssh_host_ed25519_key.pub"


def transport(where: Group, name: str) -> HttpTransport:
    """Return the way to the engine of a machine; admits this computer's address first.

    Raises:
        PlannerError: ssh is not installed, or cannot open the tunnel.
    """
    access.admit(where)
    chosen = settings.current()
    if chosen.simulated:
        return HttpTransport(name, f"{chosen.azure_endpoint}/sandbox-tunnel/{where.name}/{name}")
    return HttpTransport(name, f"http://127.0.0.1:{_tunnel(where, name)}")


@cache
def _tunnel(where: Group, name: str) -> int:
    """Open a tunnel that lives as long as this process, and return its local port."""
    ssh = shutil.which("ssh")
    if ssh is None:
        raise PlannerError(
            f"{name} is reached through SSH, and ssh is not installed",
            advice="apt-get install openssh-client",
        )
    address = _address(where)
    known = _known_hosts(where, name, address)
    return port_forward.forward(
        name,
        lambda port: [
            *(ssh, "-N", "-L", f"127.0.0.1:{port}:127.0.0.1:{requests.PORT}"),
            *("-o", "BatchMode=yes", "-o", "ExitOnForwardFailure=yes"),
            *("-o", "ConnectTimeout=20", "-o", "ServerAliveInterval=30"),
            *("-o", "StrictHostKeyChecking=yes", "-o", f"UserKnownHostsFile={known}"),
            f"{requests.USER}@{address}",
        ],
        advice=f"ssh-add, if your key has a passphrase; export {access.FROM}=ADDRESS, if Azure "
        "sees you as another",
    )


def host_keys(where: Group, name: str) -> list[str]:
    """Return the machine's own SSH keys, as Azure's management tells them.

    cloud-init writes them to the console; where they have scrolled away, the machine's agent is
    asked. So no stranger in between can pass for the machine, at the first contact either.
    """
    written = "\n".join(watch.lines(where, name))
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
    action = "Microsoft.Network/publicIPAddresses/read"
    with azure.errors("look for the machine's address", action=action):
        for item in azure.network().public_ip_addresses.list(where.name):
            found = item.properties.ip_address if item.properties else None
            if found:
                return str(found)
    raise CloudError("the machine has no address", advice="planner status")
