"""FOCUS bills of three clouds, written by a script in the specification's own columns.

The rows are hours of machines, disks, commitments, credits, corrections and taxes, in the shapes
that each cloud's export has: AWS's tags are a map, Azure's a JSON text with amounts in US dollars
beside the billing currency, Google's a list of pairs with a machine billed in parts. What each
file sums up to is stated beside it, worked out by hand.
"""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

COLUMNS = (
    "BillingPeriodStart",
    "BillingPeriodEnd",
    "ChargePeriodStart",
    "ChargePeriodEnd",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "BilledCost",
    "EffectiveCost",
    "ListCost",
    "ContractedCost",
    "BillingCurrency",
    "PricingQuantity",
    "PricingUnit",
    "PricingCategory",
    "ProviderName",
    "ServiceName",
    "ServiceCategory",
    "ResourceId",
    "ResourceType",
    "SkuId",
    "CommitmentDiscountId",
    "CommitmentDiscountStatus",
    "Tags",
)


def row(**values: object) -> dict[str, Any]:
    """Return one row; what is not given is an hour of a tagged EC2 machine."""
    base = {
        "BillingPeriodStart": "2026-10-01T00:00:00Z",
        "BillingPeriodEnd": "2026-11-01T00:00:00Z",
        "ChargePeriodStart": "2026-10-05T10:00:00Z",
        "ChargePeriodEnd": "2026-10-05T11:00:00Z",
        "ChargeCategory": "Usage",
        "ChargeDescription": "$10 per On Demand Linux g5.48xlarge Instance Hour",
        "BilledCost": "10",
        "EffectiveCost": "10",
        "ListCost": "10",
        "BillingCurrency": "USD",
        "PricingQuantity": "1",
        "PricingUnit": "Hours",
        "PricingCategory": "Standard",
        "ProviderName": "AWS",
        "ServiceName": "Amazon Elastic Compute Cloud",
        "ServiceCategory": "Compute",
        "ResourceId": "arn:aws:ec2:us-east-1:123456789012:instance/i-0abc",
        "SkuId": "SKU-1",
        "Tags": '{"user:planner:endpoint": "chat", "team": "a"}',
    }
    return dict.fromkeys(COLUMNS, "") | base | values


def write_csv(
    path: Path, rows: Iterable[Mapping[str, Any]], columns: Iterable[str] = COLUMNS
) -> Path:
    """Write rows as CSV; what is no column is left out."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(columns), extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_parquet(path: Path, rows: Iterable[Mapping[str, Any]], tags: str = "map") -> Path:
    """Write rows as Parquet in the types that exports have.

    Args:
        path: The file.
        rows: As :func:`row` makes them.
        tags: ``map``, ``pairs`` (a list of key and value) or ``text``.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    made = list(rows)
    numbers = {"BilledCost", "EffectiveCost", "ListCost", "ContractedCost", "PricingQuantity"}
    table = {}
    for name in COLUMNS:
        values = [item.get(name) or None for item in made]
        if name in numbers:
            table[name] = pa.array([None if v is None else float(v) for v in values], pa.float64())
        elif name.endswith(("Start", "End")):
            plain = [None if v is None else v.removesuffix("Z") for v in values]
            table[name] = pa.array(plain, pa.string()).cast(pa.timestamp("us"))
            table[name] = table[name].cast(pa.timestamp("us", tz="UTC"))
        elif name == "Tags" and tags != "text":
            table[name] = _tags([json.loads(v) if v else {} for v in values], tags)
        else:
            table[name] = pa.array(values, pa.string())
    pq.write_table(pa.table(table), path)
    return path


def _tags(values: list[dict[str, str]], kind: str) -> Any:
    import pyarrow as pa

    if kind == "map":
        return pa.array([list(v.items()) for v in values], pa.map_(pa.string(), pa.string()))
    pair = pa.struct([("key", pa.string()), ("value", pa.string())])
    return pa.array(
        [[{"key": k, "value": x} for k, x in v.items()] for v in values], pa.list_(pair)
    )
