"""``planner sweep`` through the installed command, from another computer than the deploy's."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import ec2_rig
import pytest
from moto.ec2.models import ec2_backends

from planner.endpoints.ec2 import Adapter
from planner.sandbox import process, scenarios
from planner.sandbox.aws import ec2_machines
from planner.sandbox.aws.protocol import ACCOUNT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from subprocess import CompletedProcess

    from planner.sandbox.server import Sandbox

    Planner = Callable[..., CompletedProcess[str]]

DEPLOY = ("deploy", "llama-2-70b", "--to", "ec2", "--region", ec2_rig.REGION, "--yes")


@pytest.fixture
def world(sandbox: Sandbox, own_state_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """A sandbox with quotas that the installed command finds."""
    own_state_folder.mkdir(parents=True, exist_ok=True)
    monkeypatch.setenv("PLANNER_SANDBOX", "1")
    monkeypatch.setenv("HF_TOKEN", ec2_rig.TOKEN)
    process.write_state(sandbox.endpoints)
    base = scenarios.with_settings(scenarios.get("approved"), {"endpoint_startup_s": "0"})
    sandbox.world.reset(base)
    return sandbox


@pytest.mark.long
def test_what_another_computer_left_is_found_and_removed(
    world: Sandbox, tmp_path: Path, installed_planner: Planner
) -> None:
    made = installed_planner(*DEPLOY, "--create-roles", "--accept-license")
    assert made.returncode == 0, made.stderr
    # From now on, another computer: it shares the sandbox and no ledger.
    other = tmp_path / "other"
    other.mkdir()
    for file in (tmp_path / "state").iterdir():
        if file.suffix == ".json":
            (other / file.name).write_bytes(file.read_bytes())
    elsewhere = {"PLANNER_STATE_DIR": str(other)}
    clean = installed_planner("sweep", **elsewhere)
    assert clean.returncode == 0, clean.stdout + clean.stderr
    assert "Nothing that should not be there." in clean.stdout

    (machine,) = ec2_machines.alive(ec2_rig.REGION)
    ec2_backends[ACCOUNT][ec2_rig.REGION].terminate_instances([machine.id])
    world.world.clock.advance(timedelta(minutes=5))
    found = installed_planner("sweep", "--format", "json", **elsewhere)
    assert found.returncode == 7
    (left,) = json.loads(found.stdout)
    assert (left["name"], left["reason"], left["billed"]) == ("llama-2-70b", "left over", False)
    assert left["known_here"] is False
    asked = installed_planner("sweep", "--remove", **elsewhere)
    assert asked.returncode == 2, "nobody is there to say yes"
    gone = installed_planner("sweep", "--remove", "--yes", **elsewhere)
    assert gone.returncode == 0, gone.stderr
    assert Adapter().look(ec2_rig.REGION) == []
    # The first computer's ledger lists it still, until it is old enough to be surely gone.
    world.world.clock.advance(timedelta(hours=3))
    first = installed_planner("sweep")
    assert first.returncode == 0, first.stderr
    assert "the ledger forgets it" in first.stderr
    assert "forgets" not in installed_planner("sweep").stderr
