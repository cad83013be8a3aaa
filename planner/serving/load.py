"""What is asked of a machine: the requests, what their users must feel, and the engine."""

from __future__ import annotations

from dataclasses import dataclass

from planner.serving.memory import DEFAULTS, EngineSettings


@dataclass(frozen=True, slots=True)
class LoadShape:
    """What one request looks like; tokens.

    Attributes:
        input_tokens, output_tokens: The mean.
        input_tokens_p95, output_tokens_p95: The long ones; None for the mean.
        cached_share: Of the prompt, that the engine finds in its prefix cache.
    """

    input_tokens: int = 1024
    output_tokens: int = 1024
    input_tokens_p95: int | None = None
    output_tokens_p95: int | None = None
    cached_share: float = 0.0

    @property
    def longest(self) -> int:
        """Return the tokens of a long request, prompt and answer."""
        long_input = self.input_tokens_p95 or self.input_tokens
        return long_input + (self.output_tokens_p95 or self.output_tokens)

    @property
    def fresh_input(self) -> int:
        """Return the tokens of a prompt that the engine must compute."""
        return max(1, round(self.input_tokens * (1 - self.cached_share)))

    @property
    def in_flight(self) -> float:
        """Return the tokens that a request in flight holds on average: half its answer is out."""
        return self.input_tokens + self.output_tokens / 2


@dataclass(frozen=True, slots=True)
class Targets:
    """What 19 of 20 requests must feel; None where it does not matter.

    Attributes:
        ttft_p95_s: Seconds to the first token.
        tpot_p95_s: Seconds between two tokens.
    """

    ttft_p95_s: float | None = None
    tpot_p95_s: float | None = None


INTERACTIVE = Targets(ttft_p95_s=2.0, tpot_p95_s=0.2)
"""What a person who reads along should feel; comparisons aim at it unless told otherwise.

The limits of MLPerf Inference's server scenario for Llama 2 70B: 2 s, and 200 ms a token.
"""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a machine.

    Attributes:
        precision: Of the weights.
        shape: What the requests look like.
        targets: What they must feel.
        settings: The engine, and what it is told about memory.
        engine_generation: The release a speed is stated for; None for what deploy would run.
        context: Tokens of a request that the caches must hold; 0 for the longest of the shape.
        concurrency: Requests of that length that they must hold at once, all copies together.
        most_replicas: Copies on one machine at most; None for as many as its GPUs allow.
    """

    precision: str
    shape: LoadShape = LoadShape()
    targets: Targets = Targets()
    settings: EngineSettings = DEFAULTS
    engine_generation: str | None = None
    context: int = 0
    concurrency: int = 1
    most_replicas: int | None = None

    @property
    def tokens(self) -> int:
        """Return the tokens of a request that the caches must hold."""
        return self.context or self.shape.longest
