"""The story that started the project: Llama 2 70B at 16-bit in October 2023, to the dollar.

Held through the library and through the installed command. The figures are 730 hours of the
hourly prices that these sources print:

* Azure: karpenter-provider-azure, "generated at 2023-10-27T06:44:32Z"
* Google Cloud: google-cloud-pricing-cost-calculator, generated 2023-10-05
* AWS: karpenter-provider-aws, AWS Price List API of 2023-09-18
"""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from planner.planning import Request, compare

if TYPE_CHECKING:
    from collections.abc import Callable
    from subprocess import CompletedProcess

DAY = "2023-10-31"
AZURE = "Azure/karpenter-provider-azure@bee5a163c1ac:pkg/providers/pricing/zz_generated.pricing.go"
GCP = "Cyclenerd/google-cloud-pricing-cost-calculator@ca2bcae3cfc98129d8b5fa58f4c4f2aacbfeba92"
AWS = "aws/karpenter-provider-aws@c2f38f410befd507ea67b0a2ea5a97eeebbec4af"
# instance type: hourly, monthly on demand; hourly, monthly for a year; as of; source
STORY: dict[str, tuple[float, float, float | None, float | None, str, str]] = {
    "Standard_NC48ads_A100_v4": (7.346, 5363, None, None, "2023-10-27", AZURE),
    "g2-standard-96": (7.977124032, 5823, 5.025588736, 3669, "2023-10-05", GCP),
    "a2-ultragpu-2g": (10.137595781, 7400, None, None, "2023-10-05", GCP),
    "Standard_NC96ads_A100_v4": (14.692, 10725, None, None, "2023-10-27", AZURE),
    "g5.48xlarge": (16.288, 11890, None, None, "2023-09-18", AWS),
    "a2-ultragpu-4g": (20.275191562, 14801, None, None, "2023-10-05", GCP),
    "p4d.24xlarge": (32.7726, 23924, None, None, "2023-09-18", AWS),
}


def from_library() -> dict[str, Any]:
    found = compare(Request(model="llama-2-70b", as_of=date.fromisoformat(DAY)))
    document: dict[str, Any] = json.loads(json.dumps(found.to_dict(), default=_plain))
    return document


def _plain(value: object) -> Any:
    return value.isoformat() if isinstance(value, date) else float(str(value))


@pytest.fixture(params=["library", "command"])
def story(
    request: pytest.FixtureRequest, installed_planner: Callable[..., CompletedProcess[str]]
) -> dict[str, Any]:
    """The comparison as of October 2023, both ways of asking for it."""
    if request.param == "library":
        return from_library()
    done = installed_planner("compare", "llama-2-70b", "--as-of", DAY, "--format", "json")
    assert (done.returncode, done.stderr) == (0, "")
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def test_every_figure_equals_its_source(story: dict[str, Any]) -> None:
    plans = {plan["instance_type"]: plan for plan in story["plans"]}
    for name, figures in STORY.items():
        hourly, monthly, committed, committed_monthly, as_of, source = figures
        plan = plans[name]
        assert plan["on_demand_hourly_usd"] == pytest.approx(hourly, abs=1e-9), name
        assert round(plan["on_demand_monthly_usd"]) == monthly, name
        assert plan["committed_1y_hourly_usd"] == committed, name
        if committed_monthly is not None:
            assert round(plan["committed_1y_monthly_usd"]) == committed_monthly
            assert plan["committed_1y_basis"] == "published"
            assert plan["committed_1y_kind"] == "committed_use_discount"
            assert plan["committed_1y_as_of"] == as_of
            assert plan["committed_1y_source"].startswith(source)
        assert plan["as_of"] == as_of
        assert plan["source"].startswith(source)
        assert plan["precision"] == "fp16"
        assert plan["fits"] is True


def test_small_machines_span_5_to_15_thousand_dollars_and_azure_and_google_are_cheapest(
    story: dict[str, Any],
) -> None:
    plans = story["plans"]
    assert [plan["cloud"] for plan in plans[:3]] == ["azure", "gcp", "gcp"]
    small = [p["on_demand_monthly_usd"] for p in plans if p["instance_type"] in STORY][:-1]
    assert [round(price) for price in (small[0], small[-1])] == [5363, 14801]
    assert {plan["cloud"] for plan in plans} == {"aws", "azure", "gcp"}


def test_a_one_year_commitment_brings_the_cheapest_to_about_four_thousand(
    story: dict[str, Any],
) -> None:
    known = [p["committed_1y_monthly_usd"] for p in story["plans"] if p["committed_1y_monthly_usd"]]
    assert min(known) == pytest.approx(3668.68, abs=0.005)


def test_what_2023_did_not_publish_is_not_filled_in(story: dict[str, Any]) -> None:
    for plan in story["plans"]:
        if plan["cloud"] in ("aws", "azure") or plan["instance_type"].startswith("a2-ultragpu"):
            for field in ("hourly_usd", "monthly_usd", "kind", "payment_option", "basis"):
                assert plan[f"committed_1y_{field}"] is None, plan["instance_type"]
            assert plan["saving_percent"] is None
            assert plan["break_even_hours_per_month"] is None
    assert "ec2: no one-year price known on 2023-10-31." in story["notes"]
    assert "azure-vm: no one-year price known on 2023-10-31." in story["notes"]
    assert any(note.startswith("sagemaker: no price known") for note in story["notes"])


def test_nothing_newer_than_the_day_is_used(story: dict[str, Any]) -> None:
    for plan in story["plans"]:
        assert max(plan["as_of"], plan["committed_1y_as_of"] or "") <= DAY


def test_the_table_tells_it_too(
    installed_planner: Callable[..., CompletedProcess[str]],
) -> None:
    done = installed_planner(
        "compare", "llama-2-70b", "--as-of", DAY, "--all", "--notes", COLUMNS="80"
    )
    table = done.stdout[done.stdout.index("Instance type") :]
    rows = {line.split()[0]: line for line in table.splitlines() if line.strip()}
    assert "*5,363" in rows["Standard_NC48ads_A100_v4"]
    assert "not known" in rows["Standard_NC48ads_A100_v4"]
    assert "5,823" in rows["g2-standard-96"]
    assert "*3,669" in rows["g2-standard-96"]
    assert "11,890" in rows["g5.48xlarge"]
    assert "not known" in rows["g5.48xlarge"]
    assert "14,801" in rows["a2-ultragpu-4g"]
    assert "ec2: no one-year price known on 2023-10-31." in done.stdout
    assert done.returncode == 0
