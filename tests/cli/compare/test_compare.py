"""``planner compare`` as a user runs it."""

from __future__ import annotations

import csv
import io
import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from planner.cli.compare import command as compare_module
from planner.pricing.offer import Commitment

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Result

DAY = ("--as-of", "2026-11-23")
DOCUMENT = {"model", "precision", "as_of", "assumptions", "plans"}
ASSUMPTIONS = {"hours_per_month", "context", "concurrency", "utilisation"}
# The contract of the design page: field -> the JSON types it may have.
NUMBER = (int, float)
MAYBE = (int, float, type(None))
PLAN: dict[str, type | tuple[type, ...]] = {
    "cloud": str,
    "service": str,
    "region": str,
    "instance_type": str,
    "accelerator": str,
    "accelerator_count": NUMBER,
    "instances": int,
    "precision": str,
    "fits": bool,
    "kv_cache_tokens": int,
    "on_demand_hourly_usd": MAYBE,
    "on_demand_monthly_usd": MAYBE,
    "committed_1y_hourly_usd": MAYBE,
    "committed_1y_monthly_usd": MAYBE,
    "committed_1y_kind": (str, type(None)),
    "committed_1y_payment_option": (str, type(None)),
    "committed_1y_basis": (str, type(None)),
    "saving_percent": MAYBE,
    "break_even_hours_per_month": MAYBE,
    "tokens_per_second": MAYBE,
    "tokens_per_second_low": MAYBE,
    "tokens_per_second_high": MAYBE,
    "throughput_basis": str,
    "usd_per_million_tokens": MAYBE,
    "as_of": str,
    "source": str,
}


@pytest.fixture
def document(planner: Callable[..., Result]) -> dict[str, Any]:
    """The comparison of Llama 2 70B as JSON."""
    result = planner("compare", "llama-2-70b", *DAY, "--format", "json")
    assert (result.code, result.err) == (0, "")
    parsed: dict[str, Any] = json.loads(result.out)
    return parsed


def test_the_json_document_keeps_its_contract(document: dict[str, Any]) -> None:
    assert set(document) >= DOCUMENT
    assert (document["model"], document["precision"]) == ("llama-2-70b", "fp16")
    assert document["as_of"] == "2026-11-23"
    assert set(document["assumptions"]) >= ASSUMPTIONS
    assert document["assumptions"]["hours_per_month"] == 730
    assert document["plans"]
    for plan in document["plans"]:
        for field, kind in PLAN.items():
            undated = field == "as_of" and plan[field] is None and plan["source"]
            assert isinstance(plan[field], kind) or undated, field
        assert plan["committed_1y_basis"] in ("published", "estimated", None)
        assert plan["throughput_basis"] in ("measured", "modelled", "unvalidated")
        assert plan["as_of"] is None or re.fullmatch(r"\d{4}-\d{2}-\d{2}", plan["as_of"])


def test_plans_come_cheapest_first(document: dict[str, Any]) -> None:
    prices = [plan["on_demand_hourly_usd"] for plan in document["plans"]]
    assert prices == sorted(prices)


@pytest.mark.parametrize("columns", [80, 120, 200])
@pytest.mark.parametrize("precision", ["fp16", "int4", "any"])
def test_no_line_is_wider_than_the_terminal(
    planner: Callable[..., Result], columns: int, precision: str
) -> None:
    arguments = ("compare", "llama-2-70b", *DAY, "--precision", precision, "--geo", "all")
    result = planner(*arguments, columns=columns)
    assert result.code == 0
    assert max(map(len, result.out.splitlines())) <= columns
    assert result.err == ""


@pytest.mark.parametrize("columns", [80, 120, 200])
def test_money_is_aligned_right_and_no_figure_is_cut(
    planner: Callable[..., Result], document: dict[str, Any], columns: int
) -> None:
    table = _table(planner("compare", "llama-2-70b", *DAY, "--all", columns=columns).out)
    lines = [line for line in table.splitlines() if re.search(r"\dx [A-Z]", line)]
    on_demand_ends, committed_ends = set(), set()
    for line, plan in zip(lines, document["plans"], strict=True):
        assert plan["instance_type"][:26] in line
        end = _end(line, plan["on_demand_monthly_usd"], 0)
        on_demand_ends.add(end)
        committed_ends.add(_end(line, plan["committed_1y_monthly_usd"], end))
    assert len(on_demand_ends) == len(committed_ends) == 1


def _table(text: str) -> str:
    """Return what stands between the answer and the remarks."""
    start = text.index("\n Instance type") if "\n Instance type" in text else text.index("Service")
    return text[start : text.index("* cheapest of the column")]


def _end(line: str, amount: float | None, start: int) -> int:
    """Return where the amount, or what stands in its place, ends."""
    shown = "not known" if amount is None else f"{amount:,.0f}"
    return line.index(shown, start) + len(shown)


def test_narrow_tables_keep_names_and_both_prices(planner: Callable[..., Result]) -> None:
    text = planner("compare", "llama-2-70b", *DAY, columns=80).out
    assert "Standard_NC48ads_A100_v4" in text
    assert "On demand" in text
    assert "1 year" in text
    assert "Region" not in text
    wide = planner("compare", "llama-2-70b", *DAY, columns=200).out
    for title in ("Service", "Region", "1-year kind", "Saves", "Pays from", "Tokens/s"):
        assert title in wide


def test_the_cheapest_of_each_column_is_marked_once(planner: Callable[..., Result]) -> None:
    text = planner("compare", "llama-2-70b", *DAY, "--all").out
    assert len(re.findall(r"\*[?~†≈]*\d", _table(text))) == 3


