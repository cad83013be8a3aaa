"""What compare hides, warns of and says about machines that not everyone gets."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from planner.errors import NotFoundError, UsageError
from planner.planning import Request, compare

SMALL = "llama-3.1-8b"


def test_a_retired_machine_is_hidden_and_named() -> None:
    result = compare(Request(SMALL, geo="all", clouds=("azure",)))
    assert not [plan for plan in result.plans if plan.instance_type.endswith("s_v3")]
    assert any("retired by their cloud" in note and "2025-09-30" in note for note in result.notes)


def test_a_retired_machine_is_there_on_a_day_before() -> None:
    asked = Request(SMALL, geo="all", clouds=("azure",), as_of=date(2024, 6, 1))
    assert any(p.instance_type == "Standard_NC24s_v3" for p in compare(asked).plans)


def test_a_retired_machine_asked_for_by_name_is_refused_with_the_reason() -> None:
    asked = Request(SMALL, geo="all", instance_types=("Standard_NC24s_v3",))
    with pytest.raises(NotFoundError, match="retired"):
        compare(asked)


@pytest.mark.long
def test_a_machine_sold_by_capacity_block_only_says_so() -> None:
    asked = Request(SMALL, geo="all", pricing_model="capacity_block")
    plans = {plan.instance_type: plan for plan in compare(asked).plans}
    assert any("sold by capacity block only" in w for w in plans["p5e.48xlarge"].warnings)
    b300 = plans["p6-b300.48xlarge"]
    assert str(b300.capacity_block_hourly_usd) == "112.320000000"
    assert b300.hourly_usd == b300.capacity_block_hourly_usd
    prices = [plan.hourly_usd for plan in compare(asked).plans]
    assert prices == sorted(prices, key=float)


def test_a_comparison_between_two_lists_says_what_is_not_known() -> None:
    asked = Request(SMALL, instance_types=("p5.48xlarge",), as_of=date(2025, 5, 15))
    (note,) = (n for n in compare(asked).notes if "at the latest" in n)
    assert "98.32 until 2025-04-28 at least, 55.04 from 2025-06-23" in note


@pytest.mark.long
def test_old_price_lists_are_told_once_to_one_who_asks_for_today() -> None:
    told = [n for n in compare(Request(SMALL)).notes if "price lists are old" in n]
    assert len(told) <= 1
    then = compare(Request(SMALL, as_of=date(2026, 8, 1)))
    assert not [n for n in then.notes if "price lists are old" in n]


def test_the_command_that_brings_sagemaker_s_one_year_prices_is_named() -> None:
    asked = Request(SMALL, services=("sagemaker",), regions=("us-east-1",))
    told = "Its Savings Plans: planner refresh --direct --cloud aws --region us-east-1."
    assert told in compare(asked).notes
    assert told not in compare(replace(asked, as_of=date(2026, 8, 20))).notes


def test_a_day_to_come_is_refused() -> None:
    with pytest.raises(UsageError, match="future"):
        compare(Request(SMALL, as_of=date(2999, 1, 1)))
