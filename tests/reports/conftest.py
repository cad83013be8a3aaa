"""A report of bundled prices, and one with hostile names."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import pytest

from planner.bundled import pricing_data
from planner.planning import Request
from planner.pricing.catalog import Catalog
from planner.reporting import make_report

if TYPE_CHECKING:
    from planner.reports import Report

HOSTILE = {
    "instance_type": "<script>alert('type')</script>",
    "region": '"><img src=x onerror=alert(1)>',
    "source": "</script><svg/onload=alert(2)> =cmd|' /C calc'!A0",
    "note": "{{ 7*7 }} [click](javascript:alert(3)) <b>",
}


@pytest.fixture(scope="session")
def request_() -> Request:
    return Request("llama-2-70b", as_of=date(2026, 11, 23))


@pytest.fixture(scope="session")
def report(request_: Request) -> Report:
    return make_report(
        request_, Catalog(pricing_data()), command="planner report llama-2-70b -o report.html"
    )


@pytest.fixture(scope="session")
def hostile(report: Report) -> Report:
    """The same report where the cheapest plan's names are an attack on every format."""
    first = report.plans[0]
    plan = replace(first, **HOSTILE, warnings=("<i>warn</i>",))
    renamed = [
        replace(offer, region=plan.region, instance_type=plan.instance_type, source=plan.source)
        if (offer.region, offer.instance_type) == (first.region, first.instance_type)
        else offer
        for offer in report.offers
    ]
    plans = list(report.comparison["plans"])
    plans[0] = plans[0] | HOSTILE | {"warnings": ["<i>warn</i>"]}
    return replace(
        report,
        plans=(plan, *report.plans[1:]),
        every=(plan, *report.plans[1:]),
        comparison={**report.comparison, "plans": plans},
        offers=tuple(renamed),
        notes=("<script>alert(4)</script>",),
    )
