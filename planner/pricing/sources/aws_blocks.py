"""Capacity blocks: machines booked ahead for a fixed number of days, paid when booked.

EC2 sells Capacity Blocks for ML (``DescribeCapacityBlockOfferings``), SageMaker training plans
(``SearchTrainingPlanOfferings``), of which only those that may carry an endpoint count here.
Both answer to an account only. An offering is one price for all its hours.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from planner.errors import PlannerError
from planner.pricing.offer import Offer, PricingModel, to_nano
from planner.pricing.snapshots import Coverage
from planner.pricing.sources.aws_types import RegionPart

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import date

_HOURS_OF_A_DAY = 24
_MINUTES_OF_AN_HOUR = 60
# What may be booked: the types that botocore's models and the pricing page name.
_EC2 = ("p4d.24xlarge", "p4de.24xlarge", "p5.4xlarge", "p5.48xlarge", "p5e.48xlarge",
        "p5en.48xlarge", "p6-b200.48xlarge", "p6-b300.48xlarge", "trn1.32xlarge",
        "trn2.3xlarge", "trn2.48xlarge")  # fmt: skip
_SAGEMAKER = tuple(f"ml.{name}" for name in _EC2 if name != "trn2.3xlarge")
_NOTE = "a block of fixed days, paid when booked"


def in_region(part: RegionPart, as_of: date) -> RegionPart:
    """Return what of a region may be booked for a day from now on, the cheapest of each type.

    A type that a region does not sell is an error there, so each is asked for by itself.
    """
    found = RegionPart(part.region)
    _ask(found, "ec2", _EC2, _ec2_offerings, as_of)
    _ask(found, "sagemaker", _SAGEMAKER, _sagemaker_offerings, as_of)
    return found


def _ask(
    found: RegionPart,
    service: str,
    names: Sequence[str],
    offerings: Callable[[Any, str], Iterable[Mapping[str, Any]]],
    as_of: date,
) -> None:
    from botocore.parsers import ResponseParserError

    from planner.clouds import aws

    client = aws.client(service, found.region)
    for name in names:
        try:
            with aws.errors("read capacity blocks", action=_ACTIONS[service]):
                prices = [price for item in offerings(client, name) if (price := hourly(item))]
        except PlannerError as error:
            if error.exit_code == _NO_PERMISSION:
                found.notes.append(f"no capacity block prices: {error}")
                return
            continue
        except ResponseParserError:  # no answer of AWS: a proxy's, or a simulated cloud's
            return
        if prices:
            found.offers.append(offer(service, found.region, name, min(prices), as_of))
            model = PricingModel.CAPACITY_BLOCK
            found.coverage.append(Coverage(service, found.region, model, None, None, None, name))


def hourly(item: Mapping[str, Any]) -> Decimal | None:
    """Return the price of one machine for an hour; None where the offering does not say it."""
    minutes = item.get("CapacityBlockDurationMinutes") or item.get("DurationMinutes") or 0
    hours = item.get("CapacityBlockDurationHours") or item.get("DurationHours") or 0
    machines = item.get("InstanceCount") or sum(
        int(part.get("InstanceCount") or 0) for part in item.get("ReservedCapacityOfferings") or ()
    )
    length = Decimal(hours) + Decimal(minutes) / _MINUTES_OF_AN_HOUR
    if item.get("CurrencyCode", "USD") != "USD" or not item.get("UpfrontFee") or not length:
        return None
    return to_nano(Decimal(item["UpfrontFee"]) / length / (machines or 1)) or None


def offer(service: str, region: str, name: str, price: Decimal, as_of: date) -> Offer:
    """Return the offer of a block."""
    return Offer(
        cloud="aws", service=service, region=region, instance_type=name,
        pricing_model=PricingModel.CAPACITY_BLOCK, commitment=None, term_years=None,
        payment_option=None, hourly_usd=None, upfront_usd=None, effective_hourly_usd=price,
        currency="USD", as_of=as_of, source=_SOURCES[service], note=_NOTE, sku="Linux/UNIX",
    )  # fmt: skip


def _ec2_offerings(client: Any, name: str) -> list[Mapping[str, Any]]:  # noqa: ANN401 - boto3 makes its clients at run time
    answer = client.describe_capacity_block_offerings(
        InstanceType=name, InstanceCount=1, CapacityDurationHours=_HOURS_OF_A_DAY
    )
    return list(answer["CapacityBlockOfferings"])


def _sagemaker_offerings(client: Any, name: str) -> list[Mapping[str, Any]]:  # noqa: ANN401 - boto3 makes its clients at run time
    answer = client.search_training_plan_offerings(
        InstanceType=name,
        InstanceCount=1,
        DurationHours=_HOURS_OF_A_DAY,
        TargetResources=["endpoint"],
    )
    return list(answer["TrainingPlanOfferings"])


_NO_PERMISSION = 5
_ACTIONS = {
    "ec2": "ec2:DescribeCapacityBlockOfferings",
    "sagemaker": "sagemaker:SearchTrainingPlanOfferings",
}
_SOURCES = {
    "ec2": "EC2 DescribeCapacityBlockOfferings",
    "sagemaker": "SageMaker SearchTrainingPlanOfferings",
}