@pytest.mark.long
def test_how_many_rows_are_shown_changes_no_fact(planner: Callable[..., Result]) -> None:
    few, many = (
        planner("compare", "llama-2-70b", *DAY, *options).out
        for options in (("--sort", "tokens", "--top", "3"), ("--all",))
    )
    assert "Cheapest     $3,669 a month" in few
    answers = {text[: text.index("Or buy")] for text in (few, many)}
    assert len(answers) == 1
    cheapest = planner("compare", "llama-2-70b", *DAY, "--max-monthly", "4000", "--notes").out
    assert "ec2: no price known" not in cheapest
    assert "*3,506" not in _table(few)


def test_marks_are_explained(planner: Callable[..., Result]) -> None:
    text = planner("compare", "llama-2-70b", *DAY, "--all", columns=200).out
    table, notes = _table(text), text[text.index("* cheapest of the column") :]
    for mark in "~?†≈":
        assert (mark in table) == (f"{mark} " in notes)
    assert "~ estimated: Azure's discount for the same type in another region" in notes
    assert "? low-confidence source" in notes


def test_no_estimates_hides_them(planner: Callable[..., Result]) -> None:
    text = planner("compare", "llama-2-70b", *DAY, "--no-estimates", "--all").out
    assert "~" not in text
    rows = [line for line in text.splitlines() if "Standard_NC96ads_A100_v4" in line]
    assert "not known" in rows[0]


def test_age_and_source_of_the_prices_stand_below(planner: Callable[..., Result]) -> None:
    text = " ".join(planner("compare", "llama-2-70b", *DAY, "--notes").out.split())
    for service in ("ec2", "sagemaker", "azure-vm", "gce"):
        assert re.search(
            rf"{service} prices: 2026-\d\d-\d\d and before, [\d-]+ days old, from", text
        )
    assert "Cyclenerd/google-cloud-pricing-cost-calculator" in text
    assert "tsaol/aws-gpu" in text
    assert "sagemaker: no one-year price known on 2026-11-23." in text
    assert "730 h a month" in text


@pytest.mark.long
def test_no_colour_means_no_escape_codes(
    planner: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[3" not in planner("compare", "llama-2-70b", *DAY).out
    monkeypatch.delenv("FORCE_COLOR")
    assert "\x1b" not in planner("compare", "llama-2-70b", *DAY).out
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[" in planner("compare", "llama-2-70b", *DAY).out


def test_csv_is_one_table_and_notes_go_to_stderr(
    planner: Callable[..., Result], document: dict[str, Any]
) -> None:
    result = planner("compare", "llama-2-70b", *DAY, "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(result.out)))
    assert [row["instance_type"] for row in rows] == [
        plan["instance_type"] for plan in document["plans"]
    ]
    assert set(rows[0]) >= set(PLAN)
    for row, plan in zip(rows, document["plans"], strict=True):
        hourly = row["committed_1y_hourly_usd"]
        assert (float(hourly) if hourly else None) == plan["committed_1y_hourly_usd"]
        assert row["warnings"] == "; ".join(plan["warnings"])
    assert "no one-year price known" in " ".join(result.err.split())


@pytest.mark.long
def test_markdown_is_one_table(planner: Callable[..., Result], document: dict[str, Any]) -> None:
    result = planner("compare", "llama-2-70b", *DAY, "--format", "markdown")
    lines = result.out.splitlines()
    assert len(lines) == len(document["plans"]) + 2
    cells = {len(re.split(r"(?<!\\)\|", line)) for line in lines}
    assert len(cells) == 1
    assert set(lines[1]) == set("| :-")
    assert "Standard_NC48ads_A100_v4" in lines[2]


def test_every_kind_of_commitment_has_words_for_people() -> None:
    """One without would break the table on the day a refresh brings it."""
    assert set(compare_module._COMMITMENTS) == {str(kind) for kind in Commitment}


def test_all_regions_gives_a_row_for_each(planner: Callable[..., Result]) -> None:
    result = planner(
        *("compare", "llama-2-70b", *DAY, "--all-regions", "--instance-type", "g5.48xlarge"),
        *("--format", "json"),
    )
    regions = [plan["region"] for plan in json.loads(result.out)["plans"]]
    assert len(set(regions)) == len(regions) > 1


def test_options_reach_the_answer(planner: Callable[..., Result]) -> None:
    result = planner(
        *("compare", "llama-2-70b", *DAY, "--precision", "int4", "--context", "2048"),
        *("--concurrency", "2", "--utilization", "0.25", "--hours-per-month", "100"),
        *("--cloud", "gcp", "--geo", "eu", "--top", "2", "--format", "json"),
    )
    found = json.loads(result.out)
    assert found["precision"] == "int4"
    assert found["assumptions"]["context"] == 2048
    assert found["assumptions"]["concurrency"] == 2
    assert found["assumptions"]["utilisation"] == 0.25
    assert found["assumptions"]["geo"] == "eu"
    assert len(found["plans"]) == 2
    for plan in found["plans"]:
        assert plan["cloud"] == "gcp"
        assert plan["region"].startswith("europe-")
        assert plan["on_demand_monthly_usd"] == pytest.approx(plan["on_demand_hourly_usd"] * 100)


def test_a_card_of_your_own_is_compared(planner: Callable[..., Result]) -> None:
    result = planner(
        *("compare", "llama-2-13b", *DAY, "--include-local", "2xRTX-4090"),
        *("--purchase-usd", "1600", "--usd-per-kwh", "0.15", "--top"),
        "5",
        columns=200,
    )
    rows = _table(result.out).splitlines()
    row = next(line for line in rows if "your own 2xRTX-4090" in line)
    assert "187" in row  # 2 x ($0.0609 + $0.0675) x 730
    assert "not known" in row
