"""Whether this computer can ask a machine is found out before the machine costs anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from planner.endpoints.deploying import plan_checks
from planner.endpoints.deploying.preflight import Status
from planner.endpoints.ec2.machine import Ec2Machine
from planner.endpoints.gce.machine import GceMachine
from planner.endpoints.interface import SERVICES, adapter

if TYPE_CHECKING:
    from pathlib import Path

MACHINES = ("ec2", "gce", "azure-vm")


@pytest.mark.parametrize("service", MACHINES)
def test_without_its_programs_a_deploy_is_refused(
    service: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = adapter(service).tunnel_programs
    monkeypatch.setenv("PATH", str(tmp_path))
    found = plan_checks.tunnel(programs, wait=True)
    assert found.status is Status.BAD
    assert all(name in found.text for name in programs)
    assert all(where in found.remedy for where in programs.values())
    assert plan_checks.tunnel(programs, wait=False).status is Status.WARNING
    for name in programs:
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    assert plan_checks.tunnel(programs, wait=True).status is Status.GOOD


def test_one_missing_of_two_is_named_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "aws").write_text("#!/bin/sh\n")
    (tmp_path / "aws").chmod(0o755)
    found = plan_checks.tunnel(adapter("ec2").tunnel_programs, wait=True)
    assert found.text.startswith("session-manager-plugin is not installed")


def test_the_programs_are_those_that_open_the_tunnels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "p")
    assert Ec2Machine("m", "i-1", "us-east-1")._tunnel().program in adapter("ec2").tunnel_programs
    assert GceMachine("m", "z")._tunnel().program in adapter("gce").tunnel_programs
    assert list(adapter("azure-vm").tunnel_programs) == ["ssh"]


@pytest.mark.parametrize("service", sorted(set(SERVICES) - set(MACHINES)))
def test_others_need_none(service: str) -> None:
    assert not adapter(service).tunnel_programs
