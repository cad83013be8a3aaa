"""The simulated SageMaker refuses what the service refuses, in the words of the service."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from planner.clouds import aws
from planner.sandbox import engine, scenarios
from planner.sandbox.aws import rules
from planner.sandbox.aws.protocol import model

if TYPE_CHECKING:
    from planner.sandbox.server import Sandbox

REGION = "us-east-1"
ROLE = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "sagemaker.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}


@pytest.fixture
def client(sandbox: Sandbox) -> Any:
    """A client of a SageMaker with quota, with a role, a model and a configuration there."""
    settings = {"endpoint_startup_s": "60", "world": "calm"}
    sandbox.world.reset(scenarios.with_settings(scenarios.get("approved"), settings))
    iam = aws.client("iam", REGION)
    arn = iam.create_role(RoleName="run", AssumeRolePolicyDocument=json.dumps(ROLE))["Role"]["Arn"]
    made = aws.client("sagemaker", REGION)
    image = {"Image": "763104351884.dkr.ecr.us-east-1.amazonaws.com/vllm:x"}
    made.create_model(ModelName="m", PrimaryContainer=image, ExecutionRoleArn=arn)
    made.create_endpoint_config(EndpointConfigName="c", ProductionVariants=[variant()])
    return made


def variant(**changes: Any) -> dict[str, Any]:
    return {
        "VariantName": "AllTraffic",
        "ModelName": "m",
        "InstanceType": "ml.g5.48xlarge",
        "InitialInstanceCount": 1,
        **changes,
    }


def refusal(call: Any, **parameters: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    error = caught.value.response["Error"]
    return f"{error['Code']}: {error['Message']}"


def test_an_endpoint_takes_its_time_and_then_answers(client: Any, sandbox: Sandbox) -> None:
    client.create_endpoint(EndpointName="e", EndpointConfigName="c")
    assert client.describe_endpoint(EndpointName="e")["EndpointStatus"] == "Creating"
    sandbox.world.clock.advance(timedelta(seconds=61))
    assert client.describe_endpoint(EndpointName="e")["EndpointStatus"] == "InService"


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        (
            "create_model",
            {"ModelName": "m", "ExecutionRoleArn": "arn:aws:iam::123456789012:role/run"},
        ),
        ("create_endpoint_config", {"EndpointConfigName": "c", "ProductionVariants": [variant()]}),
    ],
)
def test_duplicates_are_refused(client: Any, operation: str, parameters: dict[str, Any]) -> None:
    assert "Cannot create already existing" in refusal(getattr(client, operation), **parameters)


def test_a_second_endpoint_of_a_name_is_refused(client: Any) -> None:
    client.create_endpoint(EndpointName="e", EndpointConfigName="c")
    text = refusal(client.create_endpoint, EndpointName="e", EndpointConfigName="c")
    assert text.startswith('ValidationException: Cannot create already existing endpoint "arn:aws')


@pytest.mark.parametrize(
    "wrong",
    [
        variant(InstanceType="ml.g5.49xlarge"),
        variant(ContainerStartupHealthCheckTimeoutInSeconds=7200),
        variant(InferenceAmiVersion="al2099"),
        variant(VolumeSizeInGB=300),
        variant(ModelName="nobody"),
    ],
)
def test_what_the_model_of_the_api_forbids_is_refused(client: Any, wrong: dict[str, Any]) -> None:
    text = refusal(
        client.create_endpoint_config, EndpointConfigName="d", ProductionVariants=[wrong]
    )
    assert text.startswith("ValidationException")


@pytest.mark.parametrize(
    "kind", ["ml.g5.xlarge", "ml.g6e.12xlarge", "ml.p4d.24xlarge", "ml.p5.48xlarge"]
)
def test_machines_that_moto_does_not_know_are_taken(client: Any, kind: str) -> None:
    client.create_endpoint_config(
        EndpointConfigName="d", ProductionVariants=[variant(InstanceType=kind)]
    )


def test_a_role_that_cannot_be_assumed_is_refused(client: Any) -> None:
    nobody = "arn:aws:iam::123456789012:role/nobody"
    image = {"Image": "x"}
    text = refusal(
        client.create_model, ModelName="n", PrimaryContainer=image, ExecutionRoleArn=nobody
    )
    assert "Could not assume role" in text


def test_only_an_endpoint_in_service_is_updated_or_deleted(client: Any) -> None:
    client.create_endpoint(EndpointName="e", EndpointConfigName="c")
    for call, more in (
        (client.update_endpoint, {"EndpointConfigName": "c"}),
        (client.delete_endpoint, {}),
    ):
        assert "in-progress" in refusal(call, EndpointName="e", **more)


def test_what_is_not_there_is_called_invalid(client: Any) -> None:
    for call, parameters in (
        (client.describe_endpoint, {"EndpointName": "x"}),
        (client.describe_model, {"ModelName": "x"}),
        (client.delete_endpoint_config, {"EndpointConfigName": "x"}),
        (client.list_tags, {"ResourceArn": "arn:aws:sagemaker:us-east-1:123456789012:endpoint/x"}),
    ):
        assert refusal(call, **parameters).startswith("ValidationException: Could not find")


def test_an_endpoint_that_is_not_there_or_not_ready_answers_nothing(client: Any) -> None:
    runtime = aws.client("sagemaker-runtime", REGION)
    client.create_endpoint(EndpointName="e", EndpointConfigName="c")
    for name in ("nobody", "e"):
        assert "not found" in refusal(runtime.invoke_endpoint, EndpointName=name, Body=b"{}")


def test_more_than_the_quota_is_refused_at_once(client: Any, sandbox: Sandbox) -> None:
    sandbox.world.scenario = scenarios.with_settings(sandbox.world.scenario, {"gpu_instances": "1"})
    client.create_endpoint(EndpointName="e", EndpointConfigName="c")
    text = refusal(client.create_endpoint, EndpointName="f", EndpointConfigName="c")
    assert text.startswith("ResourceLimitExceeded")
    assert "is 1 Instances, with current utilization of 1 Instances" in text


def test_the_words_without_an_engine_say_that_they_are_simulated() -> None:
    body = json.dumps({"model": "m", "messages": [], "stream": True}).encode()
    text = b"".join(engine.SimulatedText().answer(body)).decode()
    assert "[simulated]" in text
    assert text.endswith("data: [DONE]\n\n")
    whole = json.loads(b"".join(engine.SimulatedText().answer(b'{"messages": []}')))
    assert whole["choices"][0]["message"]["content"].startswith("[simulated]")


def test_rules_agree_with_the_model_on_names() -> None:
    shape = model("sagemaker").operation_model("CreateEndpoint").input_shape
    good = {"EndpointName": "llama-2-70b", "EndpointConfigName": "c"}
    assert list(rules.violations(shape, good)) == []
    for name in ("-a", "a b", "a" * 64, ""):
        assert list(rules.violations(shape, {**good, "EndpointName": name}))
