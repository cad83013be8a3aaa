"""The whole story on each cloud, as a user types it: whole commands, the real SDKs.

From all zero to enough: check, plan, request, watch, check, with days passing in between.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import forked
import pytest

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

PLACES = {
    "aws": ("p4d.24xlarge", "us-east-1"),
    "azure": ("Standard_NC48ads_A100_v4", "eastus"),
    "gcp": ("a2-ultragpu-2g", "us-central1"),
}


class Terminal:
    """A user's terminal: a folder for state, and nobody's credentials."""

    def __init__(self, folder: Path) -> None:
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        self.environment = {
            **kept,
            "HOME": str(folder),
            "PLANNER_STATE_DIR": str(folder / "state"),
            "PLANNER_CONTACT_EMAIL": "ada@example.com",
            "COLUMNS": "80",
        }

    def run(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = forked.command(*arguments, environment=self.environment)
        assert done.returncode == code, done.stdout + done.stderr
        return done


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    forked.start_server()
    opened = Terminal(tmp_path_factory.mktemp("home"))
    opened.run("sandbox", "start", "--scenario", "new-account")
    yield opened
    opened.run("sandbox", "stop")


@pytest.mark.long
@pytest.mark.parametrize("cloud", PLACES)
def test_from_all_zero_to_enough(terminal: Terminal, cloud: str) -> None:
    kind, region = PLACES[cloud]
    where = ("--instance-type", kind, "--region", region)

    before = terminal.run("--sandbox", "quota", "check", *where, "--format=json", code=4)
    assert {row["simulated"] for row in json.loads(before.stdout)} == {True}
    assert any(row["limit"] == 0 for row in json.loads(before.stdout))

    planned = terminal.run("--sandbox", "quota", "plan", "llama-2-70b", *where, "--format=json")
    (way,) = json.loads(planned.stdout)
    assert (way["instance_type"], way["region"], way["ready"]) == (kind, region, "after a request")

    asked = terminal.run(
        "--sandbox", "quota", "request", "llama-2-70b", *where, "--yes", "--format=json"
    )
    filed = json.loads(asked.stdout)
    assert [row["desired"] for row in filed] == [ask["ask_for"] for ask in way["requests"]]
    assert {row["state"] for row in filed} == {"PENDING"}

    terminal.run("sandbox", "advance", "2d")
    watched = terminal.run("--sandbox", "quota", "watch", "--interval", "1s")
    assert watched.stdout.count("APPROVED") >= len(filed)
    assert "[SIMULATED]" in watched.stdout

    after = terminal.run("--sandbox", "quota", "check", *where, "--format=json")
    assert {row["verdict"] for row in json.loads(after.stdout)} == {"enough"}


@pytest.mark.long
def test_the_sandbox_survives_between_commands_and_is_one(tmp_path: Path) -> None:
    # A sandbox of its own: what it is set to would decide the requests of the story too.
    own = Terminal(tmp_path)
    own.run("sandbox", "start", "--scenario", "new-account")
    try:
        assert "Scenario new-account" in own.run("sandbox", "status").stderr
        again = own.run("sandbox", "start", code=2)
        assert "running already" in again.stderr
        own.run("sandbox", "set", "--set", "outcome=denied")
        changed = own.run("sandbox", "set", "--scenario", "nothing", code=2)
        assert "unknown scenario" in changed.stderr
    finally:
        own.run("sandbox", "stop")


@pytest.mark.long
def test_without_one_running_a_sandbox_lives_for_the_command(tmp_path: Path) -> None:
    alone = Terminal(tmp_path)
    done = alone.run("--sandbox", "doctor", "--format=json")
    assert "for this command only" in done.stderr
    findings = json.loads(done.stdout)
    assert {row["works"] for row in findings if row["subject"] != "planner"} == {True}
    stopped = alone.run("sandbox", "stop", code=3)
    assert "no sandbox is running" in stopped.stderr
