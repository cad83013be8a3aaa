"""``planner prices`` as a user runs it."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

import click
import pytest

from planner.cli.prices.command import prices
from planner.pricing.offer import Commitment

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Result

DAY = ("--as-of", "2026-11-23")
# The offer columns of the design page, then what the machine holds.
COLUMNS = (
    *("cloud", "service", "region", "instance_type", "pricing_model", "commitment"),
    *("term_years", "payment_option", "hourly_usd", "upfront_usd", "effective_hourly_usd"),
    *("currency", "as_of", "source"),
    *("accelerator", "accelerator_count", "accelerator_memory_gib"),
)


def test_csv_has_the_offer_columns_and_the_accelerators(planner: Callable[..., Result]) -> None:
    result = planner("prices", *DAY, "--accelerator", "H200", "--format", "csv")
    assert (result.code, result.err) == (0, "")
    rows = list(csv.DictReader(io.StringIO(result.out)))
    assert tuple(rows[0])[: len(COLUMNS)] == COLUMNS
    assert {row["accelerator"] for row in rows} == {"H200"}
    for row in rows:
        assert (row["pricing_model"] == "committed") == bool(row["commitment"])
        assert row["source"]
        assert row["currency"] == "USD"


def test_json_holds_the_same_offers(planner: Callable[..., Result]) -> None:
    arguments = ("prices", *DAY, "--instance-type", "p4d.24xlarge", "--region", "us-east-1")
    rows = json.loads(planner(*arguments, "--format", "json").out)
    table = list(csv.DictReader(io.StringIO(planner(*arguments, "--format", "csv").out)))
    assert len(rows) == len(table) > 5
    assert [row["effective_hourly_usd"] for row in rows] == [
        float(row["effective_hourly_usd"]) for row in table
    ]
    on_demand = next(row for row in rows if row["pricing_model"] == "on_demand")
    assert on_demand["effective_hourly_usd"] == 21.957642
    assert on_demand["commitment"] is None


def test_the_same_question_has_the_same_answer(planner: Callable[..., Result]) -> None:
    arguments = ("prices", *DAY, "--accelerator", "L4", "--format", "csv")
    assert planner(*arguments).out == planner(*arguments).out


@pytest.mark.parametrize("columns", [80, 120, 200])
def test_the_table_fits_and_money_is_aligned_right(
    planner: Callable[..., Result], columns: int
) -> None:
    result = planner(
        "prices", *DAY, "--accelerator", "A100", "--pricing-model", "on_demand", columns=columns
    )
    assert max(map(len, result.out.splitlines())) <= columns
    lines = result.out.splitlines()
    edge = next(line.index("$/hour") + len("$/hour") for line in lines if "$/hour" in line)
    rows = [line for line in lines if " on demand " in line]
    assert len(rows) > 20
    for row in rows:
        assert row[edge - 1].isdigit()
        assert row[edge : edge + 1] in ("", " ")
        assert row[edge - 5] == "."


def test_unknown_upfront_payments_are_called_so(planner: Callable[..., Result]) -> None:
    result = planner(
        *("prices", *DAY, "--instance-type", "g5.48xlarge", "--region", "us-east-1"),
        *("--commitment", "reserved_instance", "--term-years", "1"),
        columns=200,
    )
    rows = {row.split("1y ")[1][:40]: row for row in result.out.splitlines() if "1y " in row}
    partial = next(row for name, row in rows.items() if "partial upfront" in name)
    assert "not known" in partial
    whole = next(row for name, row in rows.items() if "all upfront" in name)
    assert "83,898" in whole  # 9.577397 x 8760


def test_low_confidence_is_marked_and_explained(planner: Callable[..., Result]) -> None:
    result = planner("prices", *DAY, "--instance-type", "ml.g7e.2xlarge", "--region", "us-east-1")
    assert "?4.2039" in result.out
    assert "low-confidence" in result.err
    detail = planner(
        *("prices", *DAY, "--instance-type", "ml.g7e.2xlarge", "--region", "us-east-1"),
        *("--format", "csv"),
    )
    (row,) = csv.DictReader(io.StringIO(detail.out))
    assert row["confidence"] == "low"
    assert "unit-test value" in row["note"]


def test_estimates_never_appear_among_offers(planner: Callable[..., Result]) -> None:
    result = planner(
        *("prices", *DAY, "--cloud", "azure", "--geo", "all", "--commitment", "reserved_instance"),
        *("--format", "csv"),
    )
    rows = list(csv.DictReader(io.StringIO(result.out)))
    assert {row["region"] for row in rows} == {"eastus", "polandcentral", "indonesiacentral"}
    assert not [row for row in rows if row["source"].startswith("estimate")]


def test_every_kind_of_commitment_can_be_asked_for() -> None:
    (option,) = (p for p in prices.params if p.name == "commitments")
    assert isinstance(option.type, click.Choice)
    assert set(option.type.choices) == {str(kind) for kind in Commitment}


def test_as_of_looks_at_that_day(planner: Callable[..., Result]) -> None:
    def price(day: str) -> str:
        result = planner(
            *("prices", "--instance-type", "p4d.24xlarge", "--region", "us-east-1"),
            *("--pricing-model", "on_demand", "--as-of", day, "--format", "csv"),
        )
        (row,) = csv.DictReader(io.StringIO(result.out))
        return row["effective_hourly_usd"]

    assert float(price("2025-06-22")) == 32.7726
    assert float(price("2025-06-23")) == 21.957642


def test_between_two_lists_the_older_price_is_marked_and_both_are_told(
    planner: Callable[..., Result],
) -> None:
    arguments = ("prices", "--instance-type", "p5.48xlarge", "--region", "us-east-1",
                 "--pricing-model", "on_demand", "--as-of", "2025-05-15")  # fmt: skip
    shown = planner(*arguments)
    assert "~98.3200" in shown.out
    assert "98.32 until 2025-04-28 at least, 55.04 from 2025-06-23 at the latest" in shown.err
    (row,) = csv.DictReader(io.StringIO(planner(*arguments, "--format", "csv").out))
    assert (float(row["later_usd"]), row["later_as_of"]) == (55.04, "2025-06-23")


def test_a_price_without_a_date_says_so(planner: Callable[..., Result]) -> None:
    arguments = ("prices", "--instance-type", "ml.g6e.12xlarge", "--region", "us-west-2")
    (row,) = csv.DictReader(io.StringIO(planner(*arguments, "--format", "csv").out))
    assert row["as_of"] == ""
    assert "no date" in planner(*arguments).out


def test_a_machine_that_is_left_out_says_why(planner: Callable[..., Result]) -> None:
    result = planner("prices", "--instance-type", "g3.4xlarge")
    assert result.code == 3
    assert "planner leaves out g3.4xlarge" in result.err
    assert "no engine runs on it" in result.err


def test_a_day_to_come_is_refused(planner: Callable[..., Result]) -> None:
    refused = planner("prices", "--instance-type", "p5.48xlarge", "--as-of", "2999-01-01")
    assert refused.code == 2
    assert "lies in the future" in refused.err


@pytest.mark.parametrize(
    ("name", "said", "command"),
    [
        ("p5e.48xlarge", "sold by capacity block only; priced by capacity_block in",
         "planner prices --instance-type p5e.48xlarge --geo all --pricing-model capacity_block"),
        ("g7.12xlarge", "it exists, and no list that planner has prices it",
         "planner refresh --cloud aws"),
        ("a4x-highgpu-4g", "sold by reservation only; through the account team",
         "planner refresh --cloud gcp"),
    ],
)  # fmt: skip
def test_a_machine_without_a_price_is_explained(
    planner: Callable[..., Result], name: str, said: str, command: str
) -> None:
    result = planner("prices", "--instance-type", name, "--pricing-model", "on_demand")
    assert result.code == 3
    told = " ".join(result.err.split())
    assert said in told
    assert command in told


@pytest.mark.long
def test_a_terminal_shows_the_hundred_cheapest_and_says_how_to_see_more(
    planner: Callable[..., Result],
) -> None:
    unlimited = planner("prices", *DAY)
    assert "The 100 cheapest; --limit N for more, --format csv for all." in unlimited.err
    asked = planner("prices", *DAY, "--limit", "101")
    assert "cheapest" not in asked.err
    assert len(asked.out.splitlines()) > len(unlimited.out.splitlines())
    full = planner("prices", *DAY, "--format", "csv")
    assert len(full.out.splitlines()) > 1000
