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
GROUPED = re.compile(r"(\d+|\d{1,3}(,\d{3})+)(\.\d+)?")
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
# What is printed in percent, of one.
SHARES = {"utilisation", "headroom"}
ROWS = 10
"""Of a comparison, before ``--all``."""


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
        shown = re.sub(r"19\s+of\s+20", "", planner(*question, columns=width).out)
        assert "…" not in shown
        for match in NUMBER.finditer(shown):
            number = match[1].rstrip(",")
            if not known(number, values, said):
                start = max(0, match.start() - 50)
                lost.setdefault(number, (width, shown[start : match.end() + 30]))
    assert not lost


def known(number: str, values: set[float], said: str) -> bool:
    """Tell whether a printed number is one of the document, rounded as it is printed."""
    if re.search(rf"(?<![\d.]){re.escape(number)}(?![\d])", said):
        return True
    if not GROUPED.fullmatch(number):
        return False
    plain = number.replace(",", "")
    half = 0.5001 * 10 ** -len(plain.partition(".")[2])
    return any(abs(value - float(plain)) <= half for value in values)


def content(document: Any) -> tuple[set[float], list[str]]:
    """Return the numbers of a document, in the units in which they are printed, and its texts."""
    values: set[float] = set()
    texts: list[str] = []
    for name, leaf in leaves(document):
        if isinstance(leaf, str):
            texts.append(leaf)
        elif isinstance(leaf, int | float) and not isinstance(leaf, bool):
            values.add(float(leaf))
            values |= {leaf * 1000} if name.endswith("_s") else set()
            values |= {leaf * 100} if name in SHARES else set()
    # How many there are, and how many more than are shown.
    values |= {float(len(part) - less) for part in lists(document) for less in (0, ROWS)}
    return values, texts


def leaves(part: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield what is no list and no object, with the name of its field."""
    if isinstance(part, dict):
        for key, item in part.items():
            yield from leaves(item, key)
    elif isinstance(part, list):
        for item in part:
            yield from leaves(item, name)
    else:
        yield name, part


def lists(part: Any) -> Iterator[list[Any]]:
    """Yield every list: a screen may say how many there are."""
    if isinstance(part, list):
        yield part
    for item in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from lists(item)


def test_a_cropped_number_would_be_noticed(planner: Callable[..., Result]) -> None:
    question = QUESTIONS[0]
    values, texts = content(json.loads(planner(*question, "--format", "json").out))
    said = " ".join((*texts, *question))
    shown = planner(*question, columns=120).out
    whole = {match[1].rstrip(",") for match in NUMBER.finditer(shown)}
    money = {number for number in whole if re.fullmatch(r"\d,\d{3}", number)}
    assert len(money) >= 10
    assert not {number for number in money if known(number[:-1], values, said)}
