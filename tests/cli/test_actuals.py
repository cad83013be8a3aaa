"""``planner actuals``, and the loop back into ``planner size``."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click
import pytest
from prometheus_client.parser import text_string_to_metric_families

from planner.cli.actuals.period import period_of
from planner.cli.app import cli
from planner.errors import UsageError
from planner.ledger import Ledger, Resource, ServedHour
from tests.rigs.focus_bills import row, write_csv

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Result

    from planner.sandbox.server import Sandbox

START = datetime(2026, 10, 1, tzinfo=UTC)
MONTH = ("--month", "2026-10", "--no-metrics")


@pytest.fixture
def october(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the bill of an endpoint that stood all October and was asked by day only."""
    monkeypatch.setenv("PLANNER_STATE_DIR", str(tmp_path / "state"))
    with Ledger() as ledger:
        ledger.record_resource(standing("chat", "16.288"))
        for hour in served("chat", 31):
            ledger.save_served(hour)
    return write_csv(tmp_path / "bill.csv", hours("chat", 31, "16.288"))


def standing(name: str, hourly: str, start: datetime = START) -> Resource:
    return Resource(
        id=name,
        endpoint=name,
        cloud="aws",
        account="123456789012",
        region="us-east-1",
        kind="ec2:instance",
        recorded_at=start,
        native_id=f"i-{name}",
        hourly_usd=Decimal(hourly),
        tags={"planner:model": "llama-2-70b", "planner:precision": "fp16"},
        created_at=start,
    )


def served(name: str, days: int, start: datetime = START) -> list[ServedHour]:
    times = (start + timedelta(hours=number) for number in range(24 * days))
    return [
        ServedHour(
            name,
            at,
            "Prometheus",
            3600.0,
            requests=0.0 if at.hour < 8 else 300.0,
            input_tokens=0.0 if at.hour < 8 else 300_000.0,
            output_tokens=0.0 if at.hour < 8 else 60_000.0,
            input_tokens_p95=2500.0,
            output_tokens_p95=500.0,
        )
        for at in times
    ]


def hours(name: str, days: int, usd: str, start: datetime = START) -> list[dict[str, Any]]:
    """Return the rows of a machine that costs so much an hour."""
    made = []
    for number in range(24 * days):
        at = start + timedelta(hours=number)
        made.append(
            row(
                ChargePeriodStart=f"{at:%Y-%m-%dT%H:%M:%SZ}",
                ChargePeriodEnd=f"{at + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}",
                BillingPeriodStart=f"{at:%Y-%m}-01T00:00:00Z",
                BilledCost=usd,
                EffectiveCost=usd,
                ListCost=usd,
                ResourceId=f"arn:aws:ec2:us-east-1:123456789012:instance/i-{name}",
                Tags="",
            )
        )
    return made


@pytest.mark.long
def test_the_answer_of_a_month(planner: Callable[..., Result], october: Path) -> None:
    result = planner("actuals", "--focus", str(october), *MONTH, columns=80)
    assert result.code == 0
    assert "Billed: $12,118.27; predicted: $12,118.27." in result.out
    assert "chat: billed as predicted." in result.out
    assert "asked nothing in 248 hours" in " ".join(result.out.split())
    assert max(map(len, result.out.splitlines())) <= 80


@pytest.mark.long
def test_json_is_the_contract(planner: Callable[..., Result], october: Path) -> None:
    found = json.loads(planner("actuals", "--focus", str(october), *MONTH, "--format", "json").out)
    assert found["period"] == {"start": "2026-10-01", "end": "2026-10-31"}
    assert found["currency"] == "USD"
    assert found["total_billed"] == 12118.27
    (chat,) = found["endpoints"]
    assert chat["name"] == "chat"
    assert chat["cloud"] == "aws"
    assert (chat["billed"], chat["predicted"]) == (12118.27, 12118.27)
    assert chat["served_input_tokens"] == 31 * 16 * 300_000
    assert chat["served_output_tokens"] == 31 * 16 * 60_000
    assert chat["usd_per_million_served_tokens"] == pytest.approx(12118.272 / 29.76, abs=0.01)
    assert chat["idle_hours"] == 31 * 8
    assert chat["notes"] == []
    assert sum(day["billed"] for day in chat["days"]) == pytest.approx(12118.27, abs=0.2)


