"""What a simulated machine writes to its console while it starts, on any cloud.

Invented: the lines before vLLM's and when they come. The last words of an engine that fails are
vLLM's and PyTorch's own, as in planner.endpoints.watching.failures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from planner.sandbox.world import World

_ENGINE = (
    "planner: stage: pulling the image",
    "planner: stage: starting vLLM",
    "INFO Starting to load model",
    "INFO Application startup complete.",
    "planner: ready",
)
# The names are of the scenario's ``endpoint_failure``.
_LAST_WORDS = {
    "out-of-memory": "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 1.2 GiB",
    "gated": "GatedRepoError: 401 Client Error: Cannot access gated repo",
    "disk-full": "OSError: [Errno 28] No space left on device",
}


def lines(world: World, born: datetime, before: Sequence[str]) -> list[str]:
    """Return what has been written so far, evenly over the start-up time.

    Args:
        world: Its clock and scenario.
        born: When the machine was made.
        before: What the cloud's own template says before the image is pulled.
    """
    script = ("cloud-init: started", *before, *_ENGINE)
    whole = world.scenario.endpoint_startup_s
    past = (world.now() - born).total_seconds()
    share = 1.0 if whole <= 0 else min(1.0, past / whole)
    written = list(script[: 1 + int(share * (len(script) - 1))])
    failure = world.scenario.endpoint_failure
    if failure and is_ready(written):
        words = _LAST_WORDS.get(failure, failure)
        return [*written[:-2], words, "planner: failed: vLLM ended with code 1"]
    return written


def is_ready(written: Sequence[str]) -> bool:
    """Tell whether the engine answers by now."""
    return written[-1].endswith("ready")
