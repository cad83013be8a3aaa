"""Small price lists with a trap for every way the real ones mislead, and what is right."""

from __future__ import annotations

import copy
import itertools
import json
from typing import TYPE_CHECKING, Any

from fake_price_servers import AWS_VERSION, PriceServer, price_file

if TYPE_CHECKING:
    from collections.abc import Iterable

EC2 = "/offers/v1.0/aws/AmazonEC2"
SAGEMAKER = "/offers/v1.0/aws/AmazonSageMaker"
COMPUTE_PLANS = "/savingsPlan/v1.0/aws/AWSComputeSavingsPlan"
ML_PLANS = "/savingsPlan/v1.0/aws/AWSMachineLearningSavingsPlans"
EC2_COLUMNS = (
    "SKU", "OfferTermCode", "RateCode", "TermType", "PriceDescription", "EffectiveDate", "Unit",
    "PricePerUnit", "Currency", "LeaseContractLength", "PurchaseOption", "OfferingClass",
    "Product Family", "serviceCode", "Location", "Instance Type", "vCPU", "Memory", "Tenancy",
    "Operating System", "License Model", "usageType", "operation", "CapacityStatus", "GPU",
    "GPU Memory", "MarketOption", "Pre Installed S/W", "Region Code",
)  # fmt: skip
SAGEMAKER_COLUMNS = (
    "SKU", "OfferTermCode", "TermType", "Unit", "PricePerUnit", "Currency", "Product Family",
    "Instance Type", "Instance Name", "Component", "vCpu", "Memory", "GPU", "usageType",
    "operation", "Region Code",
)  # fmt: skip
PLAN_COLUMNS = (
    "SKU", "RateCode", "Unit", "EffectiveDate", "DiscountedRate", "Currency", "DiscountedSKU",
    "DiscountedServiceCode", "DiscountedUsageType", "DiscountedOperation", "PurchaseOption",
    "LeaseContractLength", "LeaseContractLengthUnit", "ServiceCode", "UsageType", "Operation",
    "Description", "Instance Family", "Location", "Location Type", "Granularity",
    "Product Family", "DiscountedRegionCode", "DiscountedInstanceType",
)  # fmt: skip


def ec2_row(sku: str, instance_type: str, price: str, **other: str) -> dict[str, str]:
    """Return an on-demand row of a Linux machine, shared; ``other`` replaces columns."""
    row = {
        "SKU": sku, "TermType": "OnDemand", "Unit": "Hrs", "PricePerUnit": price,
        "Currency": "USD", "Product Family": "Compute Instance", "serviceCode": "AmazonEC2",
        "Instance Type": instance_type, "vCPU": "96", "Memory": "1152 GiB", "Tenancy": "Shared",
        "Operating System": "Linux", "License Model": "No License required",
        "usageType": f"BoxUsage:{instance_type}", "operation": "RunInstances",
        "CapacityStatus": "Used", "GPU": "8", "GPU Memory": "NA", "MarketOption": "OnDemand",
        "Pre Installed S/W": "NA", "Region Code": "us-east-1",
    }  # fmt: skip
    return row | {name.replace("_", " "): value for name, value in other.items()}


def reserved(
    row: dict[str, str], option: str, hourly: str, upfront: str = "", **other: str
) -> list[dict[str, str]]:
    """Return the rows of a reservation: an hourly rate, and an upfront fee per Quantity."""
    terms = {"TermType": "Reserved", "LeaseContractLength": "1yr", "PurchaseOption": option,
             "OfferingClass": "standard"} | other  # fmt: skip
    rows = [{**row, **terms, "Unit": "Hrs", "PricePerUnit": hourly}]
    if upfront:
        rows.append({**row, **terms, "Unit": "Quantity", "PricePerUnit": upfront,
                     "PriceDescription": "Upfront Fee"})  # fmt: skip
    return rows


