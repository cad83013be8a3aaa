"""Engine generations: releases of an engine that run at one speed on one card.

A comparison speaks one generation for all its cards: by default the one that planner deploys.
"""

from __future__ import annotations

from planner.errors import UnknownNameError

GENERATIONS: dict[str, tuple[str, ...]] = {
    "vllm": ("2026", "2025", "2024"),
    "tensorrt-llm": ("2026", "2024"),
    "sglang": ("2026", "2025"),
    "tgi": ("2023",),
    "deepspeed-mii": ("2024",),
}
"""The generations of each engine, the one that planner deploys first."""


def named(engine: str, generation: str | None) -> str:
    """Return the generation asked for, or the one that planner deploys.

    Raises:
        UnknownNameError: The engine has no such generation.
    """
    known = GENERATIONS[engine]
    if generation is None:
        return known[0]
    if generation not in known:
        raise UnknownNameError(
            "engine generation", generation, known, advice=f"--engine-generation {'|'.join(known)}"
        )
    return generation
