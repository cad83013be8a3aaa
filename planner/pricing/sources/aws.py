"""AWS: the Price List bulk files and Savings Plans offer files, which need no credentials.

Per region one file of AmazonEC2 (on demand and reserved), one of AmazonSageMaker (hosting)
and one of each Savings Plans code. "AWS Price List" (AWS Billing user guide) describes them;
a Savings Plans rate names the on-demand SKU it discounts, so it is joined by SKU and no
Windows, BYOL or dedicated rate can take a Linux price's place. Spot prices and the facts of
new instance types need credentials (``aws_account.py``).
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal, InvalidOperation
from itertools import product
from typing import TYPE_CHECKING, Any

from planner.errors import UnknownNameError
from planner.pricing.offer import (
    HOURS_PER_YEAR,
    Commitment,
    Offer,
    PaymentOption,
    PricingModel,
    effective_hourly,
    to_nano,
)
from planner.pricing.snapshots import Coverage
from planner.pricing.sources import aws_account, aws_types
from planner.pricing.sources.interface import Collected, Document, SourceChangedError, named
from planner.pricing.sources.price_file import Selection

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date

    from planner.pricing.sources.interface import Files, Known

BASE = "https://pricing.us-east-1.amazonaws.com"
_CODES = {"ec2": "AmazonEC2", "sagemaker": "AmazonSageMaker"}
_PLANS = {"ec2": "AWSComputeSavingsPlan", "sagemaker": "AWSMachineLearningSavingsPlans"}
_PLAN_KINDS = {
    "ComputeSavingsPlans": Commitment.SAVINGS_PLAN,
    "EC2InstanceSavingsPlans": Commitment.EC2_INSTANCE_SAVINGS_PLAN,
}
_ML_PLAN = Commitment.SAVINGS_PLAN
# Local and Wavelength zones are listed like regions; planner does not plan for them.
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")
# Two files at once keep both cores and the line busy; more only takes more memory.
_WORKERS = 2
_OPTIONS = {
    "No Upfront": PaymentOption.NO_UPFRONT,
    "Partial Upfront": PaymentOption.PARTIAL_UPFRONT,
    "All Upfront": PaymentOption.ALL_UPFRONT,
}
_CLASSES = {
    "standard": Commitment.RESERVED_INSTANCE,
    "convertible": Commitment.CONVERTIBLE_RESERVED_INSTANCE,
}
_YEARS = (1, 3)
_PRICE_COLUMNS = ("sku", "termtype", "unit", "priceperunit", "currency")
# Files of services without reservations, as AmazonSageMaker, lack these.
_LEASE_COLUMNS = ("leasecontractlength", "purchaseoption", "offeringclass")


class AwsSource:
    """The price interface of AWS.

    Args:
        base: Where the price files are; ``PLANNER_AWS_PRICES_URL`` by default.
    """

    cloud = "aws"

    def __init__(self, base: str | None = None) -> None:
        self._base = base or os.environ.get("PLANNER_AWS_PRICES_URL") or BASE

    def versions(self, files: Files, regions: Sequence[str]) -> dict[str, str]:
        """Return the versions that the region indexes name."""
        found = {}
        for code, kind in self._all_codes():
            for region, url in self._index(files, code, kind).items():
                if not regions or region in regions:
                    found[f"{code}/{region}"] = _version(url)
        return found

    def collect(self, files: Files, known: Known, regions: Sequence[str]) -> Collected:
        """Read the prices of all regions, or of those named."""
        indexes = {code: self._index(files, code, kind) for code, kind in self._all_codes()}
        offered = indexes[_CODES["ec2"]]
        unknown = [region for region in regions if region not in offered]
        if unknown:
            raise UnknownNameError("AWS region", unknown[0], offered)
        wanted = [region for region in offered if not regions or region in regions]
        with ThreadPoolExecutor(_WORKERS, "aws prices") as pool:
            parts = list(pool.map(lambda r: self._region(files, known, indexes, r), wanted))
        online = files.listing("aws") is None
        spot = aws_account.collect_spot(parts, files.as_of) if online else aws_types.RegionPart("")
        return _merge([*parts, spot])

    def _all_codes(self) -> list[tuple[str, str]]:
        offers = [(code, "offers") for code in _CODES.values()]
        return offers + [(code, "savingsPlan") for code in _PLANS.values()]

    def _index(self, files: Files, code: str, kind: str) -> dict[str, str]:
        """Return the URL of each region's file."""
        saved = files.listing(f"aws/{code}")
        if saved is not None:
            names = [name.removesuffix(".csv") for name in saved if name.endswith(".csv")]
            return dict.fromkeys(names, "")
        url = f"{self._base}/{kind}/v1.0/aws/{code}/current/region_index.json"
        index = files.json(Document(url, f"aws/{code}/region_index.json"))
        regions = index.get("regions", ())
        entries = regions.values() if isinstance(regions, dict) else regions
        found = {}
        for entry in entries:
            path = entry.get("currentVersionUrl") or entry.get("versionUrl")
            if path and _REGION.fullmatch(entry["regionCode"]):
                found[entry["regionCode"]] = self._base + path.replace(".json", ".csv")
        if not found:
            raise SourceChangedError(f"AWS lists no regions for {code}", why=f"read {url}")
        return found

    def _region(
        self, files: Files, known: Known, indexes: Mapping[str, Mapping[str, str]], region: str
    ) -> aws_types.RegionPart:
        part = aws_types.RegionPart(region)
        online = files.listing("aws") is None
        ask = aws_account.describe if online and aws_account.has_credentials() else None
        for service, code in _CODES.items():
            url = indexes[code].get(region)
            if url is None:
                continue
            selection = _SELECTIONS[service](known, region)
            rows = files.rows(Document(url, f"aws/{code}/{region}.csv"), selection)
            part.versions[f"{code}/{region}"] = _version(url)
            skus = part.keep_known(service, rows, known, ask)
            _add_terms(part, service, skus, rows, files.as_of)
            part.coverage += _coverage(service, region)
            plan = _PLANS[service]
            if skus and indexes[plan].get(region) is not None:
                self._add_plans(part, service, skus, files, indexes[plan][region])
        return part

    def _add_plans(
        self,
        part: aws_types.RegionPart,
        service: str,
        skus: Mapping[str, str],
        files: Files,
        url: str,
    ) -> None:
        code = _PLANS[service]
        document = Document(url, f"aws/{code}/{part.region}.csv")
        rows = files.rows(document, _plan_selection(skus))
        part.versions[f"{code}/{part.region}"] = _version(url)
        part.offers += _plan_offers(part, service, skus, rows, files.as_of)
        kinds = tuple(_PLAN_KINDS.values()) if service == "ec2" else (_ML_PLAN,)
        part.coverage += [
            Coverage(service, part.region, PricingModel.COMMITTED, kind, years, option, "*")
            for kind, years, option in product(kinds, _YEARS, _OPTIONS.values())
        ]


