"""What AWS tells only to an account: spot prices, and the GPUs of new instance types."""

from __future__ import annotations

from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from planner.errors import PlannerError
from planner.pricing.instance_types import InstanceType
from planner.pricing.offer import Offer, PricingModel, to_nano
from planner.pricing.snapshots import Coverage
from planner.pricing.sources import aws_blocks
from planner.pricing.sources.aws_types import RegionPart
from planner.pricing.sources.interface import named

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import date

    from planner.pricing.sources.interface import Known

_WORKERS = 4
_MIB_PER_GIB = 1024


def collect(parts: Sequence[RegionPart], as_of: date) -> list[RegionPart]:
    """Return spot and capacity block offers for the regions read.

    Without credentials, and where the account may not ask, the notes say so.
    """
    if not has_credentials():
        note = "no AWS credentials: spot and capacity block prices are those of before"
        return [RegionPart("", notes=[note])]
    return [_everywhere(ask, parts, as_of) for ask in (_spot, aws_blocks.in_region)]


def _everywhere(
    ask: Callable[[RegionPart, date], RegionPart], parts: Sequence[RegionPart], as_of: date
) -> RegionPart:
    found = RegionPart("")
    with ThreadPoolExecutor(_WORKERS, "aws account") as pool:
        for answer in pool.map(lambda part: ask(part, as_of), parts):
            found.offers += answer.offers
            found.coverage += answer.coverage
            found.notes += answer.notes
    if found.notes:
        found.notes = [named(sorted(set(found.notes)), 1)]
    return found


def spot_offers(client: Any, region: str, types: Sequence[str], as_of: date) -> list[Offer]:  # noqa: ANN401 - boto3 makes its clients at run time
    """Return the spot price of each type in a region: that of its cheapest zone, now."""
    zones: dict[str, dict[str, Decimal]] = defaultdict(dict)
    pages = client.get_paginator("describe_spot_price_history").paginate(
        ProductDescriptions=["Linux/UNIX"],
        InstanceTypes=list(types),
        StartTime=datetime.now(UTC),
    )
    for page in pages:
        for item in page["SpotPriceHistory"]:
            zones[item["InstanceType"]][item["AvailabilityZone"]] = Decimal(item["SpotPrice"])
    offers = []
    for name, prices in sorted(zones.items()):
        zone, price = min(prices.items(), key=lambda pair: (pair[1], pair[0]))
        if price > 0:
            offers.append(
                Offer(
                    cloud="aws", service="ec2", region=region, instance_type=name,
                    pricing_model=PricingModel.SPOT, commitment=None, term_years=None,
                    payment_option=None, hourly_usd=to_nano(price), upfront_usd=Decimal(0),
                    effective_hourly_usd=to_nano(price), currency="USD", as_of=as_of,
                    source="EC2 DescribeSpotPriceHistory",
                    note=f"{zone}, the cheapest of {len(prices)} zones", sku="Linux/UNIX",
                )
            )  # fmt: skip
    return offers


def _spot(part: RegionPart, as_of: date) -> RegionPart:
    from planner.clouds import aws

    found = RegionPart(part.region)
    types = sorted({o.instance_type for o in part.offers if o.service == "ec2"})
    if not types:
        return found
    try:
        with aws.errors("read spot prices", action="ec2:DescribeSpotPriceHistory"):
            found.offers += spot_offers(aws.client("ec2", part.region), part.region, types, as_of)
    except PlannerError as error:
        found.notes.append(f"no spot prices: {error}")
    else:
        found.coverage.append(
            Coverage("ec2", part.region, PricingModel.SPOT, None, None, None, "*")
        )
    return found


def describe(region: str, names: Sequence[str], known: Known) -> list[InstanceType]:
    """Return those of the instance types whose GPU the account's own API can name."""
    from planner.clouds import aws

    found: list[InstanceType] = []
    with suppress(PlannerError), aws.errors("describe", action="ec2:DescribeInstanceTypes"):
        pages = aws.client("ec2", region).get_paginator("describe_instance_types")
        for page in pages.paginate(InstanceTypes=list(names)):
            made = (instance_type(item, known) for item in page["InstanceTypes"])
            found += [item for item in made if item is not None]
    return found


def instance_type(item: Any, known: Known) -> InstanceType | None:  # noqa: ANN401 - the API's answer
    """Return the type that DescribeInstanceTypes describes; None for a GPU planner lacks."""
    gpus = item.get("GpuInfo", {}).get("Gpus", ())
    if len(gpus) != 1:
        return None
    gpu = gpus[0]
    # A share of a card has Count 0; LogicalGpuCount says how much of it there is.
    count, share = _count(gpu), float(gpu.get("GpuPartitionSize") or 1)
    memory = gpu["MemoryInfo"]["SizeInMiB"] / _MIB_PER_GIB
    maker = f"{gpu.get('Manufacturer', '')} {gpu['Name']}"
    accelerator = known.names.find(maker, memory) or known.names.find(maker, memory / share)
    if accelerator is None or count <= 0:
        return None
    storage = item.get("InstanceStorageInfo", {}).get("TotalSizeInGB", 0)
    return InstanceType(
        cloud="aws",
        service="ec2",
        instance_type=item["InstanceType"],
        accelerator=accelerator,
        accelerator_count=int(count) if count.is_integer() else count,
        accelerator_memory_gib=known.names.memory_gib[accelerator] * min(count, 1),
        vcpus=item["VCpuInfo"]["DefaultVCpus"],
        memory_gib=item["MemoryInfo"]["SizeInMiB"] / _MIB_PER_GIB,
        interconnect="",
        local_storage_gb=storage,
        quota_family="",
        source="EC2 DescribeInstanceTypes",
    )


def _count(gpu: Any) -> float:  # noqa: ANN401 - the API's answer
    """Return how many cards a machine has, below 1 for a share of one.

    LogicalGpuCount counts devices as whole or partial cards; where GpuPartitionSize says that
    each is a part, a count of devices is that many parts.
    """
    logical = float(gpu.get("LogicalGpuCount") or 0)
    share = float(gpu.get("GpuPartitionSize") or 1)
    if logical and share < 1 and logical.is_integer():
        return logical * share
    return logical or float(gpu.get("Count") or 0)


def has_credentials() -> bool:
    """Tell whether there is anything to sign in to AWS with."""
    from planner.clouds import aws

    try:
        return aws.session().get_credentials() is not None
    except PlannerError:
        return False
