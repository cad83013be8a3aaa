"""Azure: the Retail Prices API, which needs no credentials.

``GET https://prices.azure.com/api/retail/prices`` answers in pages, each with a link to the
next. Savings plan rates come with ``api-version=2023-01-01-preview`` only, inside the
on-demand item. What an item is, its fields say in roundabout ways:

- Spot and Low Priority ride among ``Consumption`` items, told by their names only.
- Windows is in ``productName`` only; the SKU and the size are the same.
- A reservation's ``unitOfMeasure`` says "1 Hour" while its price is that of the whole term.

"Azure Retail Prices overview" (Microsoft Learn) describes fields and filters.
"""

from __future__ import annotations

import os
import re
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from itertools import product
from typing import TYPE_CHECKING, Any

from planner.pricing.offer import (
    HOURS_PER_YEAR,
    Commitment,
    Offer,
    PaymentOption,
    PricingModel,
    to_nano,
)
from planner.pricing.snapshots import Coverage
from planner.pricing.sources import azure_account
from planner.pricing.sources.interface import (
    Collected,
    Document,
    DownloadError,
    SourceChangedError,
    named,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date

    from planner.pricing.sources.interface import Files, Known

BASE = "https://prices.azure.com/api/retail/prices"
_VERSION = "2023-01-01-preview"
_SERVICE = "azure-vm"
# Every GPU size of Azure is of the N series. Values are case-sensitive.
_FILTER = "serviceName eq 'Virtual Machines' and contains(armSkuName,'Standard_N')"
_KINDS = ("Consumption", "Reservation")
_MOST_PAGES = 2000
_YEARS = {"1 Year": 1, "3 Years": 3}
# NP sizes carry FPGAs, which are not GPUs.
_NOT_GPU = re.compile(r"Standard_NP")
_NOT_OURS = re.compile(r"windows|low priority|cloud ?services|dedicated|dev/?test", re.IGNORECASE)
_FIELDS = ("currencyCode", "retailPrice", "armRegionName", "productName", "skuName", "meterName",
           "unitOfMeasure", "type", "armSkuName")  # fmt: skip


class AzureSource:
    """The price interface of Azure.

    Args:
        base: Where the API is; ``PLANNER_AZURE_PRICES_URL`` by default.
    """

    cloud = "azure"

    def __init__(self, base: str | None = None) -> None:
        self._base = base or os.environ.get("PLANNER_AZURE_PRICES_URL") or BASE

    def versions(self, files: Files, regions: Sequence[str]) -> dict[str, str]:
        """Return nothing: Azure's prices have no version."""
        del files, regions
        return {}

    def collect(self, files: Files, known: Known, regions: Sequence[str]) -> Collected:
        """Read the prices of all regions, or of those named."""
        with ThreadPoolExecutor(len(_KINDS), "azure prices") as pool:
            read = pool.map(lambda kind: self._items(files, kind, regions), _KINDS)
            items = [item for found in read for item in found]
        online = files.listing("azure") is None
        return to_offers(items, known, files.as_of, regions, online=online)

    def _items(self, files: Files, kind: str, regions: Sequence[str]) -> list[Mapping[str, Any]]:
        """Return all items of one price type, page by page."""
        query = f"{_FILTER} and priceType eq '{kind}'"
        if regions:
            wanted = " or ".join(f"armRegionName eq '{region}'" for region in regions)
            query += f" and ({wanted})"
        url = self._base
        parameters: dict[str, str] = {"api-version": _VERSION, "$filter": query}
        items: list[Mapping[str, Any]] = []
        for number in range(1, _MOST_PAGES):
            name = f"azure/{kind.lower()}-{number:04}.json"
            page = files.json(Document(url, name, parameters))
            found = page.get("Items") if isinstance(page, dict) else None
            if found is None:
                raise SourceChangedError(f"{name} has no Items", why=f"read {url}")
            items += found
            # The link names a port and skips what was read; past the end it is empty.
            following = page.get("NextPageLink")
            if not following or not found:
                return items
            url, parameters = _same_place(following, self._base), {}
        raise DownloadError("Azure's price list does not end", why=f"read {_MOST_PAGES} pages")


def to_offers(
    items: Iterable[Mapping[str, Any]],
    known: Known,
    as_of: date,
    regions: Sequence[str] = (),
    *,
    online: bool = False,
) -> Collected:
    """Turn items of the Retail Prices API into offers.

    Args:
        items: Consumption and Reservation items.
        known: What was known before.
        as_of: The day of the prices.
        regions: The regions asked for; all where empty.
        online: Ask the account about sizes that are not known, where there are credentials.

    Raises:
        SourceChangedError: An item lacks a field.
    """
    ours = [item for item in items if _is_ours(item)]
    sizes = {item["armSkuName"] for item in ours}
    unknown = sorted(s for s in sizes if known.instance_types.find(_SERVICE, s) is None)
    new_types = azure_account.describe(unknown, known) if unknown and online else []
    new = {t.instance_type for t in new_types}
    offers: dict[tuple[object, ...], Offer] = {}
    free: set[str] = set()
    left_out = {size for size in unknown if size not in new}
    for item in ours:
        if item["armSkuName"] in left_out:
            continue
        for offer in _offers(item, as_of):
            if offer.effective_hourly_usd <= 0:
                free.add(f"{offer.instance_type} in {offer.region}")
                continue
            # Meters of one size may be listed twice; at two prices the gates refuse it.
            offers[*offer.key, offer.effective_hourly_usd] = offer
    before = {region for service, region, _ in known.machines if service == _SERVICE}
    covered = regions or sorted({item["armRegionName"] for item in ours} | before)
    notes = []
    if left_out:
        notes.append(f"left out, their GPU is not known: {named(sorted(left_out))}")
    if free:
        notes.append(f"left out, priced 0: {named(sorted(free))}")
    return Collected(
        offers=tuple(offers.values()),
        coverage=tuple(c for region in covered for c in _coverage(region)),
        instance_types=tuple(new_types),
        notes=tuple(notes),
    )


def _is_ours(item: Mapping[str, Any]) -> bool:
    """Tell whether an item is a Linux machine, shared, and billed by the hour or the term."""
    missing = [name for name in _FIELDS if name not in item]
    if missing:
        raise SourceChangedError(
            f"Azure changed its price list: no field {', '.join(missing)}",
            why=f"in the item of {item.get('skuName')!r}",
            advice="use the prices you have, and upgrade planner: pip install -U gpu-planner",
        )
    words = f"{item['productName']} {item['skuName']} {item['meterName']}"
    return (
        item["type"] in _KINDS
        and item["currencyCode"] == "USD"
        and item["unitOfMeasure"] == "1 Hour"
        and bool(item["armSkuName"])
        and not item.get("effectiveEndDate")
        and _NOT_OURS.search(words) is None
        and _NOT_GPU.match(item["armSkuName"]) is None
    )


def _offers(item: Mapping[str, Any], as_of: date) -> list[Offer]:
    price = Decimal(str(item["retailPrice"]))
    if item["type"] == "Reservation":
        years = _YEARS.get(item.get("reservationTerm", ""))
        if years is None:
            return []
        hourly = price / (HOURS_PER_YEAR * years)
        return [_offer(item, as_of, hourly, Commitment.RESERVED_INSTANCE, years)]
    if "Spot" in f"{item['skuName']} {item['meterName']}":
        return [_offer(item, as_of, price, spot=True)]
    plans = [
        _offer(item, as_of, Decimal(str(plan["retailPrice"])), Commitment.SAVINGS_PLAN, years)
        for plan in item.get("savingsPlan") or ()
        if (years := _YEARS.get(plan["term"])) is not None
    ]
    return [_offer(item, as_of, price), *plans]


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
        service=_SERVICE,
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


def _coverage(region: str) -> list[Coverage]:
    """Return what the list tells completely of a region."""
    standard = [
        Coverage(_SERVICE, region, model, None, None, None, "*")
        for model in (PricingModel.ON_DEMAND, PricingModel.SPOT)
    ]
    kinds = (Commitment.RESERVED_INSTANCE, Commitment.SAVINGS_PLAN)
    committed = [
        Coverage(
            _SERVICE, region, PricingModel.COMMITTED, kind, years, PaymentOption.NO_UPFRONT, "*"
        )
        for kind, years in product(kinds, _YEARS.values())
    ]
    return standard + committed


def _same_place(link: str, base: str) -> str:
    """Return the link; it may name a port, but not another host.

    Raises:
        SourceChangedError: It leads elsewhere.
    """
    import httpx

    if httpx.URL(link).host != httpx.URL(base).host:
        raise SourceChangedError("Azure's next page is on another host", why=link)
    return link
