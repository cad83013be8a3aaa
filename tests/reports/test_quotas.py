"""Quotas in a report: as the clouds answer, marked where they are simulated."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from planner.bundled import pricing_data
from planner.planning import Request
from planner.pricing.catalog import Catalog
from planner.reporting import make_report
from planner.reports import Report, render

if TYPE_CHECKING:
    from planner.sandbox.server import Sandbox


@pytest.mark.long
def test_a_new_account_s_quotas_are_short_and_marked_as_simulated(sandbox: Sandbox) -> None:
    assert sandbox is not None
    request = Request("llama-2-70b", as_of=date(2026, 11, 23), clouds=("aws",), top=2)
    report = make_report(request, Catalog(pricing_data()), check_quotas=True)
    assert report.quotas is not None
    assert [state.instance_type for state in report.quotas] == [
        plan.instance_type for plan in report.plans
    ]
    for state in report.quotas:
        assert state.verdict == "short"
        assert "limit 0" in state.quotas[0]
    for name in ("r.html", "r.md"):
        assert "short (simulated)" in render(report, name)[name].decode()


@pytest.mark.parametrize("name", ["r.html", "r.md"])
def test_without_an_account_the_report_says_that_nobody_was_asked(
    report: Report, name: str
) -> None:
    assert report.quotas is None
    assert "Not checked: no cloud account was asked." in render(report, name)[name].decode()
