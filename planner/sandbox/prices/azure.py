"""Simulated Azure Retail Prices API.

Documented: the envelope, ``$filter`` and ``$skip``, savings plans inside Consumption items in
the preview version, a reservation's price as that of its whole term, Spot by name only
("Azure Retail Prices overview", Microsoft Learn). Windows items ride along, one named "Win".
"""

from __future__ import annotations

import re
from collections import defaultdict
from functools import cache
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, jsonify, request

from planner.pricing.offer import HOURS_PER_YEAR, Commitment, PricingModel
from planner.sandbox.prices import figures

if TYPE_CHECKING:
    from planner.pricing.offer import Offer

PAGE = 1000
_TERMS = {1: "1 Year", 3: "3 Years"}


def blueprint() -> Blueprint:
    """Return the route."""
    made = Blueprint("azure-prices", __name__)

    @made.get("/api/retail/prices")
    def prices() -> Response:
        asked = request.args.get("$filter", "")
        kind = re.search(r"priceType eq '(\w+)'", asked)
        regions = re.findall(r"armRegionName eq '(\w+)'", asked)
        found = [
            item
            for item in _items()
            if (kind is None or item["type"] == kind[1])
            and (not regions or item["armRegionName"] in regions)
        ]
        skip = request.args.get("$skip", 0, int)
        page = found[skip : skip + PAGE]
        following = None
        if skip + PAGE < len(found):
            arguments = {**request.args.to_dict(), "$skip": skip + PAGE}
            query = "&".join(f"{name}={value}" for name, value in arguments.items())
            following = f"{request.base_url}?{query}"
        answer = jsonify(
            BillingCurrency="USD", CustomerEntityId="Default", CustomerEntityType="Retail",
            Items=page, NextPageLink=following, Count=len(page),
        )  # fmt: skip
        answer.add_etag()
        return answer

    return made


@cache
def _items() -> tuple[dict[str, Any], ...]:
    items = []
    plans: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    offers = figures.offers("azure")
    for offer in offers:
        if offer.commitment is Commitment.SAVINGS_PLAN:
            rate = float(figures.hourly(offer))
            plan = {"unitPrice": rate, "retailPrice": rate, "term": _TERMS[offer.term_years or 1]}
            plans[offer.region, offer.instance_type].append(plan)
    for offer in offers:
        if offer.commitment is Commitment.RESERVED_INSTANCE:
            years = offer.term_years or 1
            term = {"type": "Reservation", "reservationTerm": _TERMS[years]}
            items.append(_item(offer, float(figures.hourly(offer)) * HOURS_PER_YEAR * years, term))
        elif offer.pricing_model is PricingModel.ON_DEMAND:
            price = float(figures.hourly(offer))
            inside = plans.get((offer.region, offer.instance_type))
            items.append(_item(offer, price, {"savingsPlan": inside} if inside else {}))
            series = "Virtual Machines NCCadsv5 Srs Win"
            items.append(_item(offer, price * 1.3, {"productName": series, "meterId": "windows"}))
        elif offer.pricing_model is PricingModel.SPOT:
            name = f"{offer.instance_type} Spot"
            price = float(figures.hourly(offer))
            items.append(_item(offer, price, {"skuName": name, "meterName": name}))
    return tuple(items)


def _item(offer: Offer, price: float, other: dict[str, Any]) -> dict[str, Any]:
    name = offer.instance_type.removeprefix("Standard_")
    return {
        "currencyCode": "USD", "tierMinimumUnits": 0.0, "retailPrice": price, "unitPrice": price,
        "armRegionName": offer.region, "location": offer.region, "meterId": "linux",
        "effectiveStartDate": "2026-11-01T00:00:00Z", "meterName": name, "productId": "SIMULATED",
        "skuId": "SIMULATED/0001", "productName": "Virtual Machines simulated Series",
        "skuName": name, "serviceName": "Virtual Machines", "serviceFamily": "Compute",
        "unitOfMeasure": "1 Hour", "type": "Consumption", "isPrimaryMeterRegion": True,
        "armSkuName": offer.instance_type,
    } | other  # fmt: skip
