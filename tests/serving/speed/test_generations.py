"""Releases of an engine that run at one speed, and which one a measurement belongs to."""

from __future__ import annotations

import pytest

from planner.errors import UnknownNameError
from planner.serving.speed import generations
from planner.serving.speed.predict import ENGINES


def test_every_engine_has_generations_and_the_deployed_one_comes_first() -> None:
    assert set(generations.GENERATIONS) == set(ENGINES)
    for engine in ENGINES:
        assert generations.named(engine, None) == generations.GENERATIONS[engine][0]


@pytest.mark.parametrize(
    ("engine", "software", "generation"),
    [
        ("vllm", "vLLM 0.29.0", "2026"),
        ("vllm", "vllm 0.12.0", "2026"),
        ("vllm", "vLLM 0.11.2", "2025"),
        ("vllm", "vLLM 0.8.5.post1", "2025"),
        ("vllm", "vLLM 0.5.4", "2024"),
        ("vllm", "vLLM (November 2024)", "2024"),
        ("vllm", "vLLM (InferenceX, median of its runs 2025-10 to 2026-07)", "2026"),
        ("tensorrt-llm", "TensorRT-LLM 0.14.0", "2024"),
        ("tensorrt-llm", "trtllm 1.0.0rc3", "2026"),
        ("tensorrt-llm", "NIM 1.8.0 (TensorRT-LLM)", "2026"),
        ("tgi", "TGI 2.0.4", "2023"),
    ],
)
def test_software_is_told_apart_by_its_version(engine: str, software: str, generation: str) -> None:
    assert generations.of_software(engine, software, "") == generation


def test_argonnes_runs_are_of_their_year() -> None:
    source = "github:argonne-lcf/LLM-Inference-Bench@..."
    assert generations.of_software("vllm", "vLLM", source) == "2024"
    assert generations.of_software("tensorrt-llm", "TensorRT-LLM", source) == "2024"


def test_an_unknown_generation_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownNameError) as error:
        generations.named("vllm", "2020")
    assert error.value.advice == "--engine-generation 2026|2025|2024"
