"""Reasons and log lines as clouds and engines write them, and what they become."""

# ruff: noqa: E501 - messages as they are written
from __future__ import annotations

import pytest

from planner.endpoints.watching import failures
from planner.errors import CapacityError, CloudError

PING = "The primary container for production variant AllTraffic did not pass the ping health check."


@pytest.mark.parametrize(
    ("reason", "log", "cause"),
    [
        ("Unable to provision requested ML compute capacity due to InsufficientInstanceCapacity error.", "", "capacity"),
        ("CapacityError: Unable to provision requested ML compute capacity", "", "capacity"),
        (PING, "", "health-check"),
        (PING, "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB", "out-of-memory"),
        (PING, "ValueError: No available memory for the cache blocks.", "out-of-memory"),
        (PING, "requests.exceptions.HTTPError: 401 Client Error: Unauthorized for url", "gated"),
        (PING, "Access to model meta-llama/Llama-2-70b-chat-hf is restricted.", "gated"),
        (PING, "OSError: [Errno 28] No space left on device", "disk-full"),
        (PING, "The NVIDIA driver on your system is too old: CUDA driver version", "driver-too-old"),
        ("CannotStartContainerError. Please ensure the model container starts", "", "driver-too-old"),
        (PING, "ValueError: size mismatch for model.layers.0.self_attn.k_proj.weight", "image-too-old"),
        ("Please make sure all images included in the model for the production variant X exist", "", "image"),
        ('Could not access model data at s3://b/. Please ensure that the role "r" exists', "", "role"),
        ("Something new that nobody has seen", "", "unknown"),
    ],
)  # fmt: skip
def test_each_reason_has_its_cause(reason: str, log: str, cause: str) -> None:
    lines = ["INFO starting", log] if log else []
    found = failures.diagnose(reason, lines, model="llama-2-70b", name="llama")
    assert found.cause == cause
    assert found.advice
    assert "{" not in found.advice
    if log:
        assert log in found.lines


def test_only_capacity_is_worth_trying_elsewhere() -> None:
    capacity = failures.diagnose("InsufficientInstanceCapacity")
    assert isinstance(failures.failure(capacity, "e"), CapacityError)
    memory = failures.diagnose(PING, ["CUDA out of memory"])
    error = failures.failure(memory, "e")
    assert isinstance(error, CloudError)
    assert error.code == "out-of-memory"
    assert error.why == f"{PING}\nlog: CUDA out of memory"


@pytest.mark.parametrize(
    "tail", ["Please contact AWS support.", "Please use AWS Service Quotas.", ""]
)
def test_a_limit_is_read_whatever_its_last_sentence(tail: str) -> None:
    message = (
        "The account-level service limit 'ml.g5.48xlarge for endpoint usage' is 0 Instances, with "
        f"current utilization of 0 Instances and a request delta of 1 Instances. {tail}"
    )
    error = failures.limit_exceeded(
        message, model="llama-2-70b", instance_type="ml.g5.48xlarge", region="us-east-1"
    )
    assert str(error) == (
        "the quota 'ml.g5.48xlarge for endpoint usage' in us-east-1 is 0, 0 in use, 1 more wanted"
    )
    assert error.exit_code == 4
    assert error.advice == (
        "planner quota request llama-2-70b --instance-type ml.g5.48xlarge --region us-east-1"
    )


def test_account_numbers_and_tokens_are_not_repeated() -> None:
    found = failures.diagnose(
        "role arn:aws:iam::123456789012:role/r failed",
        ["HF_TOKEN=hf_abcdefghijkl 401 Client Error"],
    )
    assert "123456789012" not in found.reason
    assert not any("hf_abcdefghijkl" in line for line in found.lines)


def test_stages_follow_the_log() -> None:
    log: list[str] = []
    seen = [failures.stage_of(log)]
    for line in (
        "vLLM API server version 0.30.0",
        "Fetching 15 files: 10%",
        "Starting to load model meta-llama/Llama-2-70b-chat-hf",
        "Capturing CUDA graphs: 100%",
        "INFO:     Application startup complete.",
    ):
        log.append(line)
        seen.append(failures.stage_of(log))
    assert seen == [
        "creating the machine",
        "starting the container",
        "downloading weights",
        "loading weights",
        "warming up",
        "health checks",
    ]
