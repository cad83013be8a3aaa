"""The answer in one sentence, honest about what is estimated, old, doubtful or not known."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from planner.pricing.offer import Commitment
from planner.reports import Report, columns, headline, render, series, wording
from planner.serving import models

if TYPE_CHECKING:
    from planner.plan import Plan


def with_plans(report: Report, *plans: Plan) -> Report:
    return replace(report, plans=plans, every=plans)


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
        committed_1y_due_now_usd=Decimal(0),
        as_of=date(2026, 6, 18),
        committed_1y_as_of=date(2026, 6, 18),
    )


def test_the_cheapest_place_is_named_with_both_prices(report: Report, plain: Plan) -> None:
    assert headline.said(with_plans(report, plain)) == (
        "Cheapest that serves Llama 2 70B at fp16: Standard_NC48ads_A100_v4 in eastus on Azure, "
        "$3,680 a month on a one-year commitment, nothing now; $5,363 without."
    )


@pytest.mark.parametrize(
    ("doubt", "said"),
    [
        (
            {"committed_1y_basis": "estimated"},
            "$5,363 a month on demand; $3,680 (estimated) on a one-year commitment, nothing now.",
        ),
        (
            {"committed_1y_confidence": "low"},
            "$5,363 a month on demand; $3,680 (low-confidence source) on a one-year commitment",
        ),
        ({"committed_1y_as_of": date(2023, 10, 30)}, "$3,680 a month (price of 2023-10-30) on"),
        ({"on_demand_confidence": "low"}, "; $5,363 (low-confidence source) without."),
    ],
)
def test_a_doubtful_price_says_so(
    report: Report, plain: Plan, doubt: dict[str, Any], said: str
) -> None:
    assert said in headline.said(with_plans(report, replace(plain, **doubt)))


def test_what_is_not_known_is_said_and_not_invented(report: Report, plain: Plan) -> None:
    no_term = replace(plain, committed_1y_monthly_usd=None)
    no_hour = replace(plain, on_demand_monthly_usd=None)
    neither = replace(no_term, on_demand_monthly_usd=None)
    assert headline.said(with_plans(report, no_term)).endswith(
        "on Azure, $5,363 a month on demand; no one-year price is known."
    )
    assert headline.said(with_plans(report, no_hour)).endswith("; no on-demand price is known.")
    assert headline.said(with_plans(report, neither)).endswith("; its price is not known.")


def test_another_place_without_a_commitment_is_named_too(report: Report, plain: Plan) -> None:
    other = replace(
        plain,
        cloud="aws",
        region="us-east-1",
        instance_type="g7e.12xlarge",
        on_demand_monthly_usd=Decimal(4000),
        committed_1y_monthly_usd=None,
    )
    assert headline.said(with_plans(report, plain, other)).endswith(
        "nothing now; without one, g7e.12xlarge in us-east-1 on AWS, $4,000 a month."
    )


def test_a_machine_of_part_of_the_month_leads_with_the_lowest_real_cost(
    report: Report, plain: Plan
) -> None:
    part = replace(plain, on_demand_monthly_usd=Decimal("1469.20"))
    found = with_plans(report, part)
    assert "$1,469 a month on demand; $3,680 on a one-year commitment" in headline.said(found)
    said = {what: value for what, value, _ in headline.facts(found)}
    assert said["Commitment costs more"] == "$2,211"
    assert next(iter(said)) == "On demand"
    (row,) = columns.rows(found.plans, found.as_of)
    assert next(c.text for c in row if c.column.field == "saving_monthly") == "$2,211 more"


def test_a_doubtful_price_is_named_after_the_trusted_one(report: Report, plain: Plan) -> None:
    doubtful = replace(
        plain,
        instance_type="g9.large",
        on_demand_monthly_usd=None,
        committed_1y_monthly_usd=Decimal(99),
        committed_1y_confidence="low",
    )
    text = headline.said(with_plans(report, plain, doubtful))
    assert text.index("$3,680") < text.index("Perhaps cheaper: g9.large") < text.index("$99")


def test_what_is_paid_on_the_first_day_is_in_the_answer(report: Report, plain: Plan) -> None:
    upfront = replace(plain, committed_1y_due_now_usd=Decimal(9586))
    assert "on a one-year commitment, $9,586 now;" in headline.said(with_plans(report, upfront))


def test_the_answer_is_of_every_plan_and_not_of_those_shown(report: Report, plain: Plan) -> None:
    dear = replace(plain, instance_type="dear", committed_1y_monthly_usd=Decimal(9000))
    shown = replace(report, plans=(dear,), every=(dear, plain))
    assert headline.plan_of(shown) == plain


@pytest.mark.long
def test_speeds_of_different_software_are_told_where_they_stand(
    report: Report, plain: Plan
) -> None:
    old = replace(plain, throughput_software="vLLM 0.4", accelerator="A100-80GB")
    new = replace(plain, throughput_software="vLLM 0.11", accelerator="H200")
    assert wording.software([old, old]) == ""
    said = "vLLM 0.4 on A100-80GB; vLLM 0.11 on H200"
    assert said in wording.software([old, new])
    found = with_plans(report, old, new)
    for name in ("r.html", "r.md"):
        assert said in render(found, name)[name].decode()


@pytest.mark.parametrize(
    ("months", "term", "said"),
    [
        (7.8, 12, "7.8-12 or from 15.6 months"),
        (5.0, 12, "from 5.0 months"),
        (11.0, 12, "11.0-12 or 22.0-24 or from 33.0 months"),
        (20.0, 36, "from 20.0 months"),
    ],
)
def test_a_renewed_commitment_has_to_pay_off_again(months: float, term: int, said: str) -> None:
    assert series.BreakEvenMonth("1-year", months, 0.0, term).said() == said


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
