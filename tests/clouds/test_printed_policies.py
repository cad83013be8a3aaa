"""The policies that are printed for deploys on AWS: all that a deploy's life calls, and no more."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import TYPE_CHECKING

import ec2_rig
import pytest
import rig as sagemaker_rig
from children import WIDEST

from planner.clouds import permissions, settings
from planner.endpoints.interface import adapter

if TYPE_CHECKING:
    from collections.abc import Iterable


# REST services have no operation's name in the call.
_REST = (
    (r"scheduler:GET /schedules/.+", "scheduler:GetSchedule"),
    (r"scheduler:GET /schedules", "scheduler:ListSchedules"),
    (r"scheduler:POST .*", "scheduler:CreateSchedule"),
    (r"scheduler:PUT .*", "scheduler:UpdateSchedule"),
    (r"scheduler:DELETE .*", "scheduler:DeleteSchedule"),
    (r".*/invocations-response-stream", "sagemaker:InvokeEndpointWithResponseStream"),
    (r".*/invocations", "sagemaker:InvokeEndpoint"),
)
# What planner calls in other branches, what the cloud itself asks for a tunnel or a tag.
_SOMETIMES = {
    "ec2": {
        "ec2:DescribeRegions",
        "ec2:DescribeSpotInstanceRequests",
        "iam:PassRole",
        "iam:TagRole",
        "ssm:AddTagsToResource",
        "ssm:StartSession",
    },
}


def allowed(*commands: str) -> set[str]:
    found: set[str] = set()
    for command in commands:
        (policy,) = permissions.policies(command, ("aws",))
        for statement in json.loads(policy.text)["Statement"]:
            actions = statement["Action"]
            found |= {actions} if isinstance(actions, str) else set(actions)
    return found


def called(operations: Iterable[str]) -> set[str]:
    found = set()
    for operation in operations:
        named = next((name for form, name in _REST if re.fullmatch(form, operation)), operation)
        found.add(named)
    return {name for name in found if not name.startswith(("sts:", "?:"))}


@pytest.mark.long
def test_a_deploy_on_ec2_calls_what_its_policy_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", ec2_rig.TOKEN)
    bench = ec2_rig.rig()
    try:
        plan = ec2_rig.cheapest()
        bench.faults.expect(None)
        bench.deploy(plan, WIDEST)
        made = adapter("ec2")
        (shown,) = made.endpoints(plan.region)
        assert shown.expires_at is not None
        made.rotate_key(shown, timedelta(hours=1))
        made.extend(shown, shown.expires_at + timedelta(hours=1))
        bench.destroy(shown.name, plan.region)
        seen = called(bench.faults.operations)
    finally:
        settings.use(None)
        bench.sandbox.stop()
    named = allowed("deploy-ec2")
    assert seen <= named, seen - named
    assert named - _SOMETIMES["ec2"] <= seen, named - seen


@pytest.mark.long
def test_a_deploy_on_sagemaker_calls_only_what_its_policies_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HF_TOKEN", sagemaker_rig.TOKEN)
    bench = sagemaker_rig.rig()
    try:
        plan = sagemaker_rig.cheapest()
        bench.faults.expect(None)
        bench.deploy(plan)
        bench.destroy("llama-2-70b", plan.region)
        seen = called(bench.faults.operations)
    finally:
        settings.use(None)
        bench.sandbox.stop()
    named = allowed("deploy", "deploy-create-roles", "quota-check")
    assert seen <= named, seen - named