@pytest.mark.long
def test_every_file_says_what_the_json_says(
    planner: Callable[..., Result], october: Path, tmp_path: Path
) -> None:
    for name in ("page.html", "page.md", "page.json", "rows.csv", "metrics.prom"):
        result = planner("actuals", "--focus", str(october), *MONTH, "-o", str(tmp_path / name))
        assert result.code == 0, result.err
    html = (tmp_path / "page.html").read_text()
    assert "$12,118.27" in html
    assert "<script" not in html
    assert "\\$12,118.27" in (tmp_path / "page.md").read_text()
    rows = list(csv.DictReader(io.StringIO((tmp_path / "rows.csv").read_text())))
    assert len(rows) == 31
    assert sum(Decimal(item["BilledCost"]) for item in rows) == Decimal("12118.272")
    text = (tmp_path / "metrics.prom").read_text()
    samples = {s.name: s.value for f in text_string_to_metric_families(text) for s in f.samples}
    assert samples["planner_billed"] == 12118.272
    assert samples["planner_served_output_tokens"] == 29_760_000


@pytest.mark.long
def test_planner_report_writes_the_same_page(
    planner: Callable[..., Result], october: Path, tmp_path: Path
) -> None:
    mine, theirs = tmp_path / "mine.html", tmp_path / "theirs.html"
    planner("actuals", "--focus", str(october), *MONTH, "-o", str(mine))
    asked = ("report", "--actuals", str(october), "--month", "2026-10", "-o", str(theirs))
    assert planner(*asked).code == 0
    assert mine.read_text() == theirs.read_text()
    both = planner(*asked, "llama-2-70b")
    assert both.code == 2
    assert "cannot be given with --actuals" in both.err
    alone = planner("report", "llama-2-70b", "--month", "last", "-o", str(mine))
    assert alone.code == 2
    assert "--month needs --actuals" in alone.err


@pytest.mark.long
def test_the_budget_is_told_once(planner: Callable[..., Result], october: Path) -> None:
    asked = ("actuals", "--focus", str(october), *MONTH, "--format", "json")
    assert planner("config", "set", "budget=9,000").code == 0
    assert json.loads(planner(*asked).out)["budget"] == 9000
    assert json.loads(planner(*asked, "--budget", "12000").out)["budget"] == 12000
    planner("config", "set", "budget=much")
    wrong = planner(*asked)
    assert wrong.code == 1
    assert "planner config set budget=5000" in wrong.err


