"""The answer in one sentence, honest about what is estimated, old, doubtful or not known."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from planner.pricing.offer import Commitment
from planner.reports import Report, wording
from planner.serving import models

if TYPE_CHECKING:
    from planner.plan import Plan


def with_plans(report: Report, *plans: Plan) -> Report:
    return replace(report, plans=plans)


@pytest.fixture(scope="module")
def plain(report: Report) -> Plan:
    """A plan without doubts."""
    return replace(
        report.plans[0],
        instance_type="Standard_NC48ads_A100_v4",
        region="eastus",
        on_demand_monthly_usd=Decimal("5362.58"),
        committed_1y_monthly_usd=Decimal("3680.40"),
        committed_1y_basis="published",
        on_demand_confidence="high",
        committed_1y_confidence="high",
        as_of=date(2026, 6, 18),
        committed_1y_as_of=date(2026, 6, 18),
    )


def test_the_cheapest_place_is_named_with_both_prices(report: Report, plain: Plan) -> None:
    assert wording.answer(with_plans(report, plain)) == (
        "Cheapest that serves Llama 2 70B: Standard_NC48ads_A100_v4 in eastus on Azure, "
        "$3,680 a month on a one-year commitment; $5,363 without."
    )


@pytest.mark.parametrize(
    ("doubt", "said"),
    [
        ({"committed_1y_basis": "estimated"}, "$3,680 a month (estimated) on a one-year"),
        ({"committed_1y_confidence": "low"}, "$3,680 a month (low-confidence source) on"),
        ({"committed_1y_as_of": date(2023, 10, 30)}, "$3,680 a month (price of 2023-10-30) on"),
        ({"on_demand_confidence": "low"}, "; $5,363 (low-confidence source) without."),
    ],
)
def test_a_doubtful_price_says_so(
    report: Report, plain: Plan, doubt: dict[str, Any], said: str
) -> None:
    assert said in wording.answer(with_plans(report, replace(plain, **doubt)))


def test_what_is_not_known_is_said_and_not_invented(report: Report, plain: Plan) -> None:
    no_term = replace(plain, committed_1y_monthly_usd=None)
    no_hour = replace(plain, on_demand_monthly_usd=None)
    neither = replace(no_term, on_demand_monthly_usd=None)
    assert wording.answer(with_plans(report, no_term)).endswith(
        "on Azure, $5,363 a month on demand; no one-year price is known."
    )
    assert wording.answer(with_plans(report, no_hour)).endswith("; no on-demand price is known.")
    assert wording.answer(with_plans(report, neither)).endswith("; its price is not known.")


def test_another_place_without_a_commitment_is_named_too(report: Report, plain: Plan) -> None:
    other = replace(
        plain,
        cloud="aws",
        region="us-east-1",
        instance_type="g7e.12xlarge",
        on_demand_monthly_usd=Decimal(4000),
        committed_1y_monthly_usd=None,
    )
    assert wording.answer(with_plans(report, plain, other)).endswith(
        "on a one-year commitment; without one, g7e.12xlarge in us-east-1 on AWS, $4,000 a month."
    )


def test_several_machines_and_a_card_of_one_s_own_are_named_as_such(plain: Plan) -> None:
    assert wording.place(replace(plain, instances=2)).startswith("2 x Standard_NC48ads")
    own = replace(plain, cloud="local", region="", instance_type="your own RTX-4090")
    assert wording.place(own) == "your own RTX-4090"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("llama-2-70b", "Llama 2 70B"),
        ("codellama-34b", "CodeLlama 34B"),
        ("mixtral-8x7b", "Mixtral 8x7B v0.1"),
        ("llama-3.1-8b", "Llama 3.1 8B"),
    ],
)
def test_models_have_names_for_people(name: str, said: str) -> None:
    assert wording.model_name(models.get(name)) == said


def test_every_sign_of_the_table_is_explained(report: Report) -> None:
    from planner.reports import columns

    shown = "".join(cell.text for row in columns.rows(report.plans, report.as_of) for cell in row)
    used = {sign for sign in wording.LEGEND if sign in shown}
    assert used == {sign for sign, _ in columns.legend(report)}


@pytest.mark.parametrize("kind", list(Commitment))
def test_every_kind_of_commitment_has_a_name(plain: Plan, kind: Commitment) -> None:
    plan = replace(
        plain, committed_1y_kind=kind.value, committed_1y_payment_option="partial_upfront"
    )
    said = wording.ways_said(plan)
    assert said.endswith(", partial upfront")
    assert said.split()[-3].startswith(kind.value.split("_")[-1])
