"""Errors: the tree, the exit codes, and what each error tells the user."""

from __future__ import annotations

import inspect
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from planner import errors
from planner.errors import PlannerError, SnapshotRefusedError, UnknownNameError, nearest

TREE = re.compile(r"^[│ ├└─]*(\w+Error) +exit +(\d+) ", re.MULTILINE)
CLASSES = {
    name: kind
    for name, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, PlannerError)
}
# Documented on the page of commands and in planner --help.
EXIT_CODES = {1, 2, 3, 4, 5, 6, 130}


def test_the_tree_at_the_top_shows_every_error_with_its_exit_code() -> None:
    drawn = {name: int(code) for name, code in TREE.findall(errors.__doc__ or "")}
    assert drawn == {name: kind.exit_code for name, kind in CLASSES.items()}


def test_the_tree_is_drawn_as_the_classes_descend() -> None:
    path: list[str] = []
    for indent, name in re.findall(r"^([│ ├└─]*)(\w+Error) ", errors.__doc__ or "", re.MULTILINE):
        depth = len(indent) // 4 - 1
        path[depth:] = [name]
        if depth:
            assert CLASSES[name].__bases__ == (CLASSES[path[depth - 1]],)


def test_every_exit_code_is_documented() -> None:
    assert {kind.exit_code for kind in CLASSES.values()} == EXIT_CODES


def test_an_error_says_what_why_and_what_next() -> None:
    error = PlannerError("it broke", why="rust", advice="planner doctor")
    assert (str(error), error.why, error.advice) == ("it broke", "rust", "planner doctor")


def test_an_unknown_name_brings_the_nearest_and_how_to_list_them() -> None:
    error = UnknownNameError(
        "model", "lama-7b", ["llama-2-7b", "qwen3-8b"], advice="planner models"
    )
    assert str(error) == "unknown model 'lama-7b'"
    assert error.why == "nearest: llama-2-7b"
    assert error.advice == "planner models"
    far = UnknownNameError("model", "xyz", ["llama-2-7b"])
    assert far.why == ""


def test_a_refusal_shows_ten_rows_and_keeps_all() -> None:
    error = SnapshotRefusedError("refused", [f"row {n}" for n in range(12)])
    assert len(error.violations) == 12
    assert error.why.splitlines()[-1] == "... and 2 more"
    short = SnapshotRefusedError("refused", ["row 1"])
    assert short.why == "row 1"


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("A100", "A100-40GB"),
        ("h100", "H100"),
        ("llama-2-70", "llama-2-70b"),
        ("LLAMA-2-70B-chat", "llama-2-70b"),
        ("p4d.24xlrge", "p4d.24xlarge"),
    ],
)
def test_the_nearest_name_comes_first(typed: str, first: str) -> None:
    known = ["A100-80GB-SXM", "A100-40GB", "H100", "H100-NVL", "llama-2-70b", "p4d.24xlarge", "L4"]
    assert nearest(typed, known)[0] == first


names = st.text(st.sampled_from("abcAB-12"), max_size=8)


@pytest.mark.long
@example(typed="1B", known=["", "1", "B", "1B"])
@given(typed=names, known=st.lists(names, max_size=8))
def test_nearest_names_are_known_distinct_and_few(typed: str, known: list[str]) -> None:
    found = nearest(typed, known)
    assert set(found) <= set(known)
    assert len(set(found)) == len(found) <= 3
    if typed and typed in known:
        assert typed.casefold() in {name.casefold() for name in found}
