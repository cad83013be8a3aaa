"""Sandboxes of the clouds whose machines are deployed to, in turn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import azure_rig
import ec2_rig
import gce_rig
import pytest

from planner.clouds import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vm_rig import Rig

    from planner.plan import Plan

RIGS = {"ec2": ec2_rig, "gce": gce_rig, "azure-vm": azure_rig}


@pytest.fixture(params=RIGS)
def cloud(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def bench(cloud: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    """Start a sandbox of the cloud, in the mild world."""
    monkeypatch.setenv("HF_TOKEN", gce_rig.TOKEN)
    made = RIGS[cloud].rig()
    yield made
    settings.use(None)
    made.sandbox.stop()


@pytest.fixture
def plan(cloud: str) -> Plan:
    """Return a plan with gated weights."""
    if cloud == "ec2":
        return ec2_rig.cheapest()
    if cloud == "gce":
        return gce_rig.cheapest(regions=("us-central1",), instance_types=("a3-highgpu-8g",))
    return azure_rig.cheapest(regions=("eastus",))
