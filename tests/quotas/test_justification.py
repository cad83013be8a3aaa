"""The justification: one plain sentence with what decides."""

from __future__ import annotations

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from planner.pricing import instance_types
from planner.quotas.justification import LONGEST, justify, plain
from planner.quotas.model import Demand

DEMAND = Demand.of(
    instance_types.bundled().get("p4d.24xlarge"), "us-east-1", instances=2, model="llama-2-70b"
)


def test_it_says_model_machines_region_hours_start_and_owner() -> None:
    text = justify(DEMAND, hours_per_month=160, start=date(2026, 12, 1), owner="Team Search")
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
    assert "benchmark kernels" in justify(DEMAND, purpose="benchmark kernels")


@given(st.text())
def test_every_cloud_takes_it(text: str) -> None:
    sent = plain(text)
    assert len(sent) <= LONGEST
    assert sent.isascii()
    assert "\n" not in sent
    assert sent == plain(sent)
