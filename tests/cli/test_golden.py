"""Ten ordinary questions, as they look on four terminals: ``tests/cli/golden``.

A change of what people read shows as a change of these files, and is read as such:
``PLANNER_WRITE_GOLDEN=1 pytest tests/cli/test_golden.py`` writes them anew.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Result

GOLDEN = Path(__file__).parent / "golden"
DAY = ("--as-of", "2026-11-23")
WIDTHS = (60, 80, 120, 200)
QUESTIONS = {
    "compare": ("compare", "llama-2-70b", *DAY),
    "compare-int4": ("compare", "llama-2-70b", "--precision", "int4", *DAY),
    "compare-any-eu": ("compare", "llama-3.1-8b", "--precision", "any", "--geo", "eu", *DAY),
    "compare-405b": ("compare", "llama-3.1-405b", *DAY),
    "compare-2023": ("compare", "llama-2-70b", "--as-of", "2023-10-31"),
    "size-users": ("size", "llama-2-70b", "--users", "500", *DAY),
    "fit": ("fit", "llama-2-70b", "--instance-type", "g5.48xlarge"),
    "throughput": ("throughput", "llama-2-70b", "--accelerator", "H100", "--count", "4"),
    "prices": ("prices", "--accelerator", "H100", "--cloud", "aws", "--region", "us-east-1", *DAY),
    "model": ("models", "llama-2-70b"),
}


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", QUESTIONS)
def test_the_answer_looks_as_it_did(name: str, width: int, planner: Callable[..., Result]) -> None:
    shown = planner(*QUESTIONS[name], columns=width)
    assert shown.code == 0, shown.err
    text = "\n".join(line.rstrip() for line in shown.out.splitlines()) + "\n"
    file = GOLDEN / f"{name}.{width}.txt"
    if os.environ.get("PLANNER_WRITE_GOLDEN"):
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")
