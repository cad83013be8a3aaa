"""Captures with one bad row of each kind: the rest is published, the bad rows are named."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from planner.errors import SnapshotRefusedError
from planner.planning import Request, compare
from planner.pricing import gates, scopes, snapshots
from planner.pricing.catalog import Catalog, Query
from planner.pricing.offer import Offer, PricingModel
from planner.pricing.refresh import Outcome, Refresh, Status
from planner.pricing.sources.aws import AwsSource
from planner.pricing.sources.azure import AzureSource
from planner.pricing.sources.gcp import GcpSource
from planner.pricing.sources.saved import SavedFiles
from planner.pricing.store import LocalStore
from planner.serving import accelerators

if TYPE_CHECKING:
    from collections.abc import Iterable

CAPTURES = Path(__file__).parent / "captures"
MEMORY = {a.accelerator: a.memory_gib for a in accelerators.all_accelerators()}
CLOUDS = {"ec2": "aws", "sagemaker": "aws", "azure-vm": "azure", "gce": "gcp"}


class Replay:
    """A store that is refreshed from a folder of captures."""

    def __init__(self, folder: Path) -> None:
        self.store = LocalStore(folder / "data")
        self.captures = folder / "captures"
        shutil.copytree(CAPTURES, self.captures)
        self._nothing = folder / "none"

    def known_before(self, *machines: tuple[str, str, str, str]) -> None:
        """Publish on-demand prices of an earlier day: service, region, type, price."""
        for cloud in {CLOUDS[service] for service, *_ in machines}:
            offers = [
                Offer(cloud, service, region, name, PricingModel.ON_DEMAND, None, None, None,
                      Decimal(price), Decimal(0), Decimal(price), "USD", date(2026, 1, 1), "test")
                for service, region, name, price in machines
                if CLOUDS[service] == cloud
            ]  # fmt: skip
            snapshots.write(self.store.root, offers, snapshots.coverage_of(offers))

    def refresh(self, cloud: str, accepted: Iterable[tuple[str, str]] = ()) -> Outcome:
        return self._run(cloud, accepted).run()[0]

    def explain(self, cloud: str, name: str) -> list[str]:
        return [trace.verdict for trace in self._run(cloud).explain(name)[cloud]]

    def _run(self, cloud: str, accepted: Iterable[tuple[str, str]] = ()) -> Refresh:
        sources: dict[str, Any] = {"aws": AwsSource, "azure": AzureSource, "gcp": GcpSource}
        return Refresh(
            sources=[sources[cloud]()],
            files=lambda name: SavedFiles(self.captures, name, lambda *_: None),
            target=self.store,
            accelerator_memory_gib=MEMORY,
            accepted=list(accepted),
            bundled=self._nothing,
        )

    def prices(self, cloud: str, model: str = "on_demand") -> dict[str, str]:
        """Return the prices known now, by instance type."""
        query = Query(clouds=(cloud,), pricing_models=(model,))
        found = Catalog(self.store.root).offers(query)
        return {o.instance_type: f"{o.effective_hourly_usd.normalize():f}" for o in found}


@pytest.fixture
def replay(tmp_path: Path) -> Replay:
    return Replay(tmp_path)


def test_azure_publishes_the_rest_and_names_what_is_bad(replay: Replay) -> None:
    outcome = replay.refresh("azure")
    assert outcome.status is Status.PUBLISHED, outcome.error
    assert replay.prices("azure") == {
        "Standard_NCC40ads_H100_v5": "7.5",  # beside "Srs Win"
        "Standard_NC96ads_A100_v4": "15",  # not the price of 2099, nor that of last year
        "Standard_ND96asr_v4": "30",  # not the _NU meter
        "Standard_NC24ads_A100_v4": "3.9",  # not "Free"
        "Standard_NC64as_T4_v3": "5.2",
    }
    assert replay.prices("azure", "spot") == {"Standard_NCC40ads_H100_v5": "1.9"}
    notes = "; ".join(outcome.notes)
    for named in (
        "their GPU is not known: Standard_ND777_X777_v7",
        "priced 0: Standard_NC48ads_A100_v4 in westeurope",
        "not yet in force: Standard_NC96ads_A100_v4, it starts on 2099-02-01",
        "Standard_NC16as_T4_v3: retailPrice 'n/a' is no number",
        "Standard_NC4as_T4_v3: no field unitOfMeasure",
    ):
        assert named in notes
    assert outcome.machines_withheld == [("azure-vm", "westeurope", "Standard_NC8as_T4_v3")]
    assert {v.gate for v in outcome.withheld} == {"offers_are_unique"}


def test_aws_publishes_the_rest_and_names_what_is_bad(replay: Replay) -> None:
    outcome = replay.refresh("aws")
    assert outcome.status is Status.PUBLISHED, outcome.error
    prices = replay.prices("aws")
    # Not Outposts, a Local Zone, a free tier, a capacity block, Windows or the price of 2099.
    assert prices["p4d.24xlarge"] == "20"
    assert (prices["g5.xlarge"], prices["ml.g5.xlarge"]) == ("1", "1.4")
    assert prices["g6f.large"] == "0.2"
    assert "p5.48xlarge" not in prices
    assert outcome.machines_withheld == [("ec2", "us-east-1", "p5.48xlarge")]
    notes = "; ".join(outcome.notes)
    for named in (
        "priced 0: g4dn.xlarge in us-east-1",
        "not yet in force: p4d.24xlarge, it starts on 2099-01-01",
        "g6.2xlarge: price 'none'",
    ):
        assert named in notes


def test_a_savings_plan_file_becomes_one_year_in_a_comparison(replay: Replay) -> None:
    replay.refresh("aws")
    asked = Request(
        "llama-3.1-8b",
        services=("sagemaker",),
        regions=("us-east-1",),
        concurrency=1,
        payment_options=("any",),
    )
    plans = {p.instance_type: p for p in compare(asked, Catalog(replay.store.root)).plans}
    plan = plans["ml.g5.xlarge"]
    assert (plan.on_demand_hourly_usd, plan.committed_1y_hourly_usd) == (
        Decimal("1.4"), Decimal("0.9"),
    )  # fmt: skip
    assert (plan.committed_1y_kind, plan.committed_1y_payment_option) == (
        "savings_plan", "all_upfront",
    )  # fmt: skip
    assert plan.committed_1y_upfront_usd == Decimal(7884)


def test_gcp_publishes_the_rest_and_names_what_is_bad(replay: Replay) -> None:
    replay.known_before(
        ("gce", "us-central1", "a2-ultragpu-1g", "5"),
        ("gce", "us-central1", "g2-standard-4", "0.7"),
        ("gce", "us-central1", "a4-highgpu-8g", "100"),
        ("gce", "us-central1", "g4-standard-48", "5"),
    )
    accepted = [("nothing_vanished", "gce accelerator *")]
    outcome = replay.refresh("gcp", accepted)
    assert outcome.status is Status.PUBLISHED, outcome.error
    prices = replay.prices("gcp")
    assert set(prices) == {"a2-ultragpu-1g", "g2-standard-4"}
    assert prices["g2-standard-4"] == "0.648"  # 4 x 0.025 + 16 x 0.003 + 0.5: not the tier at 0
    # Started when there is room: 12 cores, 170 GiB, one card, 375 GiB of disk at its own prices.
    expected = 12 * Decimal("0.015") + 170 * Decimal("0.002") + Decimal("1.8")
    expected += Decimal(375) / 730 * Decimal("0.05")
    flex = replay.prices("gcp", "flex_start")
    assert flex["a2-ultragpu-1g"] == f"{expected.quantize(Decimal('1e-9')).normalize():f}"
    assert flex["a4-highgpu-8g"] == "64"
    assert replay.prices("gcp", "capacity_block") == {"a4-highgpu-8g": "88"}
    assert replay.prices("gcp", "spot")["a4-highgpu-8g"] == "40"
    notes = "; ".join(outcome.notes)
    assert "two SKUs with different prices: G4 core in us-central1" in notes
    assert "Nvidia Tesla T4 GPU running in Americas: IndexError" in notes
    assert "'Nvidia Tesla V100 GPU running in Americas' is priced in EUR" in notes


def test_a_machine_withheld_keeps_its_price_of_before(replay: Replay) -> None:
    replay.known_before(
        ("azure-vm", "westeurope", "Standard_NC8as_T4_v3", "0.85"),
        ("azure-vm", "westeurope", "Standard_NC64as_T4_v3", "5"),
    )
    outcome = replay.refresh("azure")
    assert outcome.status is Status.PUBLISHED, outcome.error
    prices = replay.prices("azure")
    assert prices["Standard_NC8as_T4_v3"] == "0.85"
    assert prices["Standard_NC64as_T4_v3"] == "5.2"


def test_a_jump_is_withheld_and_may_be_accepted(replay: Replay) -> None:
    replay.known_before(("azure-vm", "westeurope", "Standard_NC96ads_A100_v4", "2"))
    outcome = replay.refresh("azure")
    assert {v.gate for v in outcome.withheld} == {"price_did_not_jump", "offers_are_unique"}
    assert replay.prices("azure")["Standard_NC96ads_A100_v4"] == "2"
    assert not replay.prices("azure", "committed"), "the whole machine is withheld"
    accepted = [("price_did_not_jump", "azure-vm westeurope Standard_NC96ads_A100_v4 *")]
    assert replay.refresh("azure", accepted).status is Status.PUBLISHED
    assert replay.prices("azure")["Standard_NC96ads_A100_v4"] == "15"


def test_two_prices_for_one_thing_are_never_accepted(replay: Replay) -> None:
    outcome = replay.refresh("azure", [("offers_are_unique", "*")])
    assert outcome.machines_withheld
    assert "Standard_NC8as_T4_v3" not in replay.prices("azure")


def test_a_vanished_card_holds_back_one_service_only(replay: Replay) -> None:
    replay.known_before(
        ("sagemaker", "us-east-1", "ml.g5.xlarge", "1.35"),
        ("sagemaker", "us-east-1", "ml.p4d.24xlarge", "25"),
        ("ec2", "us-east-1", "g5.xlarge", "0.9"),
    )
    outcome = replay.refresh("aws")
    assert outcome.status is Status.PUBLISHED, outcome.error
    (violation,) = outcome.kept["sagemaker"]
    assert violation.subject == "sagemaker accelerator A100-40GB"
    prices = replay.prices("aws")
    assert (prices["ml.g5.xlarge"], prices["ml.p4d.24xlarge"]) == ("1.35", "25")
    assert prices["g5.xlarge"] == "1"


def test_a_retired_machine_may_go(replay: Replay) -> None:
    replay.known_before(("azure-vm", "westeurope", "Standard_NC6s_v3", "3"))
    outcome = replay.refresh("azure")
    assert outcome.status is Status.PUBLISHED, outcome.error
    assert not outcome.kept
    assert "Standard_NC6s_v3" not in replay.prices("azure")


def test_a_list_of_which_nothing_is_left_is_refused(replay: Replay) -> None:
    replay.known_before(("azure-vm", "westeurope", "Standard_ND96isr_MI300X_v5", "50"))
    outcome = replay.refresh("azure")
    assert outcome.status is Status.FAILED
    assert isinstance(outcome.error, SnapshotRefusedError)
    assert "azure-vm accelerator MI300X" in str(outcome.error.violations)
    assert "--accept 'nothing_vanished=azure-vm accelerator MI300X'" in outcome.error.advice


def test_what_is_withheld_lies_beside_the_snapshot_and_goes_with_it(replay: Replay) -> None:
    outcome = replay.refresh("azure")
    assert outcome.path is not None
    beside = snapshots.withheld_beside(outcome.path)
    kept = json.loads(beside.read_text())
    assert {row["instance_type"] for row in kept["rows"]} == {"Standard_NC8as_T4_v3"}
    assert kept["services"] == {}


def test_explain_says_what_became_of_each_row(replay: Replay) -> None:
    verdicts = replay.explain("azure", "Standard_NCC40ads_H100_v5")
    assert verdicts == [
        "on_demand 7.500000000",
        "left out: not shared Linux: Win",
        "spot 1.900000000",
        "left out: not shared Linux: Win",
    ]
    rows = replay.explain("aws", "p4d.24xlarge")
    assert "OnDemand 20.0000000000 per Hrs" in rows
    for why in ("locationtype is AWS Outposts", "operatingsystem is Windows",
                "marketoption is CapacityBlock", "it starts on 2099-01-01"):  # fmt: skip
        assert f"left out: {why}" in rows
    units = replay.explain("gcp", "a2-ultragpu-1g")
    assert "on_demand A100-80GB: 3.9" in units
    assert "flex_start A2 core: 0.015" in units


def test_pages_saved_by_other_means_are_read_under_any_name(replay: Replay) -> None:
    folder = replay.captures / "azure"
    page = json.loads((folder / "consumption-0001.json").read_text())
    (folder / "consumption-0001.json").unlink()
    (folder / "westeurope-h100.json").write_text(json.dumps(page["Items"][:4]))
    page["Items"] = page["Items"][4:]
    (folder / "everything-else.json").write_text(json.dumps(page))
    assert replay.refresh("azure").status is Status.PUBLISHED
    assert replay.prices("azure")["Standard_NCC40ads_H100_v5"] == "7.5"
    assert replay.prices("azure")["Standard_NC96ads_A100_v4"] == "15"


def test_a_list_without_reservations_says_nothing_about_them(replay: Replay) -> None:
    replay.refresh("azure")
    before = replay.prices("azure", "committed")
    (replay.captures / "azure" / "reservation-0001.json").unlink()
    assert replay.refresh("azure").status is Status.PUBLISHED
    assert replay.prices("azure", "committed") == before


@pytest.mark.parametrize(
    ("cloud", "name", "key"),
    [("azure", "consumption-0001.json", "NextPageLink"), ("gcp", "skus-0001.json",
                                                          "nextPageToken")],
)  # fmt: skip
def test_a_page_that_points_to_a_missing_one_refuses_the_cloud(
    replay: Replay, cloud: str, name: str, key: str
) -> None:
    path = replay.captures / cloud / name
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: "more"}))
    outcome = replay.refresh(cloud)
    assert outcome.status is Status.FAILED
    assert "is missing" in str(outcome.error)


def test_a_torn_page_refuses_the_cloud(replay: Replay) -> None:
    page = replay.captures / "azure" / "consumption-0001.json"
    page.write_bytes(page.read_bytes()[:-300])
    assert replay.refresh("azure").status is Status.FAILED
    assert not list(replay.store.root.rglob("*.parquet"))


def test_a_service_of_which_a_tenth_is_withheld_keeps_its_prices() -> None:
    day = datetime(2026, 3, 1, tzinfo=UTC).date()

    def offer(index: int, usd: str) -> Offer:
        return Offer("aws", "ec2", f"r-{index}", "g5.xlarge", PricingModel.ON_DEMAND, None, None,
                     None, Decimal(usd), Decimal(0), Decimal(usd), "USD", day, "test")  # fmt: skip

    sound = [offer(index, "1") for index in range(60)]
    types = Catalog().instance_types

    def sift(bad: int) -> gates.Sifted:
        offers = [replace(o, source="") if n < bad else o for n, o in enumerate(sound)]
        coverage = snapshots.coverage_of(offers)
        return gates.sift(gates.Candidate(offers, coverage, types, MEMORY))

    assert not sift(6).kept
    assert len(sift(6).offers) == 54
    assert sift(7).kept["ec2"][0].gate == "few_rows_are_withheld"
    assert not sift(7).offers


def test_a_scope_speaks_of_all_but_what_it_leaves_out() -> None:
    scope = scopes.leave_out("*", {"p5.48xlarge"})
    assert scope == "* -p5.48xlarge"
    assert scopes.holds(scope, "p4d.24xlarge")
    assert not scopes.holds(scope, "p5.48xlarge")
    assert scopes.leave_out("a2-*", {"p5.48xlarge"}) == "a2-*"
    assert scopes.leave_out(scope, {"g5.xlarge"}) == "* -g5.xlarge -p5.48xlarge"
