"""The ways to the engine of a machine: a tunnel from this computer, or the machine's address."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.clouds import settings
from planner.endpoints.interface import Address
from planner.endpoints.talking import port_forward
from planner.endpoints.talking.http_transport import HttpTransport
from planner.errors import CloudError, PlannerError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from planner.endpoints.ingress import Access, Ingress

_CERTIFICATE = re.compile(r"planner-certificate: ([A-Za-z0-9+/=]{64,})")
_PEM_WIDTH = 64

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


def address(
    name: str,
    ingress: Ingress,
    host: Callable[[Access], str],
    console: Callable[[], Sequence[str]],
) -> Address:
    """Return where applications reach a machine.

    Args:
        name: The endpoint's.
        ingress: Its way in, which is open.
        host: Tells its address.
        console: Reads what it wrote: the authority that signs its certificate among it.

    Raises:
        CloudError: The console does not show the certificate now.
    """
    where = host(ingress.access)
    # A simulated machine is in no domain.
    if ingress.domain and not settings.current().simulated:
        return Address(f"https://{ingress.domain}/v1", needs_key=True, points_to=where)
    certificate = _certificate(name, console())
    return Address(f"https://{where}/v1", needs_key=True, certificate=certificate)


def host(where: str, sandbox: str | None, real: Callable[[], str]) -> str:
    """Return the address of a machine; a simulated one listens on this computer.

    Args:
        where: What tells the machine from all others: ``project/zone/name``.
        sandbox: Base URL of the simulated cloud.
        real: Asks a real cloud.
    """
    if not settings.current().simulated:
        return real()
    import requests

    try:
        answer = requests.get(f"{sandbox}/sandbox-ingress/{where}", timeout=30)
        answer.raise_for_status()
    except requests.RequestException as error:
        raise CloudError("the simulated machine does not answer", why=str(error)) from error
    return answer.text.strip()


def _certificate(name: str, lines: Sequence[str]) -> str:
    """Return the certificate that a machine has said on its console, in PEM.

    The console comes through the cloud's own API, so that no stranger in between can pass for
    the machine. The first: what comes later may be anybody's words.
    """
    found = _CERTIFICATE.search("\n".join(lines))
    if found is None:
        raise CloudError(
            f"the console of {name} does not show its certificate now",
            why="the machine says it once its way in is open, then every ten minutes; clouds keep "
            "the end of a console alone",
            advice=f"planner status; planner url {name} in ten minutes",
        )
    text = found[1]
    pieces = [text[at : at + _PEM_WIDTH] for at in range(0, len(text), _PEM_WIDTH)]
    return "\n".join(["-----BEGIN CERTIFICATE-----", *pieces, "-----END CERTIFICATE-----", ""])
