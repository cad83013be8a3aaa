"""Simulated prices that AWS tells an account only: spot, capacity blocks, training plans.

Documented: the shapes of DescribeSpotPriceHistory, DescribeCapacityBlockOfferings and
SearchTrainingPlanOfferings. The prices are the bundled ones; a type that no list has is not
offered. Assumed: that a type which a region does not sell is an empty answer. Booking a block
is not simulated.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any

from planner.bundled import pricing_data
from planner.pricing.catalog import Catalog, Query
from planner.sandbox.aws.ec2_answers import members, xml_response
from planner.sandbox.aws.protocol import json_response

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

    from planner.sandbox.aws.protocol import AwsCall

_DAY = 24


class Ec2Prices:
    """Answers what a spot machine costs and which blocks may be booked."""

    service = "ec2"

    def handle(self, call: AwsCall) -> Response | None:
        """Return the answer, or None for another operation."""
        if call.operation == "DescribeCapacityBlockOfferings":
            hours = int(call.parameters.get("CapacityDurationHours") or _DAY)
            found = _offering(call.region, str(call.parameters.get("InstanceType")), hours)
            return xml_response(call, {"CapacityBlockOfferings": [found] if found else []})
        if call.operation == "DescribeSpotPriceHistory":
            names = tuple(members(call, "InstanceType"))
            return xml_response(call, {"SpotPriceHistory": _spot(call.region, names)})
        return None


class TrainingPlans:
    """Answers which training plans may be booked for endpoints."""

    service = "sagemaker"

    def handle(self, call: AwsCall) -> Response | None:
        """Return the answer, or None for another operation."""
        if call.operation != "SearchTrainingPlanOfferings":
            return None
        name = str(call.parameters.get("InstanceType")).removeprefix("ml.")
        hours = int(call.parameters.get("DurationHours") or _DAY)
        found = _offering(call.region, name, hours)
        return json_response(call, {"TrainingPlanOfferings": [_plan(found)] if found else []})


def _spot(region: str, names: tuple[str, ...]) -> list[dict[str, Any]]:
    query = Query(
        clouds=("aws",), regions=(region,), instance_types=names, pricing_models=("spot",)
    )
    return [
        {"AvailabilityZone": f"{region}{zone}", "InstanceType": offer.instance_type,
         "ProductDescription": "Linux/UNIX", "Timestamp": datetime.now(UTC),
         "SpotPrice": f"{offer.effective_hourly_usd * factor:f}"}
        for offer in _catalog().offers(query)
        for zone, factor in (("a", Decimal(1)), ("b", Decimal("1.1")))
    ]  # fmt: skip


@cache
def _catalog() -> Catalog:
    return Catalog(pricing_data())


def _offering(region: str, name: str, hours: int) -> dict[str, Any] | None:
    query = Query(regions=(region,), instance_types=(name,), pricing_models=("capacity_block",))
    offers = _catalog().offers(query)
    if not offers:
        return None
    start = datetime.now(UTC).replace(minute=30, second=0, microsecond=0) + timedelta(days=2)
    return {
        "CapacityBlockOfferingId": f"cb-simulated-{name}", "InstanceType": name,
        "AvailabilityZone": f"{region}a", "InstanceCount": 1, "StartDate": start,
        "EndDate": start + timedelta(hours=hours), "CapacityBlockDurationHours": hours,
        "UpfrontFee": f"{offers[0].effective_hourly_usd * hours:f}", "CurrencyCode": "USD",
        "Tenancy": "default",
    }  # fmt: skip


def _plan(offering: dict[str, Any]) -> dict[str, Any]:
    hours = offering["CapacityBlockDurationHours"]
    return {
        "TrainingPlanOfferingId": "tp-simulated", "TargetResources": ["endpoint"],
        "DurationHours": hours, "DurationMinutes": 0, "UpfrontFee": offering["UpfrontFee"],
        "CurrencyCode": "USD",
        "ReservedCapacityOfferings": [
            {"InstanceType": f"ml.{offering['InstanceType']}", "InstanceCount": 1,
             "DurationHours": hours}
        ],
    }  # fmt: skip
