"""GCP: SKUs of the Cloud Billing Catalog, added up to machines.

No SKU is a machine: an hour of one is cores + memory + GPUs + local SSD, each with a price
per region and way of paying. The catalog is read with an API key (``PLANNER_GCP_API_KEY`` or
``GOOGLE_API_KEY``) or with application default credentials. Which machine is sold where, only
Compute Engine knows, and it needs credentials; without them the places known before count.

"Cloud Billing Catalog API" (services.skus.list) describes the SKUs.
"""

from __future__ import annotations

import os
from collections import defaultdict
from decimal import Decimal
from fnmatch import fnmatchcase
from itertools import product
from typing import TYPE_CHECKING, Any

from planner.errors import NoCredentialsError, PlannerError
from planner.pricing.offer import Commitment, Offer, PaymentOption, PricingModel, to_nano
from planner.pricing.snapshots import Coverage
from planner.pricing.sources import gcp_account
from planner.pricing.sources.gcp_skus import (
    FAMILIES,
    UnitPrices,
    Way,
    explain_skus,
    family_of,
    read_skus,
)
from planner.pricing.sources.interface import (
    Collected,
    Document,
    DownloadError,
    SourceChangedError,
    Trace,
    named,
    saved_items,
    simulated,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date

    from planner.pricing.instance_types import InstanceType
    from planner.pricing.sources.interface import Files, Known

BASE = "https://cloudbilling.googleapis.com"
_COMPUTE_ENGINE = "services/6F81-5844-456A"
_SERVICE = "gce"
_PAGE_SIZE = "5000"
_MOST_PAGES = 200
_BY_THE_HOUR = (PricingModel.ON_DEMAND, PricingModel.SPOT, PricingModel.FLEX_START,
                PricingModel.CAPACITY_BLOCK)  # fmt: skip
# "Consumption options for accelerator-optimized machines" (Compute Engine docs): these are
# sold through reservations, Flex-start or as Spot only, whatever SKUs are listed.
_NOT_ON_DEMAND = ("a3-ultragpu-*", "a4-*", "a4x-*", "a3-highgpu-1g", "a3-highgpu-2g",
                  "a3-highgpu-4g")  # fmt: skip


class GcpSource:
    """The price interface of Google Cloud.

    Args:
        base: Where the Billing Catalog is; ``PLANNER_GCP_PRICES_URL`` by default.
        api_key: ``PLANNER_GCP_API_KEY`` or ``GOOGLE_API_KEY`` by default; sent in a header,
            never in a URL, and never stored.
    """

    cloud = "gcp"

    def __init__(self, base: str | None = None, api_key: str | None = None) -> None:
        self._base = base or simulated() or os.environ.get("PLANNER_GCP_PRICES_URL") or BASE
        self._key = (
            api_key
            or ("simulated" if simulated() else None)
            or os.environ.get("PLANNER_GCP_API_KEY")
            or os.environ.get("GOOGLE_API_KEY")
        )

    def versions(self, files: Files, regions: Sequence[str]) -> dict[str, str]:
        """Return nothing: Google's prices have no version."""
        del files, regions
        return {}

    def collect(self, files: Files, known: Known, regions: Sequence[str]) -> Collected:
        """Read the prices of all regions, or of those named.

        Raises:
            NoCredentialsError: There is neither an API key nor a login.
        """
        online = files.listing("gcp") is None
        prices = read_skus(self._skus(files, online=online))
        sold = gcp_account.machine_types(known) if online else None
        return to_offers(prices, known, files.as_of, regions, sold=sold)

    def explain(
        self, files: Files, known: Known, regions: Sequence[str], instance_type: str
    ) -> list[Trace]:
        """Return the SKUs of the units that a machine is made of."""
        del known
        family = family_of(instance_type)
        if family is None:
            return []
        skus = self._skus(files, online=files.listing("gcp") is None)
        return explain_skus(skus, family, regions)

    def _skus(self, files: Files, *, online: bool) -> Iterable[Mapping[str, Any]]:
        saved = saved_items(files, "gcp", "skus", "nextPageToken")
        if saved is not None:
            yield from saved
            return
        headers = self._headers() if online else {}
        url = f"{self._base}/v1/{_COMPUTE_ENGINE}/skus"
        parameters = {"currencyCode": "USD", "pageSize": _PAGE_SIZE}
        for number in range(1, _MOST_PAGES):
            name = f"gcp/skus-{number:04}.json"
            page = files.json(Document(url, name, dict(parameters), headers))
            found = page.get("skus") if isinstance(page, dict) else None
            if found is None:
                raise SourceChangedError(f"{name} has no skus", why=f"read {url}")
            yield from found
            token = page.get("nextPageToken")
            if not token:
                return
            parameters["pageToken"] = token
        raise DownloadError("Google's price list does not end", why=f"read {_MOST_PAGES} pages")

    def _headers(self) -> dict[str, str]:
        if self._key:
            return {"x-goog-api-key": self._key}
        try:
            return gcp_account.authorization()
        except PlannerError as error:
            raise NoCredentialsError(
                "Google's prices need an API key or a login",
                why="PLANNER_GCP_API_KEY is not set and there are no default credentials",
                advice="export PLANNER_GCP_API_KEY=..., or: gcloud auth application-default login",
            ) from error


def to_offers(
    prices: UnitPrices,
    known: Known,
    as_of: date,
    regions: Sequence[str] = (),
    *,
    sold: gcp_account.Sold | None = None,
) -> Collected:
    """Add unit prices up to machines.

    Args:
        prices: Of cores, memory, GPUs and disks.
        known: What was known before.
        as_of: The day of the prices.
        regions: Only these; all where empty.
        sold: What Compute Engine says is sold where; None to go by what was known before.
    """
    types = {t.instance_type: t for t in known.instance_types if t.service == _SERVICE}
    places: Mapping[str, frozenset[str]]
    notes = list(prices.notes)
    if sold is None:
        places = _known_places(known)
        notes.append(
            "no Google Cloud login: machines and regions are those known before "
            "(gcloud auth application-default login)"
        )
    else:
        types |= {t.instance_type: t for t in sold.new_types}
        places = sold.regions
        notes += sold.notes
    offers = []
    incomplete: dict[str, set[str]] = defaultdict(set)
    for name, where in sorted(places.items()):
        machine = types.get(name)
        if machine is None or family_of(name) is None:
            continue
        for region, way in product(sorted(where), Way):
            if regions and region not in regions:
                continue
            offer = _compose(prices, machine, region, way, as_of)
            if offer is not None:
                offers.append(offer)
            elif way is Way.ON_DEMAND and _is_sold(name, way):
                incomplete[name].add(region)
    if incomplete:
        lines = [f"{name} ({len(where)} regions)" for name, where in sorted(incomplete.items())]
        notes.append(f"no on-demand price, as a SKU is missing: {named(lines)}")
    covered = {region for where in places.values() for region in where}
    return Collected(
        offers=tuple(offers),
        coverage=tuple(
            c
            for region in sorted(covered)
            if not regions or region in regions
            for c in _coverage(region)
        ),
        instance_types=tuple(sold.new_types) if sold else (),
        notes=tuple(notes),
    )


def _compose(
    prices: UnitPrices, machine: InstanceType, region: str, way: Way, as_of: date
) -> Offer | None:
    """Return the offer of a machine, or None where a part has no price or it is not sold."""
    if not _is_sold(machine.instance_type, way) or machine.memory_gib is None:
        return None
    family = family_of(machine.instance_type)
    if family is None:
        return None
    storage = Decimal(0 if family.is_sliced else str(machine.local_storage_gb or 0))
    parts = [(Decimal(str(machine.accelerator_count)), prices.find(family.gpu, region, way))]
    if not family.is_sliced:
        parts += [
            (Decimal(machine.vcpus), prices.find(family.core, region, way)),
            (Decimal(str(machine.memory_gib)), prices.find(family.memory, region, way)),
        ]
    if storage:
        # A commitment to cores and GPUs need not hold the disks: they cost what they cost.
        disk = prices.find("ssd", region, way)
        if disk is None and way.years:
            disk = prices.find("ssd", region, Way.ON_DEMAND)
        parts.append((storage, disk))
    if any(price is None or price <= 0 for _, price in parts):
        return None
    hourly = to_nano(sum((quantity * (price or 0) for quantity, price in parts), Decimal(0)))
    return Offer(
        cloud="gcp",
        service=_SERVICE,
        region=region,
        instance_type=machine.instance_type,
        pricing_model=way.pricing_model,
        commitment=Commitment.COMMITTED_USE_DISCOUNT if way.years else None,
        term_years=way.years,
        payment_option=PaymentOption.NO_UPFRONT if way.years else None,
        hourly_usd=hourly,
        upfront_usd=Decimal(0),
        effective_hourly_usd=hourly,
        currency="USD",
        as_of=as_of,
        source="Cloud Billing Catalog API",
        sku=" + ".join(filter(None, (family.core, family.memory, family.gpu)))
        + (" + ssd" if storage else ""),
    )


def _is_sold(name: str, way: Way) -> bool:
    asked_ahead = way in (Way.SPOT, Way.FLEX_START, Way.CALENDAR)
    return asked_ahead or not any(fnmatchcase(name, glob) for glob in _NOT_ON_DEMAND)


def _known_places(known: Known) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for service, region, name in known.machines:
        if service == _SERVICE:
            found[name].add(region)
    return {name: frozenset(where) for name, where in found.items()}


def _coverage(region: str) -> list[Coverage]:
    """Return what the SKUs tell completely: the families that can be added up."""
    scopes = sorted({family.scope for family in FAMILIES})
    standard = [
        Coverage(_SERVICE, region, model, None, None, None, scope)
        for model, scope in product(_BY_THE_HOUR, scopes)
    ]
    kind, payment = Commitment.COMMITTED_USE_DISCOUNT, PaymentOption.NO_UPFRONT
    return standard + [
        Coverage(_SERVICE, region, PricingModel.COMMITTED, kind, years, payment, scope)
        for years, scope in product((1, 3), scopes)
    ]
