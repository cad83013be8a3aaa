"""The ways in which a simulated endpoint fails to start: reason and container log.

Reasons are as users and AWS's own test suites report them (aws/deep-learning-containers,
SageMaker forums); log lines are vLLM's, PyTorch's and huggingface_hub's, shortened.
"""

from __future__ import annotations

from dataclasses import dataclass

PING = (
    "The primary container for production variant AllTraffic did not pass the ping health check. "
    "Please check CloudWatch logs for this endpoint."
)


@dataclass(frozen=True, slots=True)
class Failure:
    """One way to fail.

    Attributes:
        reason: ``FailureReason``.
        log: What the container writes before it ends.
        never: The endpoint stays in Creating for ever.
    """

    reason: str
    log: tuple[str, ...] = ()
    never: bool = False


STARTS = (
    "INFO 01-01 00:00:01 [api_server.py] vLLM API server version 0.30.0",
    "INFO 01-01 00:00:09 [weight_utils.py] Downloading weights from the Hugging Face hub",
    "Fetching 15 files: 100%|##########| 15/15",
    "INFO 01-01 00:05:02 [gpu_model_runner.py] Starting to load model",
    "Loading safetensors checkpoint shards: 100% Completed | 15/15",
    "INFO 01-01 00:07:44 [gpu_worker.py] GPU KV cache size: 51,200 tokens",
    "INFO 01-01 00:08:20 [gpu_model_runner.py] Capturing CUDA graphs: 100%|##########| 67/67",
    "INFO:     Application startup complete.",
    'INFO:     169.254.178.2:0 - "GET /ping HTTP/1.1" 200 OK',
)

FAILURES = {
    "capacity": Failure(
        "Unable to provision requested ML compute capacity due to InsufficientInstanceCapacity "
        "error. Please retry using a different ML instance type or after some time."
    ),
    "gated": Failure(
        PING,
        (
            STARTS[0],
            "huggingface_hub.errors.GatedRepoError: 401 Client Error.",
            "Cannot access gated repo for url https://huggingface.co/meta-llama/Llama-2-70b-chat-hf.",
        ),
    ),
    "out-of-memory": Failure(
        PING,
        (
            *STARTS[:4],
            "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 448.00 MiB.",
        ),
    ),
    "disk-full": Failure(PING, (*STARTS[:2], "OSError: [Errno 28] No space left on device")),
    "health-check": Failure(PING, STARTS[:3]),
    # A driver that is too old ends like this, too, and without a log.
    "container-not-started": Failure(
        "CannotStartContainerError. Please ensure the model container for variant AllTraffic "
        "starts correctly when invoked with 'docker run <image> serve'."
    ),
    "image-too-old": Failure(
        PING,
        (
            STARTS[0],
            "ValueError: Model architectures ['LlamaForCausalLM'] are not supported for now.",
        ),
    ),
    "image": Failure(
        "Failed to pull the image. Please make sure all images included in the model for the "
        "production variant AllTraffic exist, and that the execution role used to create the "
        "model has permissions to access them."
    ),
    "stuck": Failure("", STARTS[:1], never=True),
}
