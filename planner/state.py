"""Where planner keeps what it must remember between commands."""

from __future__ import annotations

import os
from pathlib import Path


def folder() -> Path:
    """Return the user's state folder, made on first use.

    ``PLANNER_STATE_DIR`` names another one (tests, several accounts side by side).
    """
    chosen = os.environ.get("PLANNER_STATE_DIR")
    if chosen:
        path = Path(chosen)
    else:
        from platformdirs import user_state_path

        path = user_state_path("gpu-planner")
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path
