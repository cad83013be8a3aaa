"""What one item of the Retail Prices API is, and why it may be no price of a Linux machine.

What an item is, its fields say in roundabout ways:

- Spot and Low Priority ride among ``Consumption`` items, told by their names only.
- Windows is in ``productName`` only, once as "Win"; the SKU and the size are the same.
- A reservation's ``unitOfMeasure`` says "1 Hour" while its price is that of the whole term.
- An item may start later (``effectiveStartDate``) or have ended (``effectiveEndDate``).
- Beside the usual meter of a size there may be one ending in ``_NU``, and a "Free" one at 0.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from planner.pricing.offer import (
    HOURS_PER_YEAR,
    Commitment,
    Offer,
    PaymentOption,
    PricingModel,
    to_nano,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SERVICE = "azure-vm"
KINDS = ("Consumption", "Reservation")
YEARS = {"1 Year": 1, "3 Years": 3}
FIELDS = ("currencyCode", "retailPrice", "armRegionName", "productName", "skuName", "meterName",
          "unitOfMeasure", "type", "armSkuName")  # fmt: skip
_N_SERIES = re.compile(r"Standard_N", re.IGNORECASE)
# NP sizes carry FPGAs, which are not GPUs.
_NOT_GPU = re.compile(r"Standard_NP")
_NOT_OURS = re.compile(
    r"(?<![a-z])win(dows)?(?![a-z])|low priority|cloud ?services|dedicated|dev/?test|rhel|red ?hat"
    r"|suse|sql",
    re.IGNORECASE,
)
_OTHER_METER = re.compile(r"_NU\b", re.IGNORECASE)
_HOUR = re.compile(r"1 ?/?hours?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Priced:
    """An offer with what decides between two items of one thing."""

    offer: Offer
    is_primary: bool
    meter: str
    starts: str


def unread(item: Mapping[str, Any]) -> str:
    """Return what of an item cannot be read; empty where it is whole."""
    missing = [name for name in FIELDS if name not in item]
    if missing:
        return f"no field {', '.join(missing)}"
    if item["type"] in KINDS and _money(item["retailPrice"]) is None:
        return f"retailPrice {item['retailPrice']!r} is no number"
    return ""


def left_out(item: Mapping[str, Any], as_of: date) -> str:
    """Return why an item is no price of a shared Linux machine with GPUs on a day."""
    words = f"{item['productName']} {item['skuName']} {item['meterName']}"
    other = _NOT_OURS.search(words)
    begins, ends = _day(item.get("effectiveStartDate")), _day(item.get("effectiveEndDate"))
    reasons = {
        f"of the type {item['type']}": item["type"] not in KINDS,
        f"in {item['currencyCode']}": item["currencyCode"] != "USD",
        f"per {item['unitOfMeasure']}": not _HOUR.fullmatch(str(item["unitOfMeasure"])),
        "it names no size": not item["armSkuName"],
        "no size of the N series, so without a GPU": not _N_SERIES.match(item["armSkuName"] or ""),
        "an FPGA, no GPU": _NOT_GPU.match(item["armSkuName"] or ""),
        f"not shared Linux: {other[0] if other else ''}": other,
        "a second meter of the size (_NU)": _OTHER_METER.search(words),
        f"it starts on {begins}": begins is not None and begins > as_of,
        f"it ended on {ends}": ends is not None and ends <= as_of,
    }
    return next((reason for reason, holds in reasons.items() if holds), "")


def offers(item: Mapping[str, Any], as_of: date) -> list[Offer]:
    """Return the offers of one item: a price, and the savings plans inside it."""
    price = _money(item["retailPrice"]) or Decimal(0)
    if item["type"] == "Reservation":
        years = YEARS.get(item.get("reservationTerm") or "")
        if years is None:
            return []
        hourly = price / (HOURS_PER_YEAR * years)
        return [_offer(item, as_of, hourly, Commitment.RESERVED_INSTANCE, years)]
    if "Spot" in f"{item['skuName']} {item['meterName']}":
        return [_offer(item, as_of, price, spot=True)]
    plans = [
        _offer(item, as_of, rate, Commitment.SAVINGS_PLAN, years)
        for plan in item.get("savingsPlan") or ()
        if (years := YEARS.get(plan.get("term", ""))) is not None
        and (rate := _money(plan.get("retailPrice"))) is not None
    ]
    return [_offer(item, as_of, price), *plans]


def settle(found: Iterable[tuple[Mapping[str, Any], Offer]]) -> tuple[list[Offer], set[str]]:
    """Settle which of several items of one thing is its price.

    A price above 0 goes before "Free", a primary meter before others, and of one meter the
    item that started last. Where two prices are left, both are returned: the gates withhold
    the machine.

    Returns:
        The offers, and the machines that have a price of 0 only.
    """
    by_key: dict[tuple[object, ...], list[Priced]] = defaultdict(list)
    for item, offer in found:
        by_key[offer.key].append(
            Priced(
                offer,
                item.get("isPrimaryMeterRegion") is not False,
                str(item.get("meterId", "")),
                str(item.get("effectiveStartDate", "")),
            )
        )
    settled: list[Offer] = []
    free: set[str] = set()
    for rivals in by_key.values():
        left = [r for r in rivals if r.offer.effective_hourly_usd > 0]
        if not left:
            free.add(f"{rivals[0].offer.instance_type} in {rivals[0].offer.region}")
            continue
        left = [r for r in left if r.is_primary] or left
        newest = {r.meter: max(x.starts for x in left if x.meter == r.meter) for r in left}
        prices = {
            r.offer.effective_hourly_usd: r.offer for r in left if r.starts == newest[r.meter]
        }
        settled += prices.values()
    return settled, free


def _offer(
    item: Mapping[str, Any],
    as_of: date,
    hourly: Decimal,
    commitment: Commitment | None = None,
    years: int | None = None,
    *,
    spot: bool = False,
) -> Offer:
    """Make an offer; a commitment is billed monthly at no extra cost, so nothing is upfront."""
    model = PricingModel.SPOT if spot else PricingModel.ON_DEMAND
    return Offer(
        cloud="azure",
        service=SERVICE,
        region=item["armRegionName"],
        instance_type=item["armSkuName"],
        pricing_model=PricingModel.COMMITTED if commitment else model,
        commitment=commitment,
        term_years=years,
        payment_option=PaymentOption.NO_UPFRONT if commitment else None,
        hourly_usd=to_nano(hourly),
        upfront_usd=Decimal(0),
        effective_hourly_usd=to_nano(hourly),
        currency="USD",
        as_of=as_of,
        source="Azure Retail Prices API",
        sku=f"{item['productName']} {item['skuName']}",
    )


def _money(value: object) -> Decimal | None:
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return None
    return amount if amount.is_finite() else None


def _day(text: object) -> date | None:
    """Read a date or a time; None where there is none."""
    try:
        return date.fromisoformat(str(text)[:10]) if text else None
    except ValueError:
        return None
