"""Optional parts that are missing are told in one sentence, before any work is done."""

from __future__ import annotations

import sys

import pytest

from planner import extras
from planner.errors import PlannerError
from planner.reports import warm_up


@pytest.mark.parametrize(
    ("library", "name", "what"),
    [
        ("vl_convert", "r.html", "charts"),
        ("vl_convert", "r.md", "charts"),
        ("xlsxwriter", "r.xlsx", "workbooks"),
    ],
)
def test_a_report_that_needs_the_extra_says_so_before_it_is_made(
    library: str, name: str, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(PlannerError, match=f"{what} need a part of planner") as caught:
        warm_up(name)
    assert caught.value.advice == "pip install 'gpu-planner[report]'"
    assert library in caught.value.why


@pytest.mark.parametrize("name", ["r.csv", "r.json", "r.focus.csv"])
def test_figures_alone_need_no_extra(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    monkeypatch.setitem(sys.modules, "xlsxwriter", None)
    warm_up(name)


def test_what_is_installed_is_imported() -> None:
    assert extras.module("csv", "tables", "none").__name__ == "csv"
