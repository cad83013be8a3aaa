"""The printed policies allow what the commands do, and nothing else."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import yaml

from planner.clouds import permissions
from planner.errors import UnknownNameError
from planner.ledger import Ledger
from planner.pricing import instance_types
from planner.quotas import checking, following, tracker
from planner.quotas.interface import Contact, adapter
from planner.quotas.model import Demand

if TYPE_CHECKING:
    from planner.sandbox.server import Sandbox

# boto3's name of a service -> the prefix of its IAM actions; sts needs no permission.
_PREFIX = {"service-quotas": "servicequotas"}
# What a run in a quiet account does not call: other branches of the same code.
_SOMETIMES = {
    "ec2:DescribeInstanceTypes",
    "ec2:DescribeRegions",
    "sagemaker:DescribeEndpoint",
    "sagemaker:DescribeEndpointConfig",
    "iam:CreateServiceLinkedRole",
    "Microsoft.MachineLearningServices/locations/usages/read",
    "Microsoft.Support/services/problemClassifications/read",
    "Microsoft.Support/supportTickets/communications/read",
    "Microsoft.Support/supportTickets/read",
    "Microsoft.Support/supportTickets/write",
    "ec2:DescribeSpotInstanceRequests",
    "servicequotas:CreateSupportCase",
    "support:AddCommunicationToCase",
    "support:DescribeCases",
}


def allowed(command: str, cloud: str) -> set[str]:
    (policy,) = permissions.policies(command, (cloud,))
    if cloud == "aws":
        statements = json.loads(policy.text)["Statement"]
        actions = [s["Action"] for s in statements]
        return {a for found in actions for a in (found if isinstance(found, list) else [found])}
    if cloud == "azure":
        return set(json.loads(policy.text)["Actions"])
    return set(yaml.safe_load(policy.text)["includedPermissions"])


def called(sandbox: Sandbox, cloud: str) -> set[str]:
    names = {name for owner, name in sandbox.world.calls if owner == cloud}
    if cloud != "aws":
        return names
    split = (name.split(":") for name in names)
    return {f"{_PREFIX.get(s, s)}:{operation}" for s, operation in split if s != "sts"}


DEMANDS = {
    "aws": [("p4d.24xlarge", "us-east-1"), ("ml.g7e.2xlarge", "us-east-1")],
    "azure": [("Standard_NC24ads_A100_v4", "eastus")],
    "gcp": [("a3-highgpu-8g", "us-central1"), ("a2-ultragpu-1g", "us-central1")],
}


@pytest.mark.parametrize("cloud", DEMANDS)
def test_policies_name_exactly_the_calls_that_are_made(sandbox: Sandbox, cloud: str) -> None:
    types = instance_types.bundled()
    demands = [Demand.of(types.get(name), region) for name, region in DEMANDS[cloud]]
    checks = checking.check(demands)
    assert called(sandbox, cloud) <= allowed("quota-check", cloud)
    assert allowed("quota-check", cloud) - _SOMETIMES <= called(sandbox, cloud)
    sandbox.world.calls.clear()
    made = adapter(cloud)
    with Ledger() as ledger:
        for check in checks:
            for ask in tracker.asks(check, "because", Contact(email="ada@example.com")):
                tracker.file(ask, made, ledger)
        sandbox.world.clock.advance(timedelta(days=1))
        following.refresh(ledger, ledger.requests())
    both = allowed("quota-request", cloud) | allowed("quota-check", cloud)
    assert called(sandbox, cloud) <= both
    assert allowed("quota-request", cloud) - _SOMETIMES <= called(sandbox, cloud)


def test_each_policy_says_how_to_put_it_in_force() -> None:
    found = permissions.policies()
    assert {policy.cloud for policy in found} == {"aws", "azure", "gcp"}
    for policy in found:
        assert policy.how.split()[0] in {"aws", "az", "gcloud"}
        assert policy.command in permissions.commands()


def test_an_unknown_command_is_named() -> None:
    with pytest.raises(UnknownNameError, match="quota-chek"):
        permissions.policies("quota-chek")
