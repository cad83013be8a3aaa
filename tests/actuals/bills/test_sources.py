"""The clouds' own cost interfaces, through their real clients: moto's, and fakes on loopback."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
import requests

from planner.actuals.bills.interface import source
from planner.actuals.model import Bill, Kind, Period
from planner.errors import CloudError, PlannerError, UsageError

if TYPE_CHECKING:
    from planner.sandbox.server import Sandbox

NOVEMBER = Period(date(2026, 11, 1), date(2026, 12, 1))
TABLE = "acme-prod.billing.gcp_billing_export_resource_v1_0123"


def totals(bill: Bill, endpoint: str = "chat") -> dict[str, Decimal]:
    """Return what is billed and effective for an endpoint."""
    ours = [charge for charge in bill.charges if charge.endpoint == endpoint]
    return {
        "billed": sum((c.billed for c in ours), Decimal(0)),
        "effective": sum((c.effective for c in ours), Decimal(0)),
        "hours": sum((c.hours or Decimal(0) for c in ours), Decimal(0)),
    }


def group(keys: list[str], unblended: str, amortized: str, hours: str = "0") -> dict[str, Any]:
    return {
        "Keys": keys,
        "Metrics": {
            "UnblendedCost": {"Amount": unblended, "Unit": "USD"},
            "AmortizedCost": {"Amount": amortized, "Unit": "USD"},
            "UsageQuantity": {"Amount": hours, "Unit": "Hrs"},
        },
    }


def inject(sandbox: Sandbox, *answers: list[dict[str, Any]]) -> None:
    """Put answers into moto's Cost Explorer, in the order of the questions."""
    results = [
        {
            "ResultsByTime": [
                {
                    "TimePeriod": {"Start": "2026-11-05", "End": "2026-11-06"},
                    "Total": {},
                    "Groups": groups,
                    "Estimated": False,
                }
            ],
            "DimensionValueAttributes": [],
        }
        for groups in answers
    ]
    address = f"{sandbox.endpoints.aws}/moto-api/static/ce/cost-and-usage-results"
    requests.post(address, json={"results": results}, timeout=30).raise_for_status()


def test_cost_explorer_is_asked_by_planners_tag(sandbox: Sandbox) -> None:
    inject(
        sandbox,
        [
            group(["planner:endpoint$chat", "USE1-BoxUsage:g5.48xlarge"], "390.96", "250", "24"),
            group(["planner:endpoint$chat", "USE1-EBS:VolumeUsage.gp3"], "1.5", "1.5"),
            group(["planner:endpoint$", "USE1-BoxUsage:m5.large"], "9", "9", "24"),
        ],
        [group(["planner:endpoint$chat", "Credit"], "-20", "-20")],
    )
    bill = source("aws").read(NOVEMBER)
    assert totals(bill) == {
        "billed": Decimal("372.46"),
        "effective": Decimal("231.5"),
        "hours": Decimal(24),
    }
    kinds = {charge.what: charge.kind for charge in bill.charges if charge.endpoint}
    assert kinds == {
        "USE1-BoxUsage:g5.48xlarge": Kind.MACHINE,
        "USE1-EBS:VolumeUsage.gp3": Kind.OTHER,
        "Credit": Kind.CREDIT,
    }
    assert totals(bill, "")["billed"] == 9


def test_a_tag_that_is_not_activated_is_said(sandbox: Sandbox) -> None:
    inject(sandbox, [group(["planner:endpoint$", "USE1-BoxUsage:m5.large"], "9", "9")], [])
    bill = source("aws").read(NOVEMBER)
    assert any("activate it" in text for text in bill.warnings)


def test_cost_explorer_says_what_the_question_costs() -> None:
    assert source("aws").fee_usd(NOVEMBER) == Decimal("0.02")


def test_cost_management_gives_actual_and_amortized_costs(sandbox: Sandbox) -> None:
    machine = {"endpoint": "chat", "meter": "Virtual Machines", "hours": 24}
    rows = [
        machine | {"day": f"2026-11-{day:02d}", "billed": 0, "amortized": 52.5}
        for day in range(1, 31)
    ]
    # More than a page of them: what comes after nextLink counts too.
    rows += [
        {"endpoint": "chat", "meter": "Storage", "day": "2026-11-02", "billed": 0.5}
        | {"amortized": 0.5}
        for _ in range(80)
    ]
    rows.append(machine | {"day": "2026-10-31", "billed": 9, "amortized": 9})
    sandbox.world.notes["azure-costs"]["rows"] = rows
    bill = source("azure").read(NOVEMBER)
    assert totals(bill) == {
        "billed": Decimal(40),
        "effective": Decimal("1615.0"),
        "hours": Decimal(720),
    }
    assert {charge.currency for charge in bill.charges} == {"USD"}
    assert source("azure").fee_usd(NOVEMBER) == 0


def bigquery_row(**values: Any) -> list[Any]:
    base = {
        "endpoint": "chat",
        "day": "2026-11-05",
        "service": "Compute Engine",
        "sku": "A2 Instance Core running in Americas",
        "cost_type": "regular",
        "currency": "USD",
        "cost": "40.5",
        "commitments": "-10.5",
        "credits": "0",
        "until": "1794042000",
    }
    return list((base | values).values())


def test_the_billing_export_is_asked_and_waited_for(sandbox: Sandbox) -> None:
    sandbox.world.notes["gcp-costs"] = {
        "table": TABLE,
        "bytes": 2**40,
        "rows": [
            bigquery_row(),
            bigquery_row(sku="Storage PD Capacity", cost="0.75", commitments="0"),
            bigquery_row(cost="0", commitments="0", credits="-5"),
            *[bigquery_row(endpoint="", cost="0.01", commitments="0") for _ in range(120)],
        ],
    }
    made = source("gcp", table=TABLE)
    assert made.fee_usd(NOVEMBER) == Decimal("6.25")
    bill = made.read(NOVEMBER)
    assert totals(bill)["billed"] == Decimal("25.75")
    by_kind = {c.kind: c.billed for c in bill.charges if c.endpoint and c.billed}
    assert by_kind == {Kind.MACHINE: 30, Kind.OTHER: Decimal("0.75"), Kind.CREDIT: -5}
    assert totals(bill, "")["billed"] == Decimal("1.20")


@pytest.mark.parametrize("table", ["", "table", "a.b.c; DROP TABLE x", "p.d.`t`"])
def test_what_is_no_table_is_never_sent(table: str) -> None:
    with pytest.raises(UsageError, match=r"BigQuery table|export is missing"):
        source("gcp", table=table)


def test_a_table_that_is_not_there_is_one_clear_error(sandbox: Sandbox) -> None:
    del sandbox
    with pytest.raises(CloudError):
        source("gcp", table=TABLE).read(NOVEMBER)


@pytest.mark.parametrize("cloud", ["aws", "azure", "gcp"])
def test_without_the_right_the_missing_action_is_named(cloud: str, sandbox: Sandbox) -> None:
    actions = {
        "aws": "ce:GetCostAndUsage",
        "azure": "Microsoft.CostManagement/query/read",
        "gcp": "bigquery.jobs.create",
    }
    scenario = sandbox.world.scenario
    sandbox.world.reset(type(scenario)(denied_actions=(actions[cloud],)))
    with pytest.raises(PlannerError) as caught:
        source(cloud, table=TABLE if cloud == "gcp" else "").read(NOVEMBER)
    shown = f"{caught.value} {caught.value.why} {caught.value.advice}"
    assert actions[cloud] in shown
