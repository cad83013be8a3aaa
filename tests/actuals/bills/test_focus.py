"""FOCUS files of three clouds add up to what a hand calculation says, to the cent."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.actuals.bills import focus, places
from planner.actuals.model import Bill, Kind, Owned, Period
from planner.errors import NotFoundError, UsageError
from tests.rigs.focus_bills import COLUMNS, row, write_csv, write_parquet

OCTOBER = Period(date(2026, 10, 1), date(2026, 11, 1))
SPECIFICATION = Path(__file__).parents[2] / "data" / "focus"


def billed(bill: Bill, endpoint: str = "chat", **wanted: object) -> Decimal:
    """Return what is billed for an endpoint, of charges that are as wanted."""
    return sum(
        (
            charge.billed
            for charge in bill.charges
            if charge.endpoint == endpoint
            and all(getattr(charge, name) == value for name, value in wanted.items())
        ),
        Decimal(0),
    )


def effective(bill: Bill, endpoint: str = "chat") -> Decimal:
    return sum((c.effective for c in bill.charges if c.endpoint == endpoint), Decimal(0))


AWS = [
    row(),
    row(ChargePeriodStart="2026-10-05T11:00:00Z", BilledCost="9.99", EffectiveCost="9.99"),
    # An hour that a Savings Plan covers: nothing on the invoice, its share of the commitment.
    row(
        BilledCost="0",
        EffectiveCost="6.25",
        PricingCategory="Committed",
        CommitmentDiscountId="arn:aws:savingsplans::1:savingsplan/sp-1",
        CommitmentDiscountStatus="Used",
    ),
    row(
        ResourceId="",
        Tags="",
        BilledCost="0",
        EffectiveCost="3.75",
        CommitmentDiscountId="arn:aws:savingsplans::1:savingsplan/sp-1",
        CommitmentDiscountStatus="Unused",
    ),
    row(
        ChargeCategory="Purchase",
        Tags="",
        ResourceId="",
        BilledCost="87600",
        EffectiveCost="0",
        ChargePeriodStart="2026-10-01T00:00:00Z",
        ChargePeriodEnd="2027-10-01T00:00:00Z",
    ),
    row(
        ServiceCategory="Storage",
        ResourceType="AWS::EC2::Volume",
        PricingUnit="GB-Mo",
        BilledCost="1.234567",
        EffectiveCost="1.234567",
    ),
    row(ChargeCategory="Credit", BilledCost="-2.5", EffectiveCost="-2.5", PricingUnit=""),
    row(ChargeCategory="Tax", BilledCost="0.81", EffectiveCost="0.81", PricingUnit=""),
    # September's hour, corrected on October's bill.
    row(
        ChargeClass="Correction",
        ChargeCategory="Adjustment",
        ChargePeriodStart="2026-09-29T10:00:00Z",
        BilledCost="-0.40",
        EffectiveCost="-0.40",
    ),
    # September's own hour and November's are of other bills.
    row(ChargePeriodStart="2026-09-30T23:00:00Z", BillingPeriodStart="2026-09-01T00:00:00Z"),
    row(ChargePeriodStart="2026-11-01T00:00:00Z", BillingPeriodStart="2026-11-01T00:00:00Z"),
    row(Tags='{"team": "b"}', ResourceId="i-else", BilledCost="55", EffectiveCost="55"),
]
# 10 + 9.99 + 0 + 1.234567 - 2.5 + 0.81 - 0.40, and with the Savings Plan's 6.25.
AWS_BILLED, AWS_EFFECTIVE = Decimal("19.134567"), Decimal("25.384567")


@pytest.mark.parametrize("form", ["csv", "csv.gz", "map", "pairs", "text"])
def test_a_bill_of_aws_adds_up_in_every_form(form: str, tmp_path: Path) -> None:
    path = tmp_path / "bill.csv"
    if form.startswith("csv"):
        write_csv(path, AWS)
        if form == "csv.gz":
            packed = tmp_path / "bill.csv.gz"
            packed.write_bytes(gzip.compress(path.read_bytes()))
            path = packed
    else:
        path = write_parquet(tmp_path / "bill.parquet", AWS, form)
    bill = focus.read([path], OCTOBER)
    assert billed(bill) == AWS_BILLED
    assert effective(bill) == AWS_EFFECTIVE
    assert billed(bill, "") == Decimal(87655)
    assert bill.rows == len(AWS) - 2
    assert bill.until == datetime(2026, 10, 5, 11, tzinfo=UTC)


def test_every_charge_says_what_it_is_for(tmp_path: Path) -> None:
    bill = focus.read([write_csv(tmp_path / "bill.csv", AWS)], OCTOBER)
    by_kind = {kind: billed(bill, kind=kind) for kind in Kind}
    assert by_kind == {
        Kind.MACHINE: Decimal("19.99"),
        Kind.OTHER: Decimal("1.234567"),
        Kind.PURCHASE: 0,
        Kind.CREDIT: Decimal("-2.5"),
        Kind.TAX: Decimal("0.81"),
        Kind.ADJUSTMENT: 0,
        Kind.CORRECTION: Decimal("-0.40"),
    }
    assert {c.day for c in bill.charges if c.kind is Kind.CORRECTION} == {date(2026, 10, 1)}
    hours = [c.hours for c in bill.charges if c.kind is Kind.MACHINE and c.endpoint]
    assert sum(hours, Decimal(0)) == 3
    used = {c.commitment: c.effective for c in bill.charges if c.commitment}
    assert used == {"used": Decimal("6.25"), "unused": Decimal("3.75")}


def test_a_bill_of_azure_is_in_dollars_by_its_own_columns(tmp_path: Path) -> None:
    euro = {
        "BillingCurrency": "EUR",
        "ProviderName": "Microsoft",
        "ServiceName": "Virtual Machines",
        "PricingUnit": "1 Hour",
        "Tags": '{"planner:endpoint": "summaries", "env": "prod"}',
    }
    rows = [
        row(**euro, BilledCost="90", EffectiveCost="90", ListCost="100")
        | {"x_BilledCostInUsd": "97.20", "x_EffectiveCostInUsd": "97.20"},
        row(**euro, BilledCost="1.80", EffectiveCost="1.80", ServiceCategory="Storage")
        | {"x_BilledCostInUsd": "1.944", "x_EffectiveCostInUsd": "1.944"},
    ]
    columns = (*COLUMNS, "x_BilledCostInUsd", "x_EffectiveCostInUsd")
    bill = focus.read([write_csv(tmp_path / "bill.csv", rows, columns)], OCTOBER)
    assert {c.currency for c in bill.charges} == {"USD"}
    assert {c.cloud for c in bill.charges} == {"azure"}
    assert billed(bill, "summaries") == Decimal("99.144")
    assert not any("not converted" in text for text in bill.warnings)


def test_another_currency_is_converted_by_a_rate_that_is_given_and_never_else(
    tmp_path: Path,
) -> None:
    path = write_csv(tmp_path / "bill.csv", [row(BillingCurrency="EUR"), row()])
    plain = focus.read([path], OCTOBER)
    assert {c.currency: c.billed for c in plain.charges} == {"EUR": 10, "USD": 10}
    assert any("--rate EUR=" in text for text in plain.warnings)
    converted = focus.read([path], OCTOBER, rates={"EUR": Decimal("1.08")})
    assert billed(converted) == Decimal("20.80")


def test_a_machine_that_google_bills_in_parts_tells_no_hours(tmp_path: Path) -> None:
    google = {
        "ProviderName": "Google Cloud",
        "ServiceName": "Compute Engine",
        "Tags": '{"planner-endpoint": "chat"}',
        "ResourceId": "//compute.googleapis.com/projects/p/zones/z/instances/1",
    }
    rows = [
        row(**google, SkuId="GPU", PricingUnit="hour", PricingQuantity="4", BilledCost="8"),
        row(**google, SkuId="CORE", PricingUnit="hour", PricingQuantity="48", BilledCost="2"),
        row(**google, SkuId="RAM", PricingUnit="gibibyte hour", BilledCost="0.5"),
        row(
            **google,
            SkuId="PD",
            PricingUnit="gibibyte month",
            BilledCost="0.25",
            ChargeDescription="SSD backed PD Capacity",
        ),
    ]
    bill = focus.read([write_csv(tmp_path / "bill.csv", rows)], OCTOBER)
    assert billed(bill, kind=Kind.MACHINE) == Decimal("10.5")
    assert billed(bill, kind=Kind.OTHER) == Decimal("0.25")
    assert {c.hours for c in bill.charges} == {None}


def test_a_row_without_a_tag_is_known_by_its_resource(tmp_path: Path) -> None:
    rows = [row(Tags=""), row(Tags="", ResourceId="arn:aws:ec2:us-east-1:1:instance/I-OTHER")]
    owned = Owned({rows[0]["ResourceId"].casefold(): "chat"})
    bill = focus.read([write_csv(tmp_path / "bill.csv", rows)], OCTOBER, owned=owned)
    assert billed(bill) == 10
    assert billed(bill, "") == 10


def test_files_of_different_versions_are_read_together(tmp_path: Path) -> None:
    new = [row() | {"ServiceProviderName": "AWS", "HostProviderName": "AWS"}]
    columns = [name for name in COLUMNS if name != "ProviderName"]
    old = write_csv(tmp_path / "old.csv", [row()], COLUMNS)
    newer = write_csv(tmp_path / "new.csv", new, [*columns, "ServiceProviderName"])
    bill = focus.read([newer], OCTOBER)
    assert {c.cloud for c in bill.charges} == {"aws"}
    both = focus.read([old, newer], OCTOBER)
    assert billed(both) == 20
    assert {c.cloud for c in both.charges} == {"aws"}


@pytest.mark.parametrize("name", ["bill.csv", "bill.parquet", "notes.txt"])
def test_what_is_no_focus_file_is_one_clear_error(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text("a,b\n1,2\n")
    with pytest.raises(UsageError):
        focus.read([path], OCTOBER)


def test_an_amount_that_is_no_number_is_one_clear_error(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "bill.csv", [row(BilledCost="ten")])
    with pytest.raises(UsageError, match="cannot be read as a FOCUS bill"):
        focus.read([path], OCTOBER)


def test_a_folder_gives_its_files_and_an_empty_one_an_error(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    csv_file = write_csv(tmp_path / "deep" / "bill.csv", [row()])
    (tmp_path / "manifest.json").write_text("{}")
    with places.files(str(tmp_path)) as found:
        assert found == [csv_file]
    parquet = write_parquet(tmp_path / "bill.parquet", [row()])
    with places.files(str(tmp_path)) as found:
        assert found == [parquet]
    with pytest.raises(NotFoundError), places.files(str(tmp_path / "nothing")):
        pass


def test_a_bill_of_the_specifications_own_examples_adds_up() -> None:
    """A Savings Plan paid at once: rows of FOCUS_Spec, CC BY 4.0 (see the README beside them)."""
    path = SPECIFICATION / "aws_savings_plan_all_upfront_75pct.csv"
    february = Period(date(2026, 2, 1), date(2026, 3, 1))
    arn = "arn:aws:ec2:us-east-1:acct-123456789012:instance/i-0abc0000000"
    owned = Owned({f"{arn}0": "chat", f"{arn}1": "chat"})
    bill = focus.read([path], february, owned=owned)
    # Two covered hours of 52.40; nothing of them on the invoice; the purchase is no endpoint's.
    assert effective(bill) == Decimal("104.80")
    assert billed(bill) == 0
    assert billed(bill, "", kind=Kind.PURCHASE) == 459024
    assert {c.commitment_id for c in bill.charges if c.commitment} == {
        "arn:aws:savingsplans::ACCT-123456789012:savingsplan/sp-abc123def456"
    }


amounts = st.decimals(-1000, 1000, places=6, allow_nan=False, allow_infinity=False)


# Each example opens an engine and reads a file.
@pytest.mark.long
@settings(max_examples=25)
@given(st.lists(st.tuples(amounts, amounts, st.sampled_from(["chat", "batch", ""])), min_size=1))
def test_no_cent_is_lost_whatever_the_rows(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[Decimal, Decimal, str]]
) -> None:
    made = [
        row(
            BilledCost=f"{cost:f}",
            EffectiveCost=f"{spread:f}",
            Tags=json.dumps({"planner:endpoint": name}) if name else "",
        )
        for cost, spread, name in rows
    ]
    path = write_csv(tmp_path_factory.mktemp("focus") / "bill.csv", made)
    bill = focus.read([path], OCTOBER)
    assert sum(c.billed for c in bill.charges) == sum(cost for cost, _, _ in rows)
    assert sum(c.effective for c in bill.charges) == sum(spread for _, spread, _ in rows)
