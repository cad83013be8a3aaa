"""Bring the port of a machine here, through a command that forwards it while it runs."""

from __future__ import annotations

import atexit
import socket
import subprocess
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from planner.errors import CloudError

if TYPE_CHECKING:
    from collections.abc import Callable

_PATIENCE_S = 30


def forward(name: str, command: Callable[[int], list[str]], *, advice: str) -> int:
    """Run a command that forwards a port for as long as this process lives.

    Args:
        name: The endpoint's, for errors.
        command: Returns the command that forwards from the local port that it is given.
        advice: What helps where the command fails.

    Returns:
        The local port.

    Raises:
        CloudError: The command ended, or forwards nothing.
    """
    port = _free_port()
    process = subprocess.Popen(  # noqa: S603 - names that the cloud has accepted
        command(port),
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
    raise CloudError(f"cannot open the tunnel to {name}", why=why, advice=advice)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
