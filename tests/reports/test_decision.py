"""The decision page: its figures are those of ``planner size``, in every format."""

from __future__ import annotations

import json
import re
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from planner import api
from planner.bundled import pricing_data
from planner.errors import UsageError
from planner.pricing.catalog import Catalog
from planner.reports import decision, decision_files

if TYPE_CHECKING:
    from pathlib import Path

AS_OF = date(2026, 11, 23)


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    asked = api.load(users=400, shape="office", months=8)
    return api.size("llama-3.1-8b", asked, catalog=Catalog(pricing_data()), as_of=AS_OF).to_dict()


@pytest.fixture(scope="module")
def made(document: dict[str, Any]) -> decision.Decision:
    return decision.Decision(document, command="planner report --size fleet.json")


def changed(document: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Return the answer with its cheapest fleet changed."""
    fleets = list(document["fleets"])
    cheapest = document["answer"]["cheapest"]
    fleets[cheapest] = {**fleets[cheapest], **fields}
    return {**document, "fleets": fleets}


def test_three_different_options_are_named_with_what_could_go_wrong(
    made: decision.Decision, document: dict[str, Any]
) -> None:
    options = made.options
    assert len(options) == 3
    assert len({o.machine + o.fleet["precision"] for o in options}) == 3
    assert options[0].fleet == document["fleets"][document["answer"]["cheapest"]]
    assert all(option.risks for option in options)
    assert f"${options[0].fleet['monthly_usd']:,.0f} a month" in made.answer
    assert f"${options[0].fleet['due_now_usd']:,.0f} due now" in made.answer


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"price_confidence": "low"}, "low confidence"),
        ({"basis": "unvalidated"}, "never measured"),
        ({"headroom": 0.04}, "Only 4 % is spare"),
        ({"monthly_usd": 100, "monthly_usd_low": 50, "monthly_usd_high": 100}, "$50 to $100"),
        ({"after_horizon_usd": 1234.0}, "$1,234 is owed after the horizon"),
        ({"deployable": False}, "cannot deploy"),
        ({"weights_known": False}, "No published weights"),
    ],
)
def test_a_risk_is_told(document: dict[str, Any], fields: dict[str, Any], said: str) -> None:
    first = decision.Decision(changed(document, **fields)).options[0]
    assert said in " ".join(first.risks)


def test_a_quarter_is_the_cash_of_size_and_all_of_it_is_there(made: decision.Decision) -> None:
    rows = dict(made.quarters)
    for i, option in enumerate(made.options):
        cash = option.fleet["cash_by_quarter_usd"]
        assert [rows[f"Quarter {n + 1}"][i] for n in range(len(cash))] == cash
        owed = rows["Owed afterwards"][i] if "Owed afterwards" in rows else 0
        months = made.document["load"]["horizon_months"]
        assert rows["In all"][i] + owed == pytest.approx(option.fleet["monthly_usd"] * months)


def test_bars_are_the_sensitivity_of_size(made: decision.Decision) -> None:
    planned = made.options[0].fleet["monthly_usd"]
    assert made.bars
    found = made.document["sensitivity_monthly_usd"].values()
    for bar in made.bars:
        assert bar.monthly_usd in found
        assert bar.monthly_usd - planned == pytest.approx(bar.change_usd)


def test_offers_that_are_not_known_to_serve_decide_nothing(document: dict[str, Any]) -> None:
    dead = [{**item, "status": "ended"} for item in document["rent"]]
    said = decision.Decision({**document, "rent": dead}).rent
    assert said == "No per-token API is known to have served this model within the year."
    assert "a month for the same tokens" in decision.Decision(document).rent


@pytest.mark.long
def test_two_answers_stand_side_by_side_with_their_difference(document: dict[str, Any]) -> None:
    here = changed(document, monthly_usd=1500.0, as_of=date(2026, 6, 1))
    there = changed(document, monthly_usd=1000.0)
    rows = {row[0]: row[1:] for row in decision.compared("T", ("a", "b"), there, here).rows}
    assert rows["$ a month"] == ("$1,000", "$1,500", "+$500 (+50%)")
    assert rows["Due now"][2] == "the same"
    assert rows["On-demand price of"][2] == "changed"
    unknown = changed(document, on_demand_monthly_usd=None)
    rows = {row[0]: row[1:] for row in decision.compared("T", ("a", "b"), unknown, here).rows}
    assert rows["All on demand, $ a month"][::2] == ("not known", "")


def test_every_format_says_the_same_dollars(made: decision.Decision, tmp_path: Path) -> None:
    texts = {}
    for end in decision_files.FORMATS:
        path = decision_files.write(made, tmp_path / f"decision{end}")
        texts[end] = path.read_text(encoding="utf-8")
    figures = json.loads(texts[".json"])
    numbers = [o["fleet"]["monthly_usd"] for o in figures["options"]]
    numbers += [usd for row in figures["quarters"] for usd in row["usd"]]
    numbers += [bar["monthly_usd"] for bar in figures["sensitivity"]]
    for usd in numbers:
        assert f"${usd:,.0f}" in texts[".html"]
        assert f"\\${usd:,.0f}" in texts[".md"]


def test_the_page_asks_for_nothing_and_escapes_every_name(document: dict[str, Any]) -> None:
    hostile = changed(document, instance_type="<script>alert(1)</script>", region='"><img src=x>')
    made = decision.Decision(
        hostile, (decision.compared("<b>", ("<i>", "</table>"), hostile, hostile),)
    )
    text = decision_files.html(made)
    for tag in ("<script", "<img", "<b>", "<i>"):
        assert tag not in text
    assert text.count("</table>") == text.count("<table")
    assert not re.search(r'(src|href)="(?!#)', text)
    assert "default-src &#39;none&#39;" in text
    marked = decision_files.markdown(made)
    assert "<script" not in marked
    assert "<img" not in marked


@pytest.mark.parametrize("name", ["decision.xlsx", "decision", "decision.csv"])
def test_another_format_is_refused_before_any_work(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="no decision page format"):
        decision_files.check(tmp_path / name)
