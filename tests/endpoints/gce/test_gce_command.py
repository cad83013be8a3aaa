"""``planner --sandbox deploy --to gce`` and what follows, through the installed command."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    Planner = Callable[..., subprocess.CompletedProcess[str]]


@pytest.mark.long
def test_deploy_status_chat_destroy_on_a_sandbox_that_runs_on(installed_planner: Planner) -> None:
    started = installed_planner(
        *("sandbox", "start", "--scenario", "approved", "--set", "endpoint_startup_s=0")
    )
    assert started.returncode == 0, started.stderr
    try:
        token = {"PLANNER_SANDBOX": "1", "HF_TOKEN": "hf_shown_nowhere"}
        arguments = ("deploy", "llama-2-70b", "--to", "gce", "--accept-license", "--yes")
        made = installed_planner(*arguments, "--create-roles", **token)
        assert made.returncode == 0, made.stderr
        assert "llama-2-70b answers in" in made.stdout
        assert "Compute Engine's own run time" in made.stderr
        assert "hf_shown" not in made.stdout + made.stderr
        (shown,) = json.loads(installed_planner("status", "--format", "json", **token).stdout)
        assert (shown["service"], shown["state"]) == ("gce", "in service")
        spoken = installed_planner("chat", "llama-2-70b", "why?", "--max-tokens", "4", **token)
        assert spoken.returncode == 0, spoken.stderr
        assert spoken.stdout.strip()
        gone = installed_planner("destroy", "llama-2-70b", "--yes", **token)
        assert gone.returncode == 0, gone.stderr
        assert json.loads(installed_planner("status", "--format", "json", **token).stdout) == []
    finally:
        installed_planner("sandbox", "stop")


def test_templates_are_not_emitted_for_compute_engine(installed_planner: Planner) -> None:
    done = installed_planner("deploy", "llama-2-70b", "--to", "gce", "--emit", "cloudformation")
    assert done.returncode == 2
    assert "SageMaker" in done.stderr
