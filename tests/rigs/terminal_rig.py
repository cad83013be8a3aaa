"""Runs ``planner`` on a terminal of its own, and types what a user would."""

from __future__ import annotations

import os
import pty
from typing import NamedTuple

import forked


class Typed(NamedTuple):
    """What a command left that was typed at."""

    code: int
    out: str
    err: str


def typed(*arguments: str, keys: str = "", **environment: str) -> Typed:
    """Run ``planner`` with a terminal for its standard input, with ``keys`` typed in advance."""
    forked.start_server()
    master, slave = pty.openpty()
    try:
        os.write(master, keys.encode())
        done = forked.command(
            *arguments, environment={**os.environ, **environment}, stdin=os.ttyname(slave)
        )
    finally:
        os.close(slave)
        os.close(master)
    return Typed(done.returncode, done.stdout, done.stderr)
