"""The justification: one plain sentence with what decides."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from planner.pricing import instance_types
from planner.quotas.justification import LONGEST, Case, justify, shortened
from planner.quotas.model import Demand

DEMAND = Demand.of(
    instance_types.bundled().get("p4d.24xlarge"), "us-east-1", instances=2, model="llama-2-70b"
)


def test_it_says_model_machines_region_hours_start_and_owner() -> None:
    text = justify(DEMAND, Case(hours_per_month=160, start=date(2026, 12, 1), owner="Team Search"))
    for word in (
        "llama-2-70b",
        "2 x p4d.24xlarge",
        "16 x A100-40GB",
        "us-east-1",
        "160 hours",
        "2026-12-01",
        "Team Search",
    ):
        assert word in text


def test_a_purpose_of_ones_own_replaces_the_default() -> None:
    assert "benchmark kernels" in justify(DEMAND, Case(purpose="benchmark kernels"))


def test_it_says_what_a_person_wants_to_know() -> None:
    growing = replace(DEMAND, most_instances=4)
    case = Case(
        traffic="12 requests a second",
        growth="20% a month",
        hourly_usd=Decimal(20),
        hours_per_month=100,
        budget_usd=3000,
        company="Acme",
        contact="Ada Lovelace",
        also=("us-west-2",),
    )
    text = justify(growing, case)
    for word in (
        "12 requests a second",
        "growing 20% a month",
        "2 machines at first, 4 at the most",
        "about $2,000 a month",
        "budget is $3,000 a month",
        "Company: Acme.",
        "Contact: Ada Lovelace.",
        "us-west-2 would do as well",
    ):
        assert word in text


@given(st.text(), st.sampled_from(sorted(LONGEST)))
def test_every_cloud_takes_it(text: str, cloud: str) -> None:
    sent = shortened(text, cloud)
    assert len(sent) <= LONGEST[cloud]
    assert sent.isascii()
    assert "\n" not in sent
    assert sent == shortened(sent, cloud)


def test_a_cloud_that_takes_little_text_gets_whole_sentences() -> None:
    text = justify(DEMAND, Case(owner="Team " + "long " * 120))
    sent = shortened(text, "gcp")
    assert len(sent) <= LONGEST["gcp"]
    assert sent.endswith("workload.")
