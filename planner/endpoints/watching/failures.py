"""What a cloud's failure reason and a container's last words mean, and what to do.

Reasons are those that SageMaker gives (``FailureReason``) or answers with, as users and AWS's
own test suites report them; log lines are those of vLLM, PyTorch and huggingface_hub. Wording
changes between versions, so each is matched by its most stable part.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.clouds.redact import redact
from planner.errors import CapacityError, CloudError, PlannerError, QuotaShortError

if TYPE_CHECKING:
    from collections.abc import Sequence

LIMIT = re.compile(
    r"service limit '(?P<quota>[^']+)' is (?P<limit>\d+) Instances, with current utilization of "
    r"(?P<used>\d+) Instances and a request delta of (?P<delta>\d+)"
)
_TELLING_LINES = 5


@dataclass(frozen=True, slots=True)
class Cause:
    """One known way to fail.

    Attributes:
        name: Short, for tests and JSON.
        log: What a line of the container log contains; empty where the reason alone tells.
        reason: What the cloud's reason contains; empty where the log alone tells.
        text: The translation.
        advice: The next thing to do; ``{model}`` and ``{name}`` are filled in.
    """

    name: str
    text: str
    advice: str
    log: str = ""
    reason: str = ""


# In this order: a log line tells more than "did not pass the ping health check".
CAUSES = (
    Cause(
        "capacity",
        "AWS has no machine of that type there now",
        "planner deploy {model} --to cheapest (any cloud, wherever there is room)",
        reason=r"InsufficientInstanceCapacity|Unable to provision requested ML compute capacity",
    ),
    Cause(
        "gated",
        "Hugging Face did not let the container download the weights (401 or 403)",
        "accept the licence on the model's page with the account of HF_TOKEN, then "
        "planner deploy {model} --to sagemaker; or --weights s3://BUCKET/PREFIX/",
        log=r"GatedRepoError|401 Client Error|403 Client Error|is a gated repo|"
        r"Access to model .* is restricted",
    ),
    Cause(
        "out-of-memory",
        "the GPUs ran out of memory",
        "planner fit {model}; then a smaller --context, --precision int4 or a larger "
        "--instance-type",
        log=r"CUDA out of memory|OutOfMemoryError|No available memory for the cache blocks|"
        r"larger than the maximum number of tokens that can be stored in KV cache|"
        r"KV cache is needed, which is larger than the available",
    ),
    Cause(
        "disk-full",
        "the disk of the machine is full",
        "an instance type with more local storage, or --precision int4 (a smaller download)",
        log=r"No space left on device|OSError: \[Errno 28\]",
    ),
    Cause(
        "driver-too-old",
        "the driver of the host is too old for the CUDA version of the image",
        "--machine-image al2023-ami-sagemaker-inference-gpu-4-1 (driver 580, CUDA 13.0)",
        log=r"driver version is insufficient|CUDA driver version|"
        r"forward compatibility was attempted|unsatisfied condition: cuda",
        reason=r"CannotStartContainerError",
    ),
    Cause(
        "image-too-old",
        "the container image is too old for this model",
        "planner deploy {model} --to sagemaker --engine vllm (the newest image planner knows)",
        log=r"Model architectures .* (are not supported|failed to be inspected)|"
        r"does not recognize this architecture|size mismatch for .*(k_proj|v_proj)",
    ),
    Cause(
        "image",
        "SageMaker cannot pull the container image",
        "check the execution role's ECR permissions: planner deploy {model} --to sagemaker --plan",
        reason=r"make sure all images included in the model .* exist",
    ),
    Cause(
        "role",
        "SageMaker cannot use the execution role, or the role cannot read the weights",
        "planner deploy {model} --to sagemaker --create-roles, or --role ARN",
        reason=r"Could not access model data|trust relationship policy allows|"
        r"Could not assume role",
    ),
    Cause(
        "health-check",
        "the container did not answer the health check in time",
        "planner logs {name} shows how far it came; a smaller model or --weights s3://... "
        "starts faster",
        reason=r"did not pass the ping health check",
    ),
)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What a failure means.

    Attributes:
        cause: The name of the cause; ``unknown`` where none fits.
        text: In planner's words.
        reason: In the cloud's words, without account numbers.
        lines: The telling lines of the container log.
    """

    cause: str
    text: str
    reason: str
    lines: tuple[str, ...]
    advice: str


def diagnose(
    reason: str, log: Sequence[str] = (), *, model: str = "MODEL", name: str = "NAME"
) -> Diagnosis:
    """Return what a failure reason and the container log mean.

    Args:
        reason: The cloud's own words.
        log: The lines of the container, oldest first.
        model: To be named in the advice.
        name: Of the endpoint, likewise.
    """
    for cause in CAUSES:
        telling = [line for line in log if cause.log and re.search(cause.log, line)]
        if telling or (cause.reason and re.search(cause.reason, reason)):
            lines = telling or list(log)
            return Diagnosis(
                cause.name,
                cause.text,
                redact(reason),
                tuple(redact(line) for line in lines[-_TELLING_LINES:]),
                cause.advice.format(model=model, name=name),
            )
    return Diagnosis(
        "unknown",
        "the endpoint failed",
        redact(reason),
        tuple(redact(line) for line in log[-_TELLING_LINES:]),
        f"planner deploy {model} --to sagemaker --plan",
    )


def failure(diagnosis: Diagnosis, name: str) -> PlannerError:
    """Return the error of a failed endpoint."""
    what = f"{name} failed to start: {diagnosis.text}"
    why = "\n".join([diagnosis.reason, *(f"log: {line}" for line in diagnosis.lines)]).strip()
    if diagnosis.cause == "capacity":
        return CapacityError(what, why=why, advice=diagnosis.advice)
    return CloudError(what, code=diagnosis.cause, why=why, advice=diagnosis.advice)


def limit_exceeded(message: str, *, model: str, instance_type: str, region: str) -> PlannerError:
    """Return the error of a quota that is too small, with its numbers."""
    found = LIMIT.search(message)
    text = (
        f"the quota {found['quota']!r} in {region} is {found['limit']}, {found['used']} in use, "
        f"{found['delta']} more wanted"
        if found
        else f"a quota of the account in {region} is too small"
    )
    return QuotaShortError(
        text,
        why=redact(message),
        advice=f"planner quota request {model} --instance-type {instance_type} --region {region}",
    )


_STAGES = (
    ("health checks", r"GET /ping|Application startup complete|Uvicorn running on|Started server"),
    ("warming up", r"[Cc]apturing (CUDA )?graph|torch\.compile|KV cache size|warm(ing)? ?up"),
    ("loading weights", r"Loading (safetensors|model weights|weights|pt) |Starting to load model"),
    ("downloading weights", r"[Dd]ownload(ing|ed)|[Ff]etching \d+ files|hf_hub|snapshot_download"),
    ("starting the container", r"."),
)


def stage_of(log: Sequence[str]) -> str:
    """Return how far a container has come, from its log; the furthest stage that it names."""
    for stage, pattern in _STAGES:
        if any(re.search(pattern, line) for line in log):
            return stage
    return "creating the machine"
