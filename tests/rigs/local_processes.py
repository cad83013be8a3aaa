"""Which processes of local endpoints run."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import psutil

PLANNER = Path(sys.executable).with_name("planner")


def processes_of(folder: Path) -> list[str]:
    """Return the command lines of engines and supervisors of this state folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get("PLANNER_STATE_DIR") == str(
                folder
            ):
                found.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    return [line for line in found if "planner.endpoints.local" in line]
