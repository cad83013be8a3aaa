"""What the clouds tell only to an account, in the shape of their recorded answers."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from planner.pricing import instance_types
from planner.pricing.sources import aws_account, azure_account, gcp_account, gcp_skus, names
from planner.pricing.sources.interface import Known, SourceChangedError
from planner.serving import accelerators

MEMORY = {a.accelerator: a.memory_gib for a in accelerators.all_accelerators()}
KNOWN = Known(instance_types.bundled(), names.load(MEMORY))


def test_ec2_names_the_gpus_of_a_new_family() -> None:
    item = {
        "InstanceType": "p9.48xlarge",
        "VCpuInfo": {"DefaultVCpus": 192},
        "MemoryInfo": {"SizeInMiB": 2097152},
        "InstanceStorageInfo": {"TotalSizeInGB": 30400},
        "GpuInfo": {
            "Gpus": [
                {"Name": "B200", "Manufacturer": "NVIDIA", "Count": 8,
                 "MemoryInfo": {"SizeInMiB": 183359}}
            ]
        },
    }  # fmt: skip
    made = aws_account.instance_type(item, KNOWN)
    assert made is not None
    assert (made.accelerator, made.accelerator_count, made.memory_gib) == ("B200", 8, 2048)
    assert made.accelerator_memory_gib == MEMORY["B200"]


def test_a_gpu_that_planner_lacks_is_not_guessed() -> None:
    item: dict[str, Any] = {
        "InstanceType": "p9.48xlarge",
        "GpuInfo": {"Gpus": [{"Name": "X900", "Manufacturer": "NVIDIA", "Count": 8,
                              "MemoryInfo": {"SizeInMiB": 999999}}]},
    }  # fmt: skip
    assert aws_account.instance_type(item, KNOWN) is None
    assert aws_account.instance_type({"InstanceType": "m5.large"}, KNOWN) is None


def azure_sku(size: str, gpus: str = "8") -> dict[str, Any]:
    facts = {"vCPUs": "96", "MemoryGB": "1900", "GPUs": gpus}
    return {
        "resourceType": "virtualMachines", "name": size, "family": "standardNDSv9Family",
        "capabilities": [{"name": k, "value": v} for k, v in facts.items()],
    }  # fmt: skip


def test_a_new_azure_size_is_named_after_its_card() -> None:
    size = "Standard_ND128isr_H200_v9"
    (made,) = azure_account.from_skus([azure_sku(size)], [size], KNOWN)
    assert (made.accelerator, made.accelerator_count, made.vcpus) == ("H200", 8, 96)
    assert made.quota_family == "standardNDSv9Family"


@pytest.mark.parametrize("size", ["Standard_ND96_X900_v9", "Standard_NC96ads_A100_v9"])
def test_a_card_that_the_size_does_not_settle_is_not_guessed(size: str) -> None:
    assert azure_account.from_skus([azure_sku(size)], [size], KNOWN) == []


def machine(name: str, card: str | None = None, zone: str = "us-central1-a") -> dict[str, Any]:
    item: dict[str, Any] = {"name": name, "zone": zone, "guestCpus": 208, "memoryMb": 1916928}
    if card:
        item["accelerators"] = [{"guestAcceleratorType": card, "guestAcceleratorCount": 8}]
        item["bundledLocalSsds"] = {"defaultInterface": "NVME", "partitionCount": 16}
    return item


def test_compute_engine_tells_which_machine_is_sold_where() -> None:
    machines = [
        machine("a3-megagpu-4g", "nvidia-h100-mega-80gb"),
        machine("a2-highgpu-1g", "nvidia-tesla-a100", "europe-west4-b"),
        machine("a2-highgpu-1g", "nvidia-tesla-a100", "us-central1-c"),
        machine("n2-standard-4"),
        machine("a9-megagpu-8g", "nvidia-x900"),
        machine("g2-standard-4", "nvidia-l4") | {"deprecated": {"state": "DEPRECATED"}},
    ]
    cards = [{"name": "nvidia-tesla-t4", "zone": "https://www.googleapis.com/zones/us-west1-b"}]
    sold = gcp_account.from_lists(machines, cards, KNOWN)
    assert sold.regions["a2-highgpu-1g"] == {"europe-west4", "us-central1"}
    assert sold.regions["n1-standard-4+1xnvidia-tesla-t4"] == {"us-west1"}
    assert "g2-standard-4" not in sold.regions
    (made,) = sold.new_types
    assert (made.instance_type, made.accelerator, made.local_storage_gb) == (
        "a3-megagpu-4g", "H100", 6000,
    )  # fmt: skip
    assert sold.notes == ("left out, planner cannot price them: a9-megagpu-8g",)


def sku(description: str, usage: str = "OnDemand", unit: str = "h", **price: Any) -> dict[str, Any]:
    return {
        "skuId": "X", "description": description, "category": {"usageType": usage},
        "serviceRegions": ["us-central1"],
        "pricingInfo": [{"pricingExpression": {"usageUnit": unit, "tieredRates": [
            {"startUsageAmount": 0, "unitPrice": {"currencyCode": "USD", **price}}]}}],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("entry", "unit", "way", "usd"),
    [
        (sku("Nvidia H100 80GB GPU running in Iowa", units="9", nanos=796550569),
         "H100", "ON_DEMAND", "9.796550569"),
        (sku("Nvidia H100 80GB Plus GPU running in Iowa", units="10"), "H100 Mega", "ON_DEMAND",
         "10"),
        (sku("RTX 6000 96GB attached to Spot Preemptible VMs running in Iowa", "Preemptible",
             nanos=5 * 10**8), "RTX-PRO-6000", "SPOT", "0.5"),
        (sku("Commitment v1: Cpu in Iowa for 3 Year", "Commit3Yr", nanos=10**7), "N1 core",
         "THREE_YEARS", "0.01"),
        (sku("G2 Instance Ram running in Iowa", unit="GBy.h", nanos=10**9 // 2), "G2 memory",
         "ON_DEMAND", "0.536870912"),
    ],
)  # fmt: skip
def test_a_sku_is_a_unit_under_a_way_of_paying(
    entry: dict[str, Any], unit: str, way: str, usd: str
) -> None:
    found = gcp_skus.read_skus([entry]).find(unit, "us-central1", gcp_skus.Way[way])
    assert found is not None
    assert found == Decimal(usd)


def test_two_skus_that_disagree_give_no_price_and_are_named() -> None:
    prices = gcp_skus.read_skus(
        [sku("Nvidia L4 GPU running in Iowa", units="1"), sku("Nvidia L4 GPU in Iowa", units="2")]
    )
    assert prices.find("L4", "us-central1", gcp_skus.Way.ON_DEMAND) is None
    assert prices.notes == ["left out, two SKUs with different prices: L4 in us-central1"]


@pytest.mark.parametrize(
    "entry",
    [
        sku("Nvidia L4 GPU running in Iowa", unit="mo", units="1"),
        sku("Nvidia L4 GPU running in Iowa", units="1", currencyCode="EUR"),
        {**sku("Nvidia L4 GPU running in Iowa"), "pricingInfo": []},
        {"skuId": "X", "description": "Nvidia L4 GPU running in Iowa"},
    ],
)
def test_a_price_in_a_way_never_seen_is_told(entry: dict[str, Any]) -> None:
    with pytest.raises(SourceChangedError):
        gcp_skus.read_skus([entry])