P4D = ec2_row("P4DLINUX", "p4d.24xlarge", "20.0000000000")
G5 = ec2_row("G5LINUX", "g5.xlarge", "1.0000000000", vCPU="4", Memory="16 GiB", GPU="1")
EC2_ROWS: list[dict[str, str]] = [
    P4D,
    *reserved(P4D, "No Upfront", "12.0000000000"),
    *reserved(P4D, "Partial Upfront", "6.0000000000", "43800"),
    *reserved(P4D, "All Upfront", "0.0000000000", "96360"),
    *reserved(P4D, "No Upfront", "13.0000000000", OfferingClass="convertible"),
    *reserved(P4D, "No Upfront", "9.0000000000", LeaseContractLength="3yr"),
    G5,
    # The traps: each would be a price of the same machine.
    ec2_row("P4DWIN", "p4d.24xlarge", "24.4", Operating_System="Windows",
            operation="RunInstances:0002"),
    ec2_row("P4DBYOL", "p4d.24xlarge", "20.1", Operating_System="Windows",
            License_Model="Bring your own license", operation="RunInstances:0800"),
    ec2_row("P4DDED", "p4d.24xlarge", "22.0", Tenancy="Dedicated",
            usageType="DedicatedUsage:p4d.24xlarge"),
    ec2_row("P4DSQL", "p4d.24xlarge", "31.0", **{"Pre Installed S/W": "SQL Web"}),
    ec2_row("P4DIDLE", "p4d.24xlarge", "20.2", CapacityStatus="UnusedCapacityReservation"),
    ec2_row("P4DBLOCK", "p4d.24xlarge", "0.0", MarketOption="CapacityBlock"),
    ec2_row("P4DSUSE", "p4d.24xlarge", "20.3", Operating_System="SUSE"),
    # A machine without a GPU, a price of 0, a new size of a known family, a new family.
    ec2_row("M5LINUX", "m5.large", "0.1", GPU=""),
    ec2_row("G6FREE", "g6.xlarge", "0.0000000000", vCPU="4", Memory="16 GiB", GPU="1"),
    ec2_row("G5NEW", "g5.32xlarge", "9.5", vCPU="128", Memory="512 GiB", GPU="4"),
    ec2_row("P9NEW", "p9.48xlarge", "80.0"),
]  # fmt: skip


def sagemaker_row(sku: str, name: str, price: str, component: str = "Hosting") -> dict[str, str]:
    """Return a row of an ML instance."""
    return {
        "SKU": sku, "TermType": "OnDemand", "Unit": "Hrs", "PricePerUnit": price,
        "Currency": "USD", "Product Family": "ML Instance", "Instance Name": name,
        "Instance Type": f"{name}-{component}", "Component": component, "vCpu": "4",
        "Memory": "16 GiB", "GPU": "1", "usageType": f"USE1-Host:{name}",
        "operation": "RunInstance", "Region Code": "us-east-1",
    }  # fmt: skip


SAGEMAKER_ROWS = [
    sagemaker_row("MLG5HOST", "ml.g5.xlarge", "1.4000000000"),
    sagemaker_row("MLG5TRAIN", "ml.g5.xlarge", "1.3000000000", "Training"),
    sagemaker_row("MLG5NB", "ml.g5.xlarge", "1.2000000000", "Notebook"),
]


def plan_row(
    sku: str, rate: str, option: str, family: str, operation: str = "RunInstances"
) -> dict[str, str]:
    """Return a one-year Savings Plans rate of an on-demand SKU."""
    return {
        "SKU": "PLAN", "Unit": "Hrs", "DiscountedRate": rate, "Currency": "USD",
        "DiscountedSKU": sku, "DiscountedServiceCode": "AmazonEC2",
        "DiscountedUsageType": "BoxUsage:p4d.24xlarge", "DiscountedOperation": operation,
        "PurchaseOption": option, "LeaseContractLength": "1", "LeaseContractLengthUnit": "year",
        "Product Family": family, "DiscountedRegionCode": "us-east-1",
    }  # fmt: skip


COMPUTE_PLAN_ROWS = [
    plan_row("P4DLINUX", "15.0", "No Upfront", "ComputeSavingsPlans"),
    plan_row("P4DLINUX", "14.5", "Partial Upfront", "ComputeSavingsPlans"),
    plan_row("P4DLINUX", "14.0", "All Upfront", "ComputeSavingsPlans"),
    plan_row("P4DLINUX", "13.5", "No Upfront", "EC2InstanceSavingsPlans"),
    # Last write must not win: BYOL, Windows and dedicated rates of the same usage type.
    plan_row("P4DBYOL", "15.1", "No Upfront", "ComputeSavingsPlans", "RunInstances:0800"),
    plan_row("P4DWIN", "19.0", "No Upfront", "ComputeSavingsPlans", "RunInstances:0002"),
    plan_row("P4DDED", "16.0", "No Upfront", "EC2InstanceSavingsPlans"),
    plan_row("P4DLINUX", "11.0", "No Upfront", "QuantumSavingsPlans"),
]
ML_PLAN_ROWS = [
    plan_row("MLG5HOST", "1.0", "No Upfront", "SageMakerSavingsPlans"),
    plan_row("MLG5TRAIN", "0.9", "No Upfront", "SageMakerSavingsPlans"),
]


