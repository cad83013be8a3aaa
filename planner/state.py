"""Where planner keeps what it must remember between commands."""

from __future__ import annotations

import os
from pathlib import Path

from planner.errors import PlannerError


def folder() -> Path:
    """Return the user's state folder, made on first use.

    ``PLANNER_STATE_DIR`` names another one (tests, several accounts side by side).

    Raises:
        PlannerError: It cannot be made.
    """
    chosen = os.environ.get("PLANNER_STATE_DIR")
    if chosen:
        path = Path(chosen)
    else:
        from platformdirs import user_state_path

        path = user_state_path("gpu-planner")
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise PlannerError(
            f"planner's state folder {path} cannot be made",
            why=str(error.strerror),
            advice="PLANNER_STATE_DIR=/another/folder before the command",
        ) from error
    return path