def ec2_selection(known: Known, region: str) -> Selection:
    """Return what to take out of an AmazonEC2 file: Linux machines with GPUs, shared."""
    types = sorted(t.instance_type for t in known.instance_types if t.service == "ec2")
    return Selection(
        columns=(*_PRICE_COLUMNS, *_LEASE_COLUMNS, "instancetype", "vcpu", "memory", "gpu",
                 "usagetype",
                 "operatingsystem", "tenancy"),
        where="(list_contains($types, instancetype) OR gpu NOT IN ('', 'NA', '0'))"
        " AND regioncode = $region AND operatingsystem = 'Linux' AND tenancy = 'Shared'"
        " AND capacitystatus = 'Used' AND preinstalledsw IN ('NA', '')"
        " AND licensemodel = 'No License required' AND marketoption IN ('OnDemand', '')",
        reads=("regioncode", "capacitystatus", "preinstalledsw", "licensemodel", "marketoption"),
        parameters=(("types", types), ("region", region)),
    )  # fmt: skip


def sagemaker_selection(known: Known, region: str) -> Selection:
    """Return what to take out of an AmazonSageMaker file: machines with GPUs, for hosting."""
    types = sorted(t.instance_type for t in known.instance_types if t.service == "sagemaker")
    return Selection(
        columns=(*_PRICE_COLUMNS, "instancename", "vcpu", "memory", "gpu", "usagetype",
                 "component"),
        where="(list_contains($types, instancename) OR gpu NOT IN ('', 'NA', '0'))"
        " AND regioncode = $region AND productfamily = 'ML Instance'"
        " AND lower(component) = 'hosting'",
        reads=("regioncode", "productfamily"),
        parameters=(("types", types), ("region", region)),
    )  # fmt: skip


