"""Engine generations: releases of an engine that run at much the same speed on one card.

A comparison speaks one generation for all its cards: by default the one that planner deploys.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from planner.errors import UnknownNameError


class Generation(NamedTuple):
    """Releases of one engine; ``first`` is the lowest version that belongs to it."""

    name: str
    first: tuple[int, ...]
    releases: str


GENERATIONS: dict[str, tuple[Generation, ...]] = {
    "vllm": (
        Generation("2026", (0, 12), "vLLM 0.12 and later"),
        Generation("2025", (0, 8), "vLLM 0.8 to 0.11"),
        Generation("2024", (0,), "vLLM 0.7 and older"),
    ),
    "tensorrt-llm": (
        Generation("2026", (1,), "TensorRT-LLM 1.0 and later"),
        Generation("2024", (0,), "TensorRT-LLM 0.x"),
    ),
    "sglang": (Generation("2026", (0,), "SGLang 0.5"),),
    "tgi": (Generation("2023", (0,), "TGI 1.0 to 2.0"),),
    "deepspeed-mii": (Generation("2024", (0,), "DeepSpeed-MII of 2024"),),
    "atom": (Generation("2026", (0,), "AMD ATOM"),),
}
"""The generations of each engine, the one that planner deploys first."""

# What ran where the source names no version: a part of its software or its address.
_UNVERSIONED = (
    ("LLM-Inference-Bench", "2024"),
    ("November 2024", "2024"),
    ("May 2025", "2025"),
    ("October 2025", "2025"),
)


def named(engine: str, generation: str | None) -> Generation:
    """Return the generation asked for, or the one that planner deploys.

    Raises:
        UnknownNameError: The engine has no such generation.
    """
    known = GENERATIONS[engine]
    for item in known:
        if generation in (None, item.name):
            return item
    names = [item.name for item in known]
    raise UnknownNameError(
        "engine generation",
        generation or "",
        names,
        advice=f"--engine-generation {'|'.join(names)}",
    )


def of_software(engine: str, software: str, source: str) -> str:
    """Return the name of the generation that a measurement's software belongs to."""
    known = GENERATIONS[engine]
    for part, name in _UNVERSIONED:
        if part in software or part in source:
            return next((item.name for item in known if item.name == name), known[-1].name)
    found = re.search(r"(\d+)\.(\d+)", software)
    if found is None or software.startswith("NIM"):
        return known[0].name
    version = tuple(int(part) for part in found.groups())
    return next(item.name for item in known if version >= item.first)
