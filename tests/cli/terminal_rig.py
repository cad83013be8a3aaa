"""Runs the installed command on a terminal of its own, and types what a user would."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple


class Typed(NamedTuple):
    """What a command left that was typed at."""

    code: int
    out: str
    err: str


def typed(*arguments: str, keys: str = "", **environment: str) -> Typed:
    """Run ``planner`` with a terminal for its standard input, with ``keys`` typed in advance."""
    master, slave = pty.openpty()
    try:
        os.write(master, keys.encode())
        done = subprocess.run(
            [Path(sys.executable).with_name("planner"), *arguments],
            stdin=slave,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            env={**os.environ, **environment},
        )
    finally:
        os.close(slave)
        os.close(master)
    return Typed(done.returncode, done.stdout, done.stderr)
