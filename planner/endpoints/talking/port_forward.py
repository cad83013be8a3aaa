"""Bring the port of a machine here, through a command that forwards it while it runs."""

from __future__ import annotations

import atexit
import socket
import subprocess
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from planner.errors import CloudError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

_PATIENCE_S = 30


_running: list[subprocess.Popen[str]] = []


def forward(
    name: str, command: Callable[[int], list[str]], *, advice: str, port: int | None = None
) -> int:
    """Run a command that forwards a port for as long as this process lives.

    Args:
        name: The endpoint's, for errors.
        command: Returns the command that forwards from the local port that it is given.
        advice: What helps where the command fails.
        port: On this computer; a free one by default.

    Returns:
        The local port.

    Raises:
        CloudError: The command ended, or forwards nothing.
        UsageError: Another program has the port.
    """
    port = _free_port() if port is None else _own_port(port)
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
            _running.append(process)
            return port
        time.sleep(0.2)
    process.terminate()
    _, why = process.communicate()
    raise CloudError(f"cannot open the tunnel to {name}", why=why[-500:], advice=advice)


def hold() -> bool:
    """Return when a command has ended (False), or the user interrupts (True)."""
    try:
        while all(process.poll() is None for process in _running):
            time.sleep(0.2)
    except KeyboardInterrupt:
        return True
    for process in _running:
        process.terminate()
        process.communicate()
    _running.clear()
    return False


def _own_port(port: int) -> int:
    """Return a port that nothing else listens at: it would be taken for the tunnel."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise UsageError(
                f"port {port} of this computer cannot be used",
                why=error.strerror or str(error),
                advice="another --port",
            ) from error
    return port


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
