"""Which precision runs where, after vLLM's hardware table."""

from __future__ import annotations

import pytest

from planner.errors import UnknownNameError
from planner.serving import accelerators, models
from planner.serving.engines import runnable, support

LLAMA = models.get("llama-3.1-8b")


@pytest.mark.parametrize(
    ("card", "asked", "runs"),
    [
        ("T4", "bf16", "fp16"),
        ("V100-16GB", "bf16", "fp16"),
        ("A100-80GB", "bf16", "bf16"),
        ("A100-80GB", "fp8", "fp8"),  # weights only, Marlin
        ("T4", "fp8", None),
        ("T4", "int8", "int8"),
        ("V100-16GB", "int8", None),
        ("V100-16GB", "gptq", "int4"),
        ("B200", "int8", None),  # not from compute capability 10.0 on
        ("B200", "fp4", "fp4"),
        ("L4", "awq", "int4"),
        ("MI300X", "fp8", "fp8"),
        ("MI300X", "int4", None),
        ("MI250", "fp8", None),
        ("Inferentia2", "int4", None),
        ("K80", "fp16", None),
    ],
)
def test_what_runs_when_a_precision_is_asked(card: str, asked: str, runs: str | None) -> None:
    found = support(LLAMA, accelerators.get(card), asked)
    assert found.precision == runs
    assert bool(found.reason) == (runs is None)


def test_a_changed_precision_is_said() -> None:
    found = support(LLAMA, accelerators.get("T4"), "bf16")
    assert found.warnings == ("T4 has no bf16: runs in fp16, the same size",)


def test_weights_only_precisions_are_said() -> None:
    found = support(LLAMA, accelerators.get("A10G"), "fp8")
    assert found.warnings == ("A10G has no fp8 arithmetic: fp8 saves memory but not compute",)
    assert support(LLAMA, accelerators.get("L4"), "fp8").warnings == ()


def test_a_refusal_names_what_does_run() -> None:
    found = support(LLAMA, accelerators.get("T4"), "fp8")
    assert found.reason == "T4 (Turing) cannot run fp8; it runs fp16, int8, int4: no"


def test_volta_runs_gptq_but_not_awq() -> None:
    found = support(LLAMA, accelerators.get("V100-32GB"), "int4")
    assert "V100-32GB runs GPTQ but not AWQ weights" in found.warnings


def test_an_unknown_precision_is_an_error_not_a_refusal() -> None:
    with pytest.raises(UnknownNameError):
        support(LLAMA, accelerators.get("K80"), "fp7")


def test_every_accelerator_either_runs_something_or_says_why_not() -> None:
    for card in accelerators.all_accelerators():
        if not runnable(card):
            reason = support(LLAMA, card, "fp16").reason
            assert "planner knows no LLM engine" not in reason
            assert reason.startswith(f"{card.name} is not offered: ")
