"""The installed command against simulated clouds that a test can change while it runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from planner.sandbox import process, scenarios

if TYPE_CHECKING:
    from planner.sandbox.server import Sandbox

_PLANNER = Path(sys.executable).with_name("planner")


class Typed:
    """A user's terminal before clouds whose world the test holds."""

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self.world = sandbox.world
        self.environment = {
            **os.environ,
            "HOME": str(folder),
            "COLUMNS": "100",
            "PLANNER_CONTACT_EMAIL": "ada@example.com",
        }
        process.write_state(sandbox.endpoints)

    def turn(self, **knobs: object) -> None:
        """Begin anew, in a new account with those knobs turned."""
        self.world.reset(replace(scenarios.get("new-account"), **knobs))  # type: ignore[arg-type]

    def set(self, **knobs: object) -> None:
        """Turn knobs and keep all that is there."""
        self.world.scenario = replace(self.world.scenario, **knobs)  # type: ignore[arg-type]

    def run(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        """Type ``planner --sandbox ...`` and hold its exit code against what is expected."""
        done = subprocess.run(
            [_PLANNER, "--sandbox", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == code, f"exit code {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def quota(self, *arguments: str, code: int = 0) -> str:
        """Type ``planner quota ...``; return all it printed, on one line."""
        done = self.run("quota", *arguments, code=code)
        return " ".join((done.stdout + done.stderr).split())

    def json(self, *arguments: str, code: int = 0) -> Any:
        """Type ``planner quota ... --format json`` and return the document."""
        return json.loads(self.run("quota", *arguments, "--format", "json", code=code).stdout)


@pytest.fixture
def typed(sandbox: Sandbox, tmp_path: Path) -> Typed:
    return Typed(sandbox, tmp_path)
