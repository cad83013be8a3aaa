"""Simulated AWS, through boto3: what AWS would refuse is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from planner.clouds import aws
from planner.sandbox import reality, scenarios

if TYPE_CHECKING:
    from planner.sandbox.server import Sandbox

P = {"ServiceCode": "ec2", "QuotaCode": "L-417A185B"}
WEST = "us-west-2"


def quotas(region: str = WEST) -> Any:
    return aws.client("service-quotas", region)


def code(call: Any, **parameters: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    return str(caught.value.response["Error"]["Code"])


def turn(sandbox: Sandbox, **knobs: object) -> None:
    sandbox.world.reset(replace(scenarios.get("new-account"), **knobs))


@pytest.mark.usefixtures("sandbox")
class TestServiceQuotas:
    def test_a_new_account_has_nothing_but_standard_vcpus(self) -> None:
        rows = quotas().list_service_quotas(ServiceCode="ec2")["Quotas"]
        assert {row["QuotaName"]: row["Value"] for row in rows if row["Value"]} == {
            "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances": 5.0
        }
        assert {row["Unit"] for row in rows} == {"None"}

    def test_pages_hold_everything_once(self) -> None:
        pages = quotas().get_paginator("list_aws_default_service_quotas")
        names = [
            row["QuotaName"]
            for page in pages.paginate(ServiceCode="sagemaker", PaginationConfig={"PageSize": 7})
            for row in page["Quotas"]
        ]
        assert len(names) == len(set(names)) > 40
        assert "ml.g7e.2xlarge for endpoint usage" in names

    @pytest.mark.parametrize(
        ("parameters", "expected"),
        [
            ({**P, "QuotaCode": "L-00000000"}, "NoSuchResourceException"),
            ({**P, "ServiceCode": "nothing"}, "NoSuchResourceException"),
        ],
    )
    def test_what_does_not_exist_is_not_found(
        self, parameters: dict[str, str], expected: str
    ) -> None:
        assert code(quotas().get_service_quota, **parameters) == expected
        request = quotas().request_service_quota_increase
        assert code(request, **parameters, DesiredValue=8) == expected

    def test_an_unchanged_sagemaker_quota_has_only_a_default(self) -> None:
        g5 = {"ServiceCode": "sagemaker", "QuotaCode": "L-0100B823"}
        assert code(quotas().get_service_quota, **g5) == "NoSuchResourceException"
        assert quotas().get_aws_default_service_quota(**g5)["Quota"]["Value"] == 0

    def test_the_sdk_refuses_a_negative_wish(self) -> None:
        from botocore.exceptions import ParamValidationError

        with pytest.raises(ParamValidationError):
            quotas().request_service_quota_increase(**P, DesiredValue=-1)

    @pytest.mark.parametrize("wish", [0, 0.5])
    def test_a_wish_that_is_no_increase_is_refused(self, wish: float) -> None:
        request = quotas().request_service_quota_increase
        assert code(request, **P, DesiredValue=wish) == "IllegalArgumentException"

    def test_one_request_per_quota_may_be_open(self) -> None:
        request = quotas().request_service_quota_increase
        request(**P, DesiredValue=96)
        assert code(request, **P, DesiredValue=192) == "ResourceAlreadyExistsException"
        quotas("us-east-1").request_service_quota_increase(**P, DesiredValue=96)

    def test_an_opt_in_region_takes_two_requests(self) -> None:
        request = quotas("ap-southeast-3").request_service_quota_increase
        for quota_code in ("L-417A185B", "L-DB2E81BA"):
            request(ServiceCode="ec2", QuotaCode=quota_code, DesiredValue=8)
        third = {"ServiceCode": "ec2", "QuotaCode": "L-1945791B", "DesiredValue": 8}
        assert code(request, **third) == "QuotaExceededException"

    def test_a_request_is_known_in_its_region_only(self) -> None:
        made = quotas().request_service_quota_increase(**P, DesiredValue=96)["RequestedQuota"]
        known = quotas().get_requested_service_quota_change(RequestId=made["Id"])
        assert known["RequestedQuota"]["DesiredValue"] == 96
        elsewhere = quotas("us-east-1").get_requested_service_quota_change
        assert code(elsewhere, RequestId=made["Id"]) == "NoSuchResourceException"


@pytest.mark.parametrize(
    ("outcome", "statuses", "granted"),
    [
        ("approved", ["PENDING", "PENDING", "APPROVED"], 96),
        ("partial", ["PENDING", "PENDING", "APPROVED"], 48),
        ("denied", ["PENDING", "PENDING", "DENIED"], 0),
        ("not-approved", ["PENDING", "PENDING", "NOT_APPROVED"], 0),
        ("invalid", ["PENDING", "PENDING", "INVALID_REQUEST"], 0),
        ("case-closed", ["PENDING", "CASE_OPENED", "CASE_CLOSED"], 0),
        ("needs-human", ["PENDING", "CASE_OPENED", "CASE_OPENED"], 0),
        ("never", ["PENDING", "PENDING", "PENDING"], 0),
    ],
)
def test_requests_take_their_course_over_time(
    sandbox: Sandbox, outcome: str, statuses: list[str], granted: int
) -> None:
    turn(sandbox, outcome=outcome)
    made = quotas().request_service_quota_increase(**P, DesiredValue=96)["RequestedQuota"]
    seen = []
    for hours in (0, 2, 5):
        sandbox.world.clock.advance(timedelta(hours=hours))
        row = quotas().get_requested_service_quota_change(RequestId=made["Id"])["RequestedQuota"]
        seen.append(row["Status"])
        assert ("CaseId" in row) == row["Status"].startswith("CASE")
    assert seen == statuses
    assert quotas().get_service_quota(**P)["Quota"]["Value"] == granted


def test_without_a_support_case_nothing_is_approved(sandbox: Sandbox) -> None:
    made = quotas().request_service_quota_increase(**P, DesiredValue=96, SupportCaseAllowed=False)[
        "RequestedQuota"
    ]
    sandbox.world.clock.advance(timedelta(days=1))
    row = quotas().get_requested_service_quota_change(RequestId=made["Id"])["RequestedQuota"]
    assert row["Status"] == "NOT_APPROVED"


def launch(kind: str) -> Any:
    ec2 = aws.client("ec2", WEST)
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    return ec2.run_instances(ImageId=image, InstanceType=kind, MinCount=1, MaxCount=1)


@pytest.mark.long
def test_a_launch_above_the_vcpu_limit_is_refused(sandbox: Sandbox) -> None:
    with pytest.raises(ClientError, match="VcpuLimitExceeded"):
        launch("p4d.24xlarge")
    turn(sandbox, gpu_instances=1)  # 192 vCPU: two p4d, not three
    launch("p4d.24xlarge")
    launch("p4d.24xlarge")
    with pytest.raises(ClientError, match="VcpuLimitExceeded"):
        launch("p4d.24xlarge")


@pytest.mark.long
def test_no_capacity_is_not_a_quota(sandbox: Sandbox) -> None:
    sandbox.world.reset(scenarios.get("no-capacity"))
    with pytest.raises(ClientError, match="InsufficientInstanceCapacity"):
        launch("p4d.24xlarge")


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


@pytest.mark.long
def test_an_endpoint_above_the_limit_is_refused_in_the_known_words(sandbox: Sandbox) -> None:
    sandbox.world.scenario = replace(sandbox.world.scenario, **reality.of("calm"))
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
        "InitialInstanceCount": 1,
    }
    sagemaker.create_endpoint_config(EndpointConfigName="c", ProductionVariants=[variant])
    with pytest.raises(ClientError) as caught:
        sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="c")
    error = caught.value.response["Error"]
    assert error["Code"] == "ResourceLimitExceeded"
    assert "'ml.g5.48xlarge for endpoint usage' is 0 Instances" in error["Message"]
    sandbox.world.scenario = replace(sandbox.world.scenario, gpu_instances=1)
    sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="c")


@pytest.mark.usefixtures("sandbox")
def test_a_sandbox_that_starts_again_forgets_what_another_one_made() -> None:
    from planner.sandbox.server import Sandbox as Simulated

    def topics() -> list[Any]:
        return list(aws.client("sns", WEST).list_topics()["Topics"])

    aws.client("sns", WEST).create_topic(Name="idle")
    assert topics()
    with Simulated():
        assert not topics()
