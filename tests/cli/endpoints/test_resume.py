"""``planner resume``, through the installed command: from another computer's empty state."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    Planner = Callable[..., subprocess.CompletedProcess[str]]


@pytest.mark.long
@pytest.mark.parametrize("service", ["sagemaker", "gce"])
def test_a_deploy_without_wait_is_taken_up_from_another_ledger(
    service: str, installed_planner: Planner
) -> None:
    started = installed_planner(
        *("sandbox", "start", "--scenario", "approved", "--set", "endpoint_startup_s=600")
    )
    assert started.returncode == 0, started.stderr
    try:
        token = {"PLANNER_SANDBOX": "1", "HF_TOKEN": "hf_shown_nowhere"}
        arguments = ("deploy", "llama-2-70b", "--to", service, "--accept-license", "--yes")
        made = installed_planner(*arguments, "--create-roles", "--no-wait", **token)
        assert made.returncode == 0, made.stderr
        assert "planner --sandbox resume llama-2-70b" in made.stdout
        (shown,) = json.loads(installed_planner("status", "--format", "json", **token).stdout)
        assert shown["state"] == "creating"
        assert shown["guard"]["may_act"] is True
        # The ledger of this computer is not asked: only where the endpoint is.
        region = ("--region", shown["region"])
        done = installed_planner("resume", "llama-2-70b", *region, "--format", "json", **token)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["answered"] is True
        gone = installed_planner("destroy", "llama-2-70b", "--yes", **token)
        assert gone.returncode == 0, gone.stderr
        for command in ("resume", "logs", "destroy"):
            lost = installed_planner(command, "llama-2-70b", "--region", "us-east-9", **token)
            assert lost.returncode == 2, (command, lost.stderr)
            assert "unknown region 'us-east-9'" in lost.stderr
        nothing = installed_planner("resume", "llama-2-70b", *region, **token)
        assert nothing.returncode == 3
    finally:
        installed_planner("sandbox", "stop")