def aws_files(
    ec2_rows: Iterable[dict[str, str]] = EC2_ROWS,
    columns: tuple[str, ...] = EC2_COLUMNS,
    region: str = "us-east-1",
    version: str = AWS_VERSION,
) -> dict[str, bytes]:
    """Return every file of AWS for one region, with the indexes that name them."""
    files = {
        EC2: price_file(columns, list(ec2_rows), "AmazonEC2"),
        SAGEMAKER: price_file(SAGEMAKER_COLUMNS, SAGEMAKER_ROWS, "AmazonSageMaker"),
        COMPUTE_PLANS: price_file(PLAN_COLUMNS, COMPUTE_PLAN_ROWS, "AWSComputeSavingsPlan"),
        ML_PLANS: price_file(PLAN_COLUMNS, ML_PLAN_ROWS, "AWSMachineLearningSavingsPlans"),
    }
    found = {}
    for base, body in files.items():
        url = f"{base}/{version}/{region}/index.json"
        key = "versionUrl" if base.startswith("/savingsPlan") else "currentVersionUrl"
        entry = {"regionCode": region, key: url}
        # A Local Zone is listed like a region.
        zone = {"regionCode": f"{region}-lax-1a", key: f"{base}/{version}/zone/index.json"}
        regions: Any = [entry, zone]
        if key == "currentVersionUrl":
            regions = {e["regionCode"]: e for e in regions}
        found[f"{base}/current/region_index.json"] = json.dumps({"regions": regions}).encode()
        found[url.replace(".json", ".csv")] = body
    return found


def ec2_path(version: str = AWS_VERSION, region: str = "us-east-1") -> str:
    """Return where the EC2 file lies."""
    return f"{EC2}/{version}/{region}/index.csv"


def azure_item(size: str, price: float, **other: Any) -> dict[str, Any]:
    """Return a Consumption item of a Linux machine."""
    series = other.pop("series", "Virtual Machines NCADS A100 v4 Series")
    return {
        "currencyCode": "USD", "tierMinimumUnits": 0.0, "retailPrice": price, "unitPrice": price,
        "armRegionName": "eastus", "location": "US East", "meterId": "m1",
        "effectiveStartDate": "2026-01-01T00:00:00Z", "meterName": size, "productId": "P",
        "skuId": "P/001", "productName": series, "skuName": size,
        "serviceName": "Virtual Machines", "serviceFamily": "Compute", "unitOfMeasure": "1 Hour",
        "type": "Consumption", "isPrimaryMeterRegion": True, "armSkuName": f"Standard_{size}",
    } | other  # fmt: skip


NC96 = "NC96ads_A100_v4"
PLANS = [{"unitPrice": 8.0, "retailPrice": 8.0, "term": "3 Years"},
         {"unitPrice": 12.0, "retailPrice": 12.0, "term": "1 Year"}]  # fmt: skip
AZURE_ITEMS: list[dict[str, Any]] = [
    azure_item(NC96, 14.0, savingsPlan=PLANS),
    azure_item(NC96, 4.0, skuName=f"{NC96} Spot", meterName=f"{NC96} Spot"),
    azure_item(NC96, 87600.0, type="Reservation", reservationTerm="1 Year", skuId="P/002"),
    azure_item(NC96, 183960.0, type="Reservation", reservationTerm="3 Years", skuId="P/003"),
    # The traps.
    azure_item(NC96, 18.4, productName="Virtual Machines NCADS A100 v4 Series Windows"),
    azure_item(NC96, 11.0, type="DevTestConsumption"),
    azure_item(NC96, 2.0, skuName=f"{NC96} Low Priority", meterName=f"{NC96} Low Priority"),
    azure_item(NC96, 13.0, productName="NCadsA100v4 Series CloudServices"),
    azure_item(NC96, 15.0, productName="NCadsA100v4 Series Dedicated Host"),
    azure_item(NC96, 16.0, effectiveEndDate="2026-02-01T00:00:00Z"),
    azure_item("NV36ads_A10_v5", 0.0, series="NVadsA10v5 Series Linux"),
    azure_item("NP10s", 1.65, series="Virtual Machines NP Series"),
    azure_item("ND999_X900_v9", 99.0, series="Virtual Machines ND X900 v9 Series"),
    azure_item("D2s_v5", 0.1, series="Virtual Machines Dsv5 Series"),
    azure_item("ND96isr_H100_v5", 98.0, series="Virtual Machines NDsr H100 v5 Series",
               skuName="Standard_ND96isr_H100_v5"),
]  # fmt: skip

