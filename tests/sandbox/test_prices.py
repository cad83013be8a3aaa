"""The simulated price interfaces: a refresh reads all three clouds, and real prices stay away."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import httpx2
import pytest

from planner.cli.app import run
from planner.pricing import store
from planner.pricing.catalog import Catalog, Query
from planner.pricing.sources.aws_blocks import hourly

if TYPE_CHECKING:
    from pathlib import Path

    from planner.sandbox.server import Sandbox


def refresh(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        run(["refresh", *arguments])
    return int(ended.value.code or 0)


@pytest.mark.long
@pytest.mark.usefixtures("sandbox")
def test_a_refresh_in_the_sandbox_reads_all_clouds_and_says_what_moved(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLANNER_DATA_DIR", str(tmp_path / "real"))
    monkeypatch.setenv("PLANNER_CATALOG_URL", "http://127.0.0.1:1")
    assert refresh("--format", "json") == 0
    outcomes = {o["cloud"]: o for o in json.loads(capsys.readouterr().out)}
    for cloud, outcome in outcomes.items():
        assert (outcome["status"], outcome["withheld"], outcome["kept"]) == ("published", 0, "")
        assert outcome["fell"] > 0, cloud
    assert not (tmp_path / "real").exists(), "simulated prices never lie among real ones"
    catalog = Catalog(store.open_store().root)
    blocks = catalog.offers(Query(pricing_models=("capacity_block",)))
    assert {o.service for o in blocks} == {"ec2", "sagemaker"}
    assert {o.source for o in catalog.offers(Query(pricing_models=("spot",), clouds=("aws",)))} == {
        "EC2 DescribeSpotPriceHistory"
    }
    plans = Query(commitments=("savings_plan",), clouds=("aws",))
    assert all(o.instance_type.startswith("ml.") for o in catalog.offers(plans))


@pytest.mark.long
def test_the_simulated_price_lists_hold_traps(sandbox: Sandbox) -> None:
    base = sandbox.endpoints.prices
    path = "/offers/v1.0/aws/AmazonEC2/current/region_index.json"
    regions = httpx2.get(f"{base}{path}").json()["regions"]
    url = regions["us-east-1"]["currentVersionUrl"].replace(".json", ".csv")
    answer = httpx2.get(f"{base}{url}")
    for trap in ("AWS Outposts", "CapacityBlock", "Windows", "Upfront"):
        assert trap in answer.text
    again = httpx2.get(f"{base}{url}", headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304


def test_an_offering_is_priced_by_its_hours_and_machines() -> None:
    block = {"UpfrontFee": "755.136", "CurrencyCode": "USD", "CapacityBlockDurationHours": 24}
    assert str(hourly(block | {"InstanceCount": 1})) == "31.464000000"
    assert str(hourly(block | {"InstanceCount": 2})) == "15.732000000"
    plan = {"UpfrontFee": "100", "CurrencyCode": "USD", "DurationHours": 24, "DurationMinutes": 60,
            "ReservedCapacityOfferings": [{"InstanceCount": 2}]}  # fmt: skip
    assert str(hourly(plan)) == "2.000000000"
    assert hourly(block | {"CurrencyCode": "EUR"}) is None
    assert hourly({"CurrencyCode": "USD"}) is None
