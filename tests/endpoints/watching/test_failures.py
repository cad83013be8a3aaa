"""Reasons and log lines as clouds and engines write them, and what they become."""

from __future__ import annotations

import pytest
from log_tails import MORE, TAILS, Tail

from planner.endpoints.interface import SERVICES
from planner.endpoints.watching import failures, knowledge
from planner.errors import CapacityError, CloudError, QuotaShortError

PING = "The primary container for production variant AllTraffic did not pass the ping health check."


@pytest.mark.parametrize(
    "tail", [*TAILS.values(), *MORE], ids=[*TAILS, *map(str, range(len(MORE)))]
)
def test_each_failure_has_its_cause(tail: Tail) -> None:
    log = tail.log.splitlines()
    found = failures.diagnose(tail.reason, log, model="llama-2-70b", name="llama")
    assert found.cause == tail.cause
    assert found.advice
    assert "{" not in found.advice
    assert bool(found.layer) is (found.cause != "unknown")


@pytest.mark.parametrize("service", SERVICES)
def test_advice_is_of_the_service_alone(service: str) -> None:
    for cause in failures.CAUSES:
        told = knowledge.advice(cause.name, service).format(model="m", name="n", service=service)
        if service != "sagemaker":
            assert "sagemaker" not in told.lower(), told
            assert "s3://" not in told or service == "ec2", told
        if service != "azure-vm":
            assert "Ubuntu HPC" not in told, told


def test_a_host_that_could_not_start_the_container_leaves_several_causes_open() -> None:
    reason = "CannotStartContainerError. Please ensure the model container starts"
    found = failures.diagnose(reason)
    assert (found.cause, found.certain) == ("container-not-started", False)
    assert found.text.startswith("most likely")
    assert all(word in found.text for word in ("entry point", "processor", "driver"))
    # A line of the log is surer than that.
    sure = failures.diagnose(reason, ["RuntimeError: The NVIDIA driver on your system is too old"])
    assert (sure.cause, sure.certain) == ("driver-too-old", True)


def test_the_telling_lines_are_those_of_the_cause() -> None:
    found = failures.diagnose(PING, ["INFO starting", "CUDA out of memory", "planner: failed"])
    assert found.lines == ("CUDA out of memory",)


def test_the_literal_of_a_pattern_is_in_all_that_it_matches() -> None:
    for tail in [*TAILS.values(), *MORE]:
        for line in [tail.reason, *tail.log.splitlines()]:
            for pattern in knowledge.patterns():
                if pattern.expression.search(line):
                    assert pattern.matches(line, line.lower()), pattern


def test_the_tables_agree_with_each_other() -> None:
    told_by = {pattern.cause.name for pattern in knowledge.patterns()}
    shown_by = {tail.cause for tail in [*TAILS.values(), *MORE]}
    known = {cause.name for cause in failures.CAUSES}
    assert told_by == known
    assert shown_by - {"unknown"} == known, "every cause has an example"
    assert len({pattern.expression.pattern for pattern in knowledge.patterns()}) > 700
    layers = {cause.layer for cause in failures.CAUSES}
    assert layers == {"driver", "GPU", "memory", "hub", "files", "options", "network", "image",
                      "permission", "cloud", "health"}  # fmt: skip


def test_only_capacity_is_worth_trying_elsewhere() -> None:
    capacity = failures.diagnose("InsufficientInstanceCapacity")
    assert isinstance(failures.failure(capacity, "e"), CapacityError)
    memory = failures.diagnose(PING, ["CUDA out of memory"])
    error = failures.failure(memory, "e")
    assert isinstance(
        failures.failure(failures.diagnose("VcpuLimitExceeded"), "e"), QuotaShortError
    )
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
