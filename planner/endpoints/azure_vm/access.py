"""The way in: SSH with the user's own key, from the user's own address, to loopback behind it.

The network is closed. The first time that somebody talks to an endpoint from an address, a rule
admits SSH from that address; vLLM itself listens on the machine's loopback alone.
"""

from __future__ import annotations

import ipaddress
import os
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from planner.clouds import settings
from planner.endpoints.azure_vm import api, requests
from planner.errors import PlannerError, UsageError

if TYPE_CHECKING:
    from planner.endpoints.azure_vm.requests import Group

FROM = "PLANNER_AZURE_ALLOW_FROM"
"""The variable with the address, or range, that the user's calls come from."""
WHO_AM_I = "https://checkip.amazonaws.com"
"""Answers with the caller's address; asked where the variable is not set."""
_KEYS = ("id_ed25519.pub", "id_rsa.pub")  # the kinds that Azure takes
_SANDBOX_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
_GROUPS = "Microsoft.Network/networkSecurityGroups"
_LOWEST, _ROOM = 1000, 3000


def public_key() -> str:
    """Return the user's public SSH key.

    Raises:
        UsageError: There is none of a kind that Azure takes.
    """
    if settings.current().simulated:
        return _SANDBOX_KEY
    folder = Path.home() / ".ssh"
    for name in _KEYS:
        path = folder / name
        if path.is_file():
            return path.read_text(encoding="utf-8").strip()
    raise UsageError(
        "no SSH key is there to reach the machine with",
        why=f"planner looks for {' and '.join(_KEYS)} in {folder}",
        advice="ssh-keygen -t ed25519",
    )


def source() -> str:
    """Return the address or range that the user's calls come from, as Azure sees it.

    Raises:
        UsageError: The variable names no address.
        PlannerError: It cannot be found out.
    """
    written = os.environ.get(FROM, "")
    if written:
        return _network(written)
    if settings.current().simulated:
        return "127.0.0.1/32"
    import requests as http

    try:
        answer = http.get(WHO_AM_I, timeout=10)
        answer.raise_for_status()
        return _network(answer.text.strip())
    except (http.RequestException, UsageError) as error:
        raise PlannerError(
            "could not find out the address that your calls come from",
            why=f"{WHO_AM_I}: {error}",
            advice=f"export {FROM}=ADDRESS (what Azure sees you as), then run it again",
        ) from error


def admit(where: Group) -> None:
    """Let SSH in from the user's address."""
    address = source()
    name = "ssh-from-" + address.replace("/", "-").replace(":", "-")
    priority = _LOWEST + zlib.crc32(address.encode()) % _ROOM
    body = requests.rule(
        name, priority=priority, access="Allow", source=address, port=str(requests.SSH)
    )
    api.put(
        f"{where.part(_GROUPS, requests.NSG)}/securityRules/{name}",
        body,
        f"let SSH in from {address}",
        api.unattended(),
        kind=f"{_GROUPS}/securityRules",
    )


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError as error:
        raise UsageError(
            f"{text!r} is no address", why=str(error), advice=f"export {FROM}=203.0.113.7"
        ) from error