def _plan_selection(skus: Mapping[str, str]) -> Selection:
    return Selection(
        columns=("discountedrate", "currency", "discountedsku", "purchaseoption",
                 "leasecontractlength", "leasecontractlengthunit", "productfamily", "unit",
                 "discountedusagetype", "discountedoperation"),
        where="list_contains($skus, discountedsku)",
        reads=(),
        parameters=(("skus", sorted(skus)),),
    )  # fmt: skip


_SELECTIONS = {"ec2": ec2_selection, "sagemaker": sagemaker_selection}


def _add_terms(
    part: aws_types.RegionPart,
    service: str,
    skus: Mapping[str, str],
    rows: Iterable[Mapping[str, Any]],
    as_of: date,
) -> None:
    """Add on-demand and reserved offers.

    A reservation has up to two rows: an hourly rate, and an "Upfront Fee" per ``Quantity``.
    """
    hourly: dict[tuple[str, ...], Decimal] = {}
    upfront: dict[tuple[str, ...], Decimal] = defaultdict(Decimal)
    described: dict[str, Mapping[str, Any]] = {}
    doubtful: set[tuple[str, ...]] = set()
    for row in rows:
        if row["sku"] not in skus or row["currency"] != "USD":
            continue
        described[row["sku"]] = row
        key = tuple(row.get(name) or "" for name in ("sku", "termtype", *_LEASE_COLUMNS))
        if row["unit"] == "Quantity":
            upfront[key] += _money(row["priceperunit"])
        elif hourly.setdefault(key, _money(row["priceperunit"])) != _money(row["priceperunit"]):
            doubtful.add(key)
    part.doubtful += [f"{skus[key[0]]} {' '.join(key[1:])}".strip() for key in doubtful]
    for key in sorted({*hourly, *upfront} - doubtful):
        sku, term, lease, option, offering = key
        terms = _terms(term, lease, option, offering)
        if terms is None:
            continue
        model, commitment, years, payment = terms
        rate, fee = to_nano(hourly.get(key, Decimal(0))), to_nano(upfront[key])
        part.add(
            Offer(
                cloud="aws", service=service, region=part.region, instance_type=skus[sku],
                pricing_model=model, commitment=commitment, term_years=years,
                payment_option=payment, hourly_usd=rate, upfront_usd=fee,
                effective_hourly_usd=effective_hourly(rate, fee, years or 1),
                currency="USD", as_of=as_of, source=_source(part, service),
                sku=_sku_words(described[sku]),
            )
        )  # fmt: skip


def _plan_offers(
    part: aws_types.RegionPart,
    service: str,
    skus: Mapping[str, str],
    rows: Iterable[Mapping[str, Any]],
    as_of: date,
) -> list[Offer]:
    """Return Savings Plans offers; a rate is what an hour costs, whenever it is paid."""
    offers = {}
    strange: set[str] = set()
    for row in rows:
        kind = _PLAN_KINDS.get(row["productfamily"]) if service == "ec2" else _ML_PLAN
        option = _OPTIONS.get(row["purchaseoption"])
        years = {"1": 1, "3": 3}.get(row["leasecontractlength"])
        if kind is None or option is None or years is None or row["currency"] != "USD":
            terms = ("productfamily", "purchaseoption", "leasecontractlength", "currency")
            strange.add(" ".join(str(row[name]) for name in terms))
            continue
        rate = to_nano(_money(row["discountedrate"]))
        hourly, upfront = _split(rate, option, years)
        offer = Offer(
            cloud="aws", service=service, region=part.region,
            instance_type=skus[row["discountedsku"]], pricing_model=PricingModel.COMMITTED,
            commitment=kind, term_years=years, payment_option=option, hourly_usd=hourly,
            upfront_usd=upfront, effective_hourly_usd=rate, currency="USD", as_of=as_of,
            source=_source(part, service, _PLANS[service]),
            sku=f"{row['discountedusagetype']} {row['discountedoperation'] or ''}".strip(),
        )  # fmt: skip
        if rate > 0:
            offers[offer.key, rate] = offer
    if strange:
        part.notes.append(f"left out, Savings Plans of an unknown kind: {named(sorted(strange))}")
    return list(offers.values())