def test_a_period_without_endpoints_says_what_to_type(
    planner: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLANNER_STATE_DIR", str(tmp_path))
    result = planner("actuals", "--no-metrics")
    assert result.code == 0
    assert "No endpoint of planner's" in result.err
    assert "planner actuals --focus FOLDER" in " ".join(result.err.split())


@pytest.mark.long
def test_every_command_that_is_advised_can_be_typed(
    planner: Callable[..., Result], october: Path, tmp_path: Path
) -> None:
    """Each kind of advice: a fleet, an end, scaling to zero, an unused endpoint, a commitment."""
    quiet = [replace(hour, endpoint="never", requests=0.0) for hour in served("never", 31)]
    hosted = [replace(hour, endpoint="hosted") for hour in served("hosted", 31)]
    with Ledger() as ledger:
        ledger.record_resource(standing("never", "5"))
        ledger.record_resource(replace(standing("hosted", "20"), kind="sagemaker:endpoint"))
        for hour in (*quiet, *hosted):
            ledger.save_served(hour)
    unused = row(
        Tags="",
        ResourceId="",
        BilledCost="0",
        EffectiveCost="310",
        CommitmentDiscountId="sp-1",
        CommitmentDiscountStatus="Unused",
    )
    bill = write_csv(tmp_path / "more.csv", [*hours("chat", 31, "16.288"), unused])
    found = json.loads(planner("actuals", "--focus", str(bill), *MONTH, "--format", "json").out)
    advised = {action["about"]: action for action in found["actions"]}
    assert set(advised) == {"chat", "never", "hosted", "sp-1"}
    del october
    for action in found["actions"]:
        words = action["command"].split()
        assert words[0] == "planner"
        context = click.Context(cli)
        command: click.Command | None = cli
        rest = words[1:]
        while isinstance(command, click.Group):
            name, command, rest = command.resolve_command(context, rest)
            context = click.Context(command, info_name=name, parent=context)
        assert command is not None
        command.make_parser(context).parse_args(list(rest))
    # 310 unused in the five days that the bill reaches into, as the row's day says, is per month:
    days = (date(2026, 11, 1) - date(2026, 10, 1)).days
    assert advised["sp-1"]["saving_usd_month"] == pytest.approx(310 / (24 * days) * 730, abs=0.01)


@pytest.mark.long
def test_other_currencies_never_get_a_dollar_sign_or_into_a_sum(
    planner: Callable[..., Result], october: Path, tmp_path: Path
) -> None:
    """The endpoint's bill has a part in euros: it is planned once, and never added up."""
    euros = row(
        BillingCurrency="EUR",
        ResourceId="arn:aws:ec2:us-east-1:123456789012:instance/i-chat",
        Tags="",
    )
    mixed = write_csv(tmp_path / "mixed.csv", [*hours("chat", 31, "16.288"), euros])
    asked = ("actuals", "--focus", str(mixed), *MONTH)
    found = json.loads(planner(*asked, "--format", "json").out)
    assert (found["total_billed"], found["total_predicted"]) == (12118.27, 12118.27)
    assert found["other_currencies"] == {"EUR": 10.0}
    only = write_csv(tmp_path / "euros.csv", [euros])
    alone = ("actuals", "--focus", str(only), *MONTH)
    text = planner(*alone)
    assert "Billed: 10.00 EUR" in " ".join(text.out.split())
    assert "$10.00" not in text.out + text.err
    assert planner(*alone, "--alert-spend", "1").code == 1
    del october


@pytest.mark.long
def test_a_bill_that_is_given_twice_is_said(planner: Callable[..., Result], october: Path) -> None:
    twice = planner("actuals", "--focus", str(october), "--focus", str(october), *MONTH)
    assert "counted twice" in " ".join(twice.err.split())


@pytest.mark.long
def test_focus_rows_can_be_read_again(
    planner: Callable[..., Result], october: Path, tmp_path: Path
) -> None:
    out = tmp_path / "mine.csv"
    planner("actuals", "--focus", str(october), *MONTH, "-o", str(out))
    again = planner("actuals", "--focus", str(out), *MONTH, "--format", "json")
    assert json.loads(again.out)["total_billed"] == 12118.27


def test_a_price_that_is_no_bill_is_called_a_prediction(
    planner: Callable[..., Result], october: Path
) -> None:
    del october
    result = planner("actuals", *MONTH)
    assert "No bill was read" in result.out
    assert json.loads(planner("actuals", *MONTH, "--format", "json").out)["total_billed"] is None


@pytest.mark.long
def test_alerts_have_an_exit_code_and_are_told(
    planner: Callable[..., Result], october: Path, tmp_path: Path
) -> None:
    told = tmp_path / "told"
    quiet = planner("actuals", "--focus", str(october), *MONTH, "--alert-spend", "20000")
    assert quiet.code == 0
    loud = planner(
        *("actuals", "--focus", str(october), *MONTH, "--alert-waste", "1000"),
        *("--notify", f'printf "%s" "$PLANNER_MESSAGE" > {told}'),
    )
    assert loud.code == 7
    assert "idle hours cost of $4,039.42" in " ".join(loud.err.split())
    assert "idle hours cost" in told.read_text()


@pytest.mark.long
def test_the_saving_that_is_advised_comes_true_in_the_next_month(
    planner: Callable[..., Result], october: Path, tmp_path: Path
) -> None:
    """October is billed and measured; November runs the fleet that planner size then gives.

    November's bill is made of that fleet's machine hours and commitments, by another program
    than the one that advised it: from the JSON of ``planner size``.
    """
    asked = ("actuals", "--focus", str(october), *MONTH, "--format", "json")
    october_found = json.loads(planner(*asked).out)
    advised = next(a for a in october_found["actions"] if "recorded load fits" in a["what"])
    command = advised["command"].split()
    assert command[:2] == ["planner", "size"]
    sized = json.loads(planner(*command[1:], "--format", "json").out)
    # The first fleet whose price is trusted, as planner size itself leads with.
    fleet = next(
        item
        for item in sized["fleets"]
        if f"{item['instance_type']} in {item['region']};" in advised["what"]
    )
    # What a month of 730 hours costs, spread over November's 720.
    november = datetime(2026, 11, 1, tzinfo=UTC)
    hourly = Decimal(str(fleet["monthly_usd"])) / 730
    with Ledger() as ledger:
        ledger.mark_removed("chat", november)
        ledger.record_resource(standing("smaller", f"{hourly:.6f}", november))
        for hour in served("smaller", 30, november):
            ledger.save_served(hour)
    bill = write_csv(tmp_path / "november.csv", hours("smaller", 30, f"{hourly:.6f}", november))
    options = ("--month", "2026-11", "--no-metrics", "--format", "json")
    november_found = json.loads(planner("actuals", "--focus", str(bill), *options).out)
    before = october_found["total_billed"] / 744 * 730
    after = november_found["total_billed"] / 720 * 730
    assert before - after == pytest.approx(advised["saving_usd_month"], rel=0.05)
    # It carries the load: nobody advises the same step twice.
    assert not [
        a
        for a in november_found["actions"]
        if a["saving_usd_month"] > after * 0.5
        and "recorded load fits" in a["what"]
        and a["certainty"] != "low"
    ]


def test_size_takes_the_recorded_load(planner: Callable[..., Result], october: Path) -> None:
    del october
    question = ("size", "llama-2-70b", "--precision", "any", "--format", "json")
    found = json.loads(planner(*question, "--load", "recorded:chat").out)
    assert found["load"]["mean_requests_per_second"] == pytest.approx(300 / 3600 * 16 / 24)
    assert found["load"]["input_tokens"] == 1000
    missing = planner(*question, "--load", "recorded:nobody")
    assert missing.code == 3
    assert "recorded: chat" in missing.err
    nothing = planner(*question, "--load", "no-such-file")
    assert nothing.code == 2
    assert "recorded" in nothing.err


def test_the_question_that_costs_is_asked_first(
    planner: Callable[..., Result], october: Path, sandbox: Sandbox
) -> None:
    del october
    refused = planner("actuals", "--from-cloud", "aws", *MONTH)
    assert refused.code == 2
    assert "AWS Cost Explorer asks about $0.02" in refused.err
    assert not [name for cloud, name in sandbox.world.calls if name.startswith("ce:")]
    assert planner("actuals", "--from-cloud", "aws", "--yes", *MONTH).code == 0
    assert [name for cloud, name in sandbox.world.calls if name.startswith("ce:")]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((None, None, None), ("2026-11-01", "2026-11-27")),
        ((None, "yesterday", None), ("2026-11-25", "2026-11-26")),
        ((None, "7d", None), ("2026-11-19", "2026-11-27")),
        (("last", None, None), ("2026-10-01", "2026-11-01")),
        (("2026-02", None, None), ("2026-02-01", "2026-03-01")),
        ((None, "2026-11-03", "2026-11-05"), ("2026-11-03", "2026-11-05")),
    ],
)
def test_periods(given: tuple[Any, Any, Any], expected: tuple[str, str]) -> None:
    found = period_of(*given, datetime(2026, 11, 26, 9, tzinfo=UTC))
    assert (found.start, found.end) == tuple(map(date.fromisoformat, expected))


@pytest.mark.parametrize(
    "given",
    [
        ("2026-13", None, None),
        ("march", None, None),
        (None, "soon", None),
        ("last", "7d", None),
        (None, "2026-11-05", "2026-11-05"),
    ],
)
def test_what_is_no_period_is_one_clear_error(given: tuple[Any, Any, Any]) -> None:
    with pytest.raises(UsageError):
        period_of(*given, datetime(2026, 11, 26, 9, tzinfo=UTC))


@pytest.mark.parametrize(
    "wrong",
    [
        ("--rate", "EUR"),
        ("--rate", "EUR=-1"),
        ("--budget", "much"),
        ("--bigquery", "nothing", "--from-cloud", "gcp"),
        ("--focus", "no-such-folder"),
        ("-o", "page.docx"),
    ],
)
def test_bad_input_changes_nothing_and_says_what_to_type(
    planner: Callable[..., Result], october: Path, wrong: tuple[str, ...]
) -> None:
    del october
    result = planner("actuals", *MONTH, *wrong)
    assert result.code in {2, 3}
    assert re.search(r"Try:|Usage:|say ", result.err)
    assert "Traceback" not in result.err