_ids = itertools.count()


def gcp_sku(
    description: str, usd: str, usage: str = "OnDemand", unit: str = "h", *, group: str = "CPU"
) -> dict[str, Any]:
    """Return a SKU of the Cloud Billing Catalog; ``units`` is absent below a dollar."""
    whole, _, rest = usd.partition(".")
    price: dict[str, Any] = {"currencyCode": "USD", "nanos": int(rest.ljust(9, "0"))}
    if whole != "0":
        price["units"] = whole
    sku_id = f"{next(_ids):04X}-0000-0000"
    return {
        "name": f"services/6F81-5844-456A/skus/{sku_id}", "skuId": sku_id,
        "description": description,
        "category": {"serviceDisplayName": "Compute Engine", "resourceFamily": "Compute",
                     "resourceGroup": group, "usageType": usage},
        "serviceRegions": ["us-central1"],
        "pricingInfo": [{"summary": "", "pricingExpression": {
            "usageUnit": unit, "displayQuantity": 1,
            "tieredRates": [{"startUsageAmount": 0, "unitPrice": price}]},
            "currencyConversionRate": 1, "effectiveTime": "2026-11-20T00:00:00Z"}],
        "serviceProviderName": "Google",
    }  # fmt: skip


def gcp_skus() -> list[dict[str, Any]]:
    """Return the units of a2-ultragpu and g2, with the traps among them."""
    in_americas = "running in Americas"
    return [
        gcp_sku(f"A2 Instance Core {in_americas}", "0.03"),
        gcp_sku(f"A2 Instance Ram {in_americas}", "0.004", unit="GiBy.h", group="RAM"),
        gcp_sku(f"Nvidia Tesla A100 80GB GPU {in_americas}", "3.9", group="GPU"),
        gcp_sku(f"Nvidia Tesla A100 GPU {in_americas}", "2.9", group="GPU"),
        gcp_sku("SSD backed Local Storage", "0.08", unit="GiBy.mo", group="LocalSSD"),
        gcp_sku(f"Spot Preemptible A2 Instance Core {in_americas}", "0.01", "Preemptible"),
        gcp_sku(f"Spot Preemptible A2 Instance Ram {in_americas}", "0.001", "Preemptible",
                "GiBy.h", group="RAM"),
        # Filed under OnDemand, but it is a Spot price.
        gcp_sku(f"Nvidia Tesla A100 80GB GPU attached to Spot Preemptible VMs {in_americas}",
                "1.5", "OnDemand", group="GPU"),
        gcp_sku("SSD backed Local Storage attached to Spot Preemptible VMs", "0.04",
                "Preemptible", "GiBy.mo", group="LocalSSD"),
        gcp_sku("Commitment v1: A2 Cpu in Americas for 1 Year", "0.02", "Commit1Yr"),
        gcp_sku("Commitment v1: A2 Ram in Americas for 1 Year", "0.003", "Commit1Yr", "GiBy.h"),
        gcp_sku("Commitment v1: Nvidia Tesla A100 80GB GPU running in Americas for 1 Year",
                "2.5", "Commit1Yr", group="GPU"),
        # The traps: not what an hour of the machine costs.
        gcp_sku(f"DWS Defined Duration A2 Instance Core {in_americas}", "0.001"),
        gcp_sku(f"A2 Sole Tenancy Instance Core {in_americas}", "0.09"),
        gcp_sku(f"Reserved A2 Instance Core {in_americas}", "0.08"),
        # G2 has no GPU price here: $0.94 for a machine of $4.05 must not come of it.
        gcp_sku(f"G2 Instance Core {in_americas}", "0.025"),
        gcp_sku(f"G2 Instance Ram {in_americas}", "0.003", unit="GiBy.h", group="RAM"),
    ]  # fmt: skip


def price_server() -> PriceServer:
    """Return a server with all three price lists; serve it with ``fake_price_servers.serve``."""
    return PriceServer(
        files=aws_files(), azure_items=copy.deepcopy(AZURE_ITEMS), gcp_skus=gcp_skus()
    )
