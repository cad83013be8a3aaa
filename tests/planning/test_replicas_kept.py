"""What copies of a model serve, from disk: exactly what was worked out."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import pytest

from planner.planning import Request, compare, replicas_kept
from planner.serving import capacity, layouts

if TYPE_CHECKING:
    from pathlib import Path

REQUEST = Request("llama-3.1-8b", accelerators=("L4", "A10G", "T4"), as_of=date(2026, 11, 23))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PLANNER_CACHE_DIR", str(tmp_path / "answers"))
    return tmp_path / "answers"


def answers(request: Request, *, forget: bool) -> list[dict[str, object]]:
    if forget:
        capacity.of_replica.cache_clear()
        layouts.best.cache_clear()
    return [plan.to_dict() for plan in compare(request).every]


@pytest.mark.long
@pytest.mark.parametrize(
    "changes", [{}, {"concurrency": 64}, {"precision": "any"}, {"tpot_s": 0.02}]
)
def test_kept_answers_are_the_answers(folder: Path, changes: dict[str, object]) -> None:
    request = replace(REQUEST, **changes)
    computed = answers(request, forget=True)
    assert list((folder / "replicas").iterdir())
    assert answers(request, forget=True) == computed


@pytest.mark.long
def test_what_is_kept_is_not_worked_out_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed = answers(REQUEST, forget=True)
    assert folder.is_dir()
    monkeypatch.setattr(capacity, "predict", None)  # nothing can be worked out now
    assert answers(REQUEST, forget=True) == computed


@pytest.mark.long
def test_another_question_is_worked_out(folder: Path) -> None:
    answers(REQUEST, forget=True)
    before = len(list((folder / "replicas").iterdir()))
    answers(replace(REQUEST, output_tokens=200), forget=True)
    assert len(list((folder / "replicas").iterdir())) > before


def test_one_store_serves_all_that_is_asked_inside(folder: Path) -> None:
    assert not folder.exists()
    with replicas_kept.remembering():
        outer = capacity.kept_in()
        with replicas_kept.remembering():
            assert capacity.kept_in() is outer
        assert capacity.kept_in() is outer
    assert capacity.kept_in() is None
