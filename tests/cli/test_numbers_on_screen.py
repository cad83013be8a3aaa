"""Every number that a table or an answer prints is in the JSON of the same question, at any width.

A cropped number, one of another question and one that planner made up for the screen have this in
common: no program can find them.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Result

DAY = ("--as-of", "2026-11-23")
WIDTHS = (40, 60, 80, 120, 220)
NUMBER = re.compile(r"(?<![\w.,/-])\$?(\d[\d,]*(?:\.\d+)?)(?![\w-]*[\d/])")
# A share is printed in percent, a second in milliseconds, a million as one.
UNITS = (1, 100, 1000, 1e-6, 1e-9)
QUESTIONS = [
    ("compare", "llama-2-70b", *DAY),
    ("compare", "llama-3.1-8b", "--precision", "any", "--geo", "all", *DAY),
    ("compare", "llama-3.1-405b", "--all", *DAY),
    ("prices", "--accelerator", "H100", *DAY),
    ("size", "llama-3.1-8b", "--requests-per-second", "10", *DAY),
    ("throughput", "llama-2-70b", "--accelerator", "H100", "--count", "4"),
    ("models",),
    ("gpus",),
]
# What a sentence says of every question: one in twenty, hours of a month, a rule's own bounds.
SAID = {"19", "20", "730", "12", "1", "2"}


@pytest.mark.parametrize("question", QUESTIONS, ids=" ".join)
def test_every_number_is_in_the_json(
    question: tuple[str, ...], planner: Callable[..., Result]
) -> None:
    document = planner(*question, "--format", "json", columns=220)
    assert document.code == 0, document.err
    values, texts = content(json.loads(document.out))
    said = " ".join((*texts, *question))
    lost = {}
    for width in WIDTHS:
        shown = planner(*question, columns=width).out
        assert "…" not in shown
        for match in NUMBER.finditer(shown):
            number = match[1].rstrip(",")
            if not known(number, values, said):
                start = max(0, match.start() - 50)
                lost.setdefault(number, (width, shown[start : match.end() + 30]))
    assert not lost


def known(number: str, values: set[float], said: str) -> bool:
    """Tell whether a printed number is one of the document, rounded as it is printed."""
    plain = number.replace(",", "")
    if plain in SAID or re.search(rf"(?<![\d.]){re.escape(number)}(?![\d])", said):
        return True
    half = 0.5001 * 10 ** -len(plain.partition(".")[2])
    return any(
        abs(value * unit - float(plain)) <= half
        or significant(value * unit, plain)
        for value in values
        for unit in UNITS
    )  # fmt: skip


def significant(value: float, plain: str) -> bool:
    """Tell whether a number is a value rounded to two or three significant digits."""
    return any(float(f"{value:.{digits}g}") == float(plain) for digits in (2, 3))


def content(document: Any) -> tuple[set[float], list[str]]:
    """Return the numbers of a document, and its texts."""
    values: set[float] = set()
    texts: list[str] = []
    for leaf in leaves(document):
        if isinstance(leaf, str):
            texts.append(leaf)
        elif isinstance(leaf, int | float) and not isinstance(leaf, bool):
            values.add(float(leaf))
    values |= {float(len(part)) for part in lists(document)}
    return values, texts


def leaves(part: Any) -> Iterator[Any]:
    """Yield what is no list and no object."""
    if isinstance(part, dict | list):
        for item in part.values() if isinstance(part, dict) else part:
            yield from leaves(item)
    else:
        yield part


def lists(part: Any) -> Iterator[list[Any]]:
    """Yield every list: a screen may say how many there are."""
    if isinstance(part, list):
        yield part
    for item in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from lists(item)
