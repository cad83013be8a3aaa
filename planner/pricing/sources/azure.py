"""Azure: the Retail Prices API, which needs no credentials.

``GET https://prices.azure.com/api/retail/prices`` answers in pages, each with a link to the
next. Savings plan rates come with ``api-version=2023-01-01-preview`` only, inside the
on-demand item; ``azure_items`` reads items.

"Azure Retail Prices overview" (Microsoft Learn) describes fields and filters.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from typing import TYPE_CHECKING, Any

from planner.pricing.offer import Commitment, PaymentOption, PricingModel
from planner.pricing.snapshots import Coverage
from planner.pricing.sources import azure_account, azure_items
from planner.pricing.sources.azure_items import KINDS, SERVICE, YEARS
from planner.pricing.sources.interface import (
    Collected,
    Document,
    DownloadError,
    SourceChangedError,
    Trace,
    named,
    require_readable,
    saved_items,
    simulated,
    terms_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date

    from planner.pricing.offer import Offer
    from planner.pricing.sources.interface import Files, Known

BASE = "https://prices.azure.com/api/retail/prices"
_VERSION = "2023-01-01-preview"
# Every GPU size of Azure is of the N series. Values are case-sensitive.
_FILTER = "serviceName eq 'Virtual Machines' and contains(armSkuName,'Standard_N')"
_MOST_PAGES = 2000


class AzureSource:
    """The price interface of Azure.

    Args:
        base: Where the API is; ``PLANNER_AZURE_PRICES_URL`` by default.
    """

    cloud = "azure"

    def __init__(self, base: str | None = None) -> None:
        self._base = (
            base
            or simulated("/api/retail/prices")
            or os.environ.get("PLANNER_AZURE_PRICES_URL")
            or BASE
        )

    def versions(self, files: Files, regions: Sequence[str]) -> dict[str, str]:
        """Return nothing: Azure's prices have no version."""
        del files, regions
        return {}

    def collect(self, files: Files, known: Known, regions: Sequence[str]) -> Collected:
        """Read the prices of all regions, or of those named."""
        online = files.listing("azure") is None
        items = self._all(files, regions)
        return to_offers(items, known, files.as_of, regions, online=online)

    def explain(
        self, files: Files, known: Known, regions: Sequence[str], instance_type: str
    ) -> list[Trace]:
        """Return every item of one size, and what became of it."""
        items = self._all(files, regions)
        wanted = instance_type.casefold()
        found = [i for i in items if str(i.get("armSkuName")).casefold() == wanted]
        verdicts = ((item, _verdict(item, known, files.as_of)) for item in found)
        return [
            Trace(item.get("armRegionName", ""), item, said, not said.startswith("left out"))
            for item, said in verdicts
        ]

    def _all(self, files: Files, regions: Sequence[str]) -> list[Mapping[str, Any]]:
        """Return the items of all price types, in the regions asked for."""
        saved = saved_items(files, "azure", "Items", "NextPageLink")
        if saved is not None:
            return [i for i in saved if not regions or i.get("armRegionName") in regions]
        with ThreadPoolExecutor(len(KINDS), "azure prices") as pool:
            read = pool.map(lambda kind: self._items(files, kind, regions), KINDS)
            return [item for found in read for item in found]

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
        SourceChangedError: Many items lack a field.
    """
    items = list(items)
    whole = [item for item in items if not azure_items.unread(item)]
    unread = [
        f"{item.get('armSkuName') or item.get('skuName')}: {why}"
        for item in items
        if (why := azure_items.unread(item))
    ]
    require_readable("Azure's price list", unread, len(items))
    reasons = [(item, azure_items.left_out(item, as_of)) for item in whole]
    later = {f"{i['armSkuName']}, {why}" for i, why in reasons if why.startswith("it starts")}
    ours = [item for item, why in reasons if not why]
    sizes = {item["armSkuName"] for item in ours}
    unknown = sorted(s for s in sizes if known.instance_types.find(SERVICE, s) is None)
    new_types = azure_account.describe(unknown, known) if unknown and online else []
    strangers = set(unknown) - {t.instance_type for t in new_types}
    offers, free = azure_items.settle(
        (item, offer)
        for item in ours
        if item["armSkuName"] not in strangers
        for offer in azure_items.offers(item, as_of)
    )
    before = {region for service, region, _ in known.machines if service == SERVICE}
    covered = regions or sorted({item["armRegionName"] for item in ours} | before)
    left_out = {
        "their GPU is not known": sorted(strangers),
        "priced 0": sorted(free),
        "not yet in force": sorted(later),
        "not readable": sorted(set(unread)),
    }
    return Collected(
        offers=tuple(offers),
        coverage=tuple(c for region in covered for c in _coverage(region) if _told(c, offers)),
        instance_types=tuple(new_types),
        notes=tuple(f"left out, {why}: {named(names)}" for why, names in left_out.items() if names),
    )


def _verdict(item: Mapping[str, Any], known: Known, as_of: date) -> str:
    """Return what became of an item: its prices, or why it has none."""
    why = azure_items.unread(item) or azure_items.left_out(item, as_of)
    if not why and known.instance_types.find(SERVICE, item["armSkuName"]) is None:
        why = "its GPU is not known"
    if why:
        return f"left out: {why}"
    made = azure_items.offers(item, as_of)
    return "; ".join(f"{terms_of(o)} {o.effective_hourly_usd:f}" for o in made) or "left out: term"


def _coverage(region: str) -> list[Coverage]:
    """Return what the list tells completely of a region."""
    standard = [
        Coverage(SERVICE, region, model, None, None, None, "*")
        for model in (PricingModel.ON_DEMAND, PricingModel.SPOT)
    ]
    kinds = (Commitment.RESERVED_INSTANCE, Commitment.SAVINGS_PLAN)
    committed = [
        Coverage(
            SERVICE, region, PricingModel.COMMITTED, kind, years, PaymentOption.NO_UPFRONT, "*"
        )
        for kind, years in product(kinds, YEARS.values())
    ]
    return standard + committed


def _told(coverage: Coverage, offers: Iterable[Offer]) -> bool:
    """Tell whether the list speaks of a way of paying at all.

    Pages saved without reservations, or read without savings plans, say nothing about them.
    """
    terms = (coverage.pricing_model, coverage.commitment)
    return any((o.pricing_model, o.commitment) == terms for o in offers)


def _same_place(link: str, base: str) -> str:
    """Return the link; it may name a port, but not another host.

    Raises:
        SourceChangedError: It leads elsewhere.
    """
    import httpx2

    if httpx2.URL(link).host != httpx2.URL(base).host:
        raise SourceChangedError("Azure's next page is on another host", why=link)
    return link
