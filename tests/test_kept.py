"""Answers on disk: found again, never in place of newer ones, never in anybody's way."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from planner import kept

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("PLANNER_CACHE_DIR", str(tmp_path / "answers"))
    yield tmp_path / "answers"
    kept.origin.cache_clear()


def test_an_answer_is_found_again_and_no_other(folder: Path) -> None:
    kept.write("sums", ("one", 1), {"answer": [1, 2.5, None]})
    assert kept.read("sums", ("one", 1)) == {"answer": [1, 2.5, None]}
    assert kept.read("sums", ("one", 2)) is None
    assert kept.read("others", ("one", 1)) is None
    assert [path.name for path in folder.iterdir()] == ["sums"]


def test_other_figures_make_other_answers(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept.write("sums", "question", 1)
    assert folder.is_dir()
    figures = folder.parent / "figures"
    figures.mkdir()
    (figures / "models.csv").write_text("name\n")
    monkeypatch.setattr("planner.bundled.pricing_data", lambda: figures)
    monkeypatch.setattr(kept, "pricing_data", lambda: figures)
    kept.origin.cache_clear()
    assert kept.read("sums", "question") is None
    kept.write("sums", "question", 2)
    assert kept.read("sums", "question") == 2
    (figures / "models.csv").write_text("name\nllama\n")
    kept.origin.cache_clear()
    assert kept.read("sums", "question") is None


def test_what_is_cut_short_counts_as_not_there(folder: Path) -> None:
    kept.write("sums", "question", list(range(100)))
    (path,) = (folder / "sums").iterdir()
    path.write_bytes(path.read_bytes()[:50])
    assert kept.read("sums", "question") is None
    kept.write("sums", "question", 3)
    assert kept.read("sums", "question") == 3


def test_a_folder_that_cannot_be_written_costs_nothing_but_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("PLANNER_CACHE_DIR", str(tmp_path / "file"))
    kept.write("sums", "question", 1)
    assert kept.read("sums", "question") is None


def test_the_oldest_answers_go_first(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "_MOST", 3)
    for number in range(5):
        kept.write("sums", number, number)
        for age, path in enumerate(sorted((folder / "sums").iterdir(), key=_made)):
            os.utime(path, (age, age))
    assert [kept.read("sums", number) for number in range(5)] == [None, None, 2, 3, 4]


def _made(path: Path) -> float:
    return path.stat().st_mtime
