"""Settings that are longer than a service takes are found before anything is made."""

from __future__ import annotations

from dataclasses import replace

import pytest
from vm_rig import OPTIONS, cheapest_on

from planner.endpoints.deploying import deployment
from planner.endpoints.deploying.preflight import Status
from planner.endpoints.ec2 import checks as ec2
from planner.endpoints.ec2 import requests
from planner.endpoints.ingress import Ingress
from planner.endpoints.interface import adapter
from planner.endpoints.sagemaker import checks as sagemaker

REGIONS = ("us-east-1",)
DOOR = Ingress.of("public", ["0.0.0.0/0"], "llm.example.com")


@pytest.mark.parametrize(("length", "status"), [(1024, Status.GOOD), (1025, Status.BAD)])
def test_a_setting_of_sagemaker_s(length: int, status: Status) -> None:
    plan = cheapest_on("sagemaker", regions=REGIONS)
    options = replace(OPTIONS, engine_arguments={"chat-template": "x" * length})
    spec = deployment.specify(plan, options, container_for=adapter("sagemaker").container)
    found = sagemaker._container(spec)
    assert (found.status is Status.BAD) is (status is Status.BAD)
    assert found.status is not Status.BAD or "CHAT_TEMPLATE has 1,025 characters" in found.text


@pytest.mark.parametrize(("length", "status"), [(0, Status.GOOD), (8000, Status.BAD)])
def test_the_start_script_of_ec2(length: int, status: Status) -> None:
    plan = cheapest_on("ec2", regions=REGIONS)
    arguments = {"chat-template": "x" * length} if length else {}
    options = replace(OPTIONS, engine_arguments=arguments, ingress=DOOR)
    spec = deployment.specify(plan, options, container_for=adapter("ec2").container)
    found = ec2._script(spec)
    assert found.status is status
    assert f"{requests.LONGEST_SCRIPT:,}" in found.text