def _split(
    rate: Decimal, option: PaymentOption, years: int
) -> tuple[Decimal | None, Decimal | None]:
    """Return (hourly, upfront): how much of a partial payment is upfront is the buyer's choice."""
    if option is PaymentOption.NO_UPFRONT:
        return rate, Decimal(0)
    if option is PaymentOption.ALL_UPFRONT:
        return Decimal(0), to_nano(rate * HOURS_PER_YEAR * years)
    return None, None


def _terms(
    term: str, lease: str, option: str, offering: str
) -> tuple[PricingModel, Commitment | None, int | None, PaymentOption | None] | None:
    if term == "OnDemand":
        return (PricingModel.ON_DEMAND, None, None, None)
    years = {"1yr": 1, "3yr": 3, "1 yr": 1, "3 yr": 3}.get(lease)
    commitment, payment = _CLASSES.get(offering.lower()), _OPTIONS.get(option)
    if term != "Reserved" or years is None or commitment is None or payment is None:
        return None
    return (PricingModel.COMMITTED, commitment, years, payment)


def _coverage(service: str, region: str) -> list[Coverage]:
    """Return what a region's file tells completely."""
    found = [Coverage(service, region, PricingModel.ON_DEMAND, None, None, None, "*")]
    if service == "ec2":
        found += [
            Coverage(service, region, PricingModel.COMMITTED, kind, years, option, "*")
            for kind, years, option in product(_CLASSES.values(), _YEARS, _OPTIONS.values())
        ]
    return found


def _merge(parts: Sequence[aws_types.RegionPart]) -> Collected:
    left_out = {
        "their GPU is not known": sorted({name for part in parts for name in part.unknown}),
        "priced 0": sorted({name for part in parts for name in part.free}),
        "priced twice, differently": sorted({name for part in parts for name in part.doubtful}),
    }
    types = {t.key: t for part in parts for t in part.new_types}
    return Collected(
        offers=tuple(o for part in parts for o in part.offers),
        coverage=tuple(sorted({c for part in parts for c in part.coverage}, key=str)),
        instance_types=tuple(types.values()),
        notes=(
            *dict.fromkeys(note for part in parts for note in part.notes),
            *(f"left out, {why}: {named(names)}" for why, names in left_out.items() if names),
        ),
        versions={k: v for part in parts for k, v in part.versions.items() if v},
    )


def _source(part: aws_types.RegionPart, service: str, code: str = "") -> str:
    code = code or _CODES[service]
    version = part.versions.get(f"{code}/{part.region}")
    return f"AWS Price List {code} {version}".strip() if version else f"AWS Price List {code}"


def _sku_words(row: Mapping[str, Any]) -> str:
    words = (row.get("operatingsystem"), row.get("tenancy"), row.get("component"), row["usagetype"])
    return " ".join(word for word in words if word)


def _version(url: str) -> str:
    """Return the version in a file's URL: ``.../AmazonEC2/20261120184523/us-east-1/index.csv``."""
    found = re.search(r"/(\d{8,})/", url)
    return found[1] if found else ""


def _money(text: str | None) -> Decimal:
    try:
        return Decimal(text or "0")
    except InvalidOperation as error:
        raise SourceChangedError(f"AWS states a price that is no number: {text!r}") from error
