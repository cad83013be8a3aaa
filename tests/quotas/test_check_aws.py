"""AWS quotas through boto3: limits, use, and what cannot be read."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from planner.clouds import aws, pacing
from planner.errors import ExpiredCredentialsError
from planner.pricing import instance_types
from planner.quotas import checking
from planner.quotas.model import Demand, DemandCheck, Verdict
from planner.sandbox import scenarios

if TYPE_CHECKING:
    from planner.sandbox.server import Sandbox

WEST = "us-west-2"


def demand(name: str, region: str = WEST, **changes: Any) -> Demand:
    return Demand.of(instance_types.bundled().get(name), region, **changes)


def check(name: str, region: str = WEST, **changes: Any) -> DemandCheck:
    return checking.check([demand(name, region, **changes)])[0]


def turn(sandbox: Sandbox, **knobs: object) -> None:
    sandbox.world.reset(replace(scenarios.get("new-account"), **knobs))


def test_a_new_account_is_short_of_everything(sandbox: Sandbox) -> None:
    del sandbox
    (found,) = check("p5.48xlarge").checks
    assert (found.limit, found.usage, found.need, found.short_by) == (0, 0, 192, 192)
    assert found.target == 192


def test_on_demand_and_spot_have_quotas_of_their_own(sandbox: Sandbox) -> None:
    sandbox.world.limits["aws", WEST, "L-7212CCBC", ()] = 96
    assert check("p4d.24xlarge", spot=True).verdict is Verdict.ENOUGH
    assert check("p4d.24xlarge").verdict is Verdict.SHORT


def run(kind: str, **more: Any) -> None:
    ec2 = aws.client("ec2", WEST)
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    ec2.run_instances(ImageId=image, InstanceType=kind, MinCount=1, MaxCount=1, **more)


@pytest.mark.long
def test_running_machines_of_the_same_quota_count_in_vcpus(sandbox: Sandbox) -> None:
    turn(sandbox, gpu_instances=2)  # 384 vCPU
    run("g5.xlarge")
    run("g4dn.xlarge")
    run("p4d.24xlarge")
    run("m5.large")
    (g,) = check("g6.48xlarge", instances=2).checks
    assert (g.usage, g.need, g.limit, g.short_by, g.target) == (8, 384, 384, 8, 392)
    (p,) = check("p5.48xlarge").checks
    assert p.usage == 96


def test_sagemaker_counts_instances_by_the_types_own_name(sandbox: Sandbox) -> None:
    turn(sandbox, gpu_instances=1)
    found, all_endpoints = check("ml.g5.48xlarge").checks
    assert found.quota.quota_id == "L-0100B823"
    assert (found.quota.unit, found.limit, found.need) == ("instances", 1, 1)
    assert all_endpoints.quota.name == "Number of instances across active endpoints"


def test_a_code_that_is_not_public_is_found_by_name(sandbox: Sandbox) -> None:
    turn(sandbox, gpu_instances=1)
    found, _ = check("ml.g7e.2xlarge").checks
    assert found.quota.name == "ml.g7e.2xlarge for endpoint usage"
    assert found.quota.quota_id.startswith("L-")
    assert found.verdict is Verdict.ENOUGH


def role() -> str:
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "sagemaker.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
    made = aws.client("iam", "us-east-1").create_role(
        RoleName="runs-models", AssumeRolePolicyDocument=json.dumps(trust)
    )
    return str(made["Role"]["Arn"])


def test_endpoints_in_use_are_counted(sandbox: Sandbox) -> None:
    turn(sandbox, gpu_instances=2, identity_lag_s=0, read_lag_s=0, list_lag_s=0)
    sagemaker = aws.client("sagemaker", WEST)
    sagemaker.create_model(
        ModelName="m",
        ExecutionRoleArn=role(),
        PrimaryContainer={"Image": "1.dkr.ecr.us-west-2.amazonaws.com/x:1"},
    )
    variant = {
        "VariantName": "all",
        "ModelName": "m",
        "InstanceType": "ml.g5.48xlarge",
        "InitialInstanceCount": 2,
    }
    sagemaker.create_endpoint_config(EndpointConfigName="c", ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="c")
    found, all_endpoints = check("ml.g5.48xlarge").checks
    assert all_endpoints.usage == 2
    assert (found.usage, found.short_by) == (2, 1)


def test_many_types_are_listed_in_pages_instead_of_one_by_one(sandbox: Sandbox) -> None:
    del sandbox
    names = [i.instance_type for i in instance_types.bundled() if i.service == "sagemaker"]
    found = checking.check([demand(name) for name in names])
    assert {item.verdict for item in found} == {Verdict.SHORT}
    calls = pacing.calls()
    assert calls["aws", "service-quotas:ListAWSDefaultServiceQuotas"] == 1
    assert ("aws", "service-quotas:GetServiceQuota") not in calls


def test_a_region_takes_a_call_per_quota_and_one_for_the_use(sandbox: Sandbox) -> None:
    del sandbox
    kinds = ("p4d.24xlarge", "p5.48xlarge", "g6.48xlarge", "g5.48xlarge")
    regions = ("us-east-1", "us-west-2", "eu-west-1")
    checking.check([demand(kind, region) for kind in kinds for region in regions])
    assert pacing.calls() == {
        ("aws", "service-quotas:GetServiceQuota"): 6,
        ("aws", "ec2:DescribeInstances"): 3,
        ("aws", "ec2:DescribeCapacityReservations"): 3,
    }


@pytest.mark.parametrize(
    "error", ["DEPENDENCY_THROTTLING_ERROR", "SERVICE_QUOTA_NOT_AVAILABLE_ERROR"]
)
def test_an_error_reason_is_unknown_and_not_zero(sandbox: Sandbox, error: str) -> None:
    turn(sandbox, quota_error=error)
    found = check("p4d.24xlarge")
    assert found.verdict is Verdict.UNKNOWN
    assert found.reason


def test_a_type_without_a_known_quota_is_unknown(sandbox: Sandbox) -> None:
    del sandbox
    strange = replace(demand("p4d.24xlarge"), instance_type="z9.metal")
    (found,) = checking.check([strange])
    assert found.verdict is Verdict.UNKNOWN
    assert "z9.metal" in found.reason


def test_a_region_that_is_off_is_unknown_with_the_command_to_enable_it(sandbox: Sandbox) -> None:
    turn(sandbox, disabled_regions=("ap-southeast-3",))
    off, on = checking.check(
        [demand("p4d.24xlarge", "ap-southeast-3"), demand("p4d.24xlarge", "us-east-1")]
    )
    assert (off.verdict, on.verdict) == (Verdict.UNKNOWN, Verdict.SHORT)
    assert off.advice == "aws account enable-region --region-name ap-southeast-3"


def test_limits_are_told_even_where_use_may_not_be_read(sandbox: Sandbox) -> None:
    turn(sandbox, denied_actions=("ec2:DescribeInstances",))
    assert check("p4d.24xlarge").verdict is Verdict.SHORT
    turn(sandbox, denied_actions=("ec2:DescribeInstances",), gpu_instances=1)
    found = check("p4d.24xlarge")
    assert found.verdict is Verdict.UNKNOWN
    assert "ec2:DescribeInstances" in found.reason


def test_throttled_calls_are_sat_out(sandbox: Sandbox) -> None:
    turn(sandbox, throttle_first=1)
    assert check("p4d.24xlarge").verdict is Verdict.SHORT


def test_expired_credentials_stop_a_check_of_one_cloud(sandbox: Sandbox) -> None:
    turn(sandbox, expired=True)
    with pytest.raises(ExpiredCredentialsError):
        check("p4d.24xlarge")


def test_expired_credentials_of_one_cloud_leave_the_others(sandbox: Sandbox) -> None:
    turn(sandbox, expired=True)
    found = checking.check([demand("p4d.24xlarge"), demand("Standard_NC24ads_A100_v4", "eastus")])
    assert {item.verdict for item in found} == {Verdict.UNKNOWN}
    assert all(item.advice for item in found)


@pytest.mark.long
def test_answers_come_in_the_order_of_the_questions(sandbox: Sandbox) -> None:
    del sandbox
    asked = [
        demand("g6.48xlarge", "us-east-1"),
        demand("Standard_NC24ads_A100_v4", "eastus"),
        demand("p4d.24xlarge", "us-east-1"),
        demand("a2-ultragpu-1g", "us-central1"),
        demand("g6.48xlarge", "us-east-1"),
    ]
    done: list[tuple[str, str]] = []
    found = checking.check(asked, progress=lambda *place: done.append(place))
    assert [item.demand for item in found] == asked
    assert sorted(done) == [("aws", "us-east-1"), ("azure", "eastus"), ("gcp", "us-central1")]
