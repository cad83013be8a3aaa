"""Simulated Cloud Billing Catalog: SKUs of Compute Engine.

Documented: services.skus.list with ``pageToken``, ``units`` as a text and ``nanos``, descriptions
as Google writes them. Invented: how a machine's price is split into its parts, so that the sums
come out near the bundled prices of its family.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, jsonify, request

from planner.pricing import instance_types
from planner.pricing.sources.gcp_skus import Family, Way, family_of
from planner.sandbox.prices import figures

if TYPE_CHECKING:
    from planner.pricing.offer import Offer

_PAGE = 5000
_SHARES = {Way.ON_DEMAND: "1", Way.SPOT: "0.4", Way.ONE_YEAR: "0.63", Way.THREE_YEARS: "0.45"}
_CORE, _DISK = Decimal("0.02"), Decimal("0.0001")
# What a GiB costs in cores; of G2 less than of the others.
_RATIO, _RATIOS = Decimal("0.134"), {"G2 core": Decimal("0.11714")}
_NAMES = {
    "A100-40GB": "Nvidia Tesla A100 GPU", "A100-80GB": "Nvidia Tesla A100 80GB GPU",
    "H100": "Nvidia H100 80GB GPU", "H100 Mega": "Nvidia H100 80GB Mega GPU",
    "H200": "Nvidia H200 141GB GPU", "L4": "Nvidia L4 GPU", "RTX-PRO-6000": "RTX 6000 96GB",
    "T4": "Nvidia Tesla T4 GPU", "V100": "Nvidia Tesla V100 GPU", "P100": "Nvidia Tesla P100 GPU",
    "A3 Mega core": "A3Plus Instance Core", "A3 Mega memory": "A3Plus Instance Ram",
}  # fmt: skip


def blueprint() -> Blueprint:
    """Return the route."""
    made = Blueprint("gcp-prices", __name__)

    @made.get("/v1/services/<service>/skus")
    def skus(service: str) -> Response:
        del service
        start = request.args.get("pageToken", 0, int)
        found = _skus()
        more = str(start + _PAGE) if start + _PAGE < len(found) else ""
        answer = jsonify(skus=list(found[start : start + _PAGE]), nextPageToken=more)
        answer.add_etag()
        return answer

    return made


@cache
def _skus() -> tuple[dict[str, Any], ...]:
    machines: dict[tuple[str, str, Way], list[_Machine]] = defaultdict(list)
    families: dict[str, Family] = {}
    for offer in figures.offers("gcp"):
        family = family_of(offer.instance_type)
        item, way = instance_types.bundled().find("gce", offer.instance_type), _way(offer)
        if family is None or item is None or way is None or family.is_sliced:
            continue
        families[family.gpu] = family
        disk = Decimal(str(item.local_storage_gb or 0)) * _DISK * Decimal(_SHARES[way])
        host = item.vcpus + _RATIOS.get(family.core, _RATIO) * Decimal(str(item.memory_gib or 0))
        price = figures.hourly(offer) - disk
        cards = Decimal(str(item.accelerator_count))
        machines[family.gpu, offer.region, way].append(_Machine(host, cards, price))
    made: dict[tuple[str, str, Way], dict[str, Any]] = {}
    cores: dict[tuple[str, str, Way], Decimal] = {}
    for (gpu, region, way), listed in machines.items():
        family = families[gpu]
        place = (family.core, region, way)
        core = cores.setdefault(place, _core(listed) or _CORE * Decimal(_SHARES[way]))
        first = min(listed, key=lambda m: m.price)
        parts = {
            family.core: core,
            family.memory: core * _RATIOS.get(family.core, _RATIO),
            "ssd": _DISK * Decimal(_SHARES[way]),
            gpu: (first.price - core * first.host) / first.cards,
        }
        for unit, price in parts.items():
            if price > 0:
                made.setdefault((unit, region, way), _sku(unit, region, way, price))
    return tuple(made.values())


@dataclass(frozen=True, slots=True)
class _Machine:
    """A machine as Google adds it up: so many cores' worth of host, so many cards."""

    host: Decimal
    cards: Decimal
    price: Decimal


def _core(listed: list[_Machine]) -> Decimal | None:
    """Return what a core costs by two machines of unlike hosts; None where all are alike."""
    lean, rich = (pick(listed, key=lambda m: m.host / m.cards) for pick in (min, max))
    host = rich.host / rich.cards - lean.host / lean.cards
    if not host:
        return None
    return max(Decimal(0), rich.price / rich.cards - lean.price / lean.cards) / host or None


def _way(offer: Offer) -> Way | None:
    if offer.term_years:
        return Way(str(offer.term_years))
    return next(
        (way for way in (Way.ON_DEMAND, Way.SPOT) if way.value == offer.pricing_model), None
    )


def _sku(unit: str, region: str, way: Way, price: Decimal) -> dict[str, Any]:
    series, _, part = unit.rpartition(" ")
    name = _NAMES.get(unit)
    if unit == "ssd":
        name = "SSD backed Local Storage"
    elif name is None and series == "N1" and way.years:
        name = {"core": "Cpu", "memory": "Ram"}[part]
    elif name is None:
        kind = {"core": "Core", "memory": "Ram"}[part]
        name = (
            f"{series} Predefined Instance {kind}"
            if series == "N1"
            else f"{series} Instance {kind}"
        )
    before = {Way.SPOT: "Spot Preemptible "}.get(way, "Commitment v1: " if way.years else "")
    verb = "in" if way.years else "running in"
    after = f" for {way.years} Year" if way.years else ""
    usage = {Way.ON_DEMAND: "OnDemand", Way.SPOT: "Preemptible"}.get(way, f"Commit{way.value}Yr")
    nanos = int((price * 10**9).to_integral_value())
    rate = {"currencyCode": "USD", "units": str(nanos // 10**9), "nanos": nanos % 10**9}
    expression = {"usageUnit": "h" if part == "core" else "GiBy.h" if part == "memory" else "h",
                  "tieredRates": [{"startUsageAmount": 0, "unitPrice": rate}]}  # fmt: skip
    return {
        "skuId": f"{unit}/{region}/{way.value}",
        "description": f"{before}{name} {verb} {region}{after}",
        "category": {"serviceDisplayName": "Compute Engine", "usageType": usage},
        "serviceRegions": [region], "pricingInfo": [{"pricingExpression": expression}],
    }  # fmt: skip
