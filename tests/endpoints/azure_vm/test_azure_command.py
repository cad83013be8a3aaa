"""``planner --sandbox deploy --to azure-vm`` and what follows, through the installed command."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    Planner = Callable[..., subprocess.CompletedProcess[str]]


@pytest.mark.long
def test_deploy_status_chat_extend_destroy_on_a_sandbox_that_runs_on(
    installed_planner: Planner,
) -> None:
    started = installed_planner(
        *("sandbox", "start", "--scenario", "approved", "--set", "endpoint_startup_s=0")
    )
    assert started.returncode == 0, started.stderr
    try:
        token = {"PLANNER_SANDBOX": "1", "HF_TOKEN": "hf_shown_nowhere"}
        arguments = ("deploy", "llama-2-70b", "--to", "azure-vm", "--accept-license", "--yes")
        made = installed_planner(*arguments, **token)
        assert made.returncode == 0, made.stderr
        assert "llama-2-70b answers in" in made.stdout
        assert "by a Logic App" in made.stderr
        assert "hf_shown" not in made.stdout + made.stderr
        (shown,) = json.loads(installed_planner("status", "--format", "json", **token).stdout)
        assert (shown["service"], shown["state"]) == ("azure-vm", "in service")
        spoken = installed_planner("chat", "llama-2-70b", "why?", "--max-tokens", "4", **token)
        assert spoken.returncode == 0, spoken.stderr
        assert spoken.stdout.strip()
        moved = installed_planner("extend", "llama-2-70b", "2d", **token)
        assert moved.returncode == 0, moved.stderr
        said = installed_planner("logs", "llama-2-70b", **token)
        assert "planner: ready" in said.stdout
        gone = installed_planner("destroy", "llama-2-70b", "--yes", **token)
        assert gone.returncode == 0, gone.stderr
        assert json.loads(installed_planner("status", "--format", "json", **token).stdout) == []
    finally:
        installed_planner("sandbox", "stop")
