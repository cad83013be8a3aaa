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
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from typing import TYPE_CHECKING

from planner.errors import UnknownNameError
from planner.pricing.offer import PricingModel
from planner.pricing.snapshots import Coverage
from planner.pricing.sources import aws_account, aws_rows, aws_types
from planner.pricing.sources.interface import (
    Collected,
    Document,
    SourceChangedError,
    Trace,
    named,
    require_readable,
    simulated,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from planner.pricing.sources.interface import Files, Known

BASE = "https://pricing.us-east-1.amazonaws.com"
_CODES = {"ec2": "AmazonEC2", "sagemaker": "AmazonSageMaker"}
_PLANS = {"ec2": "AWSComputeSavingsPlan", "sagemaker": "AWSMachineLearningSavingsPlans"}
# Local and Wavelength zones are listed like regions; planner does not plan for them.
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")
# Two files at once keep both cores and the line busy; more only takes more memory.
_WORKERS = 2
_YEARS = (1, 3)


class AwsSource:
    """The price interface of AWS.

    Args:
        base: Where the price files are; ``PLANNER_AWS_PRICES_URL`` by default.
    """

    cloud = "aws"

    def __init__(self, base: str | None = None) -> None:
        self._base = base or simulated() or os.environ.get("PLANNER_AWS_PRICES_URL") or BASE

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
        if files.listing("aws") is None:
            parts += aws_account.collect(parts, files.as_of)
        return _merge(parts)

    def explain(
        self, files: Files, known: Known, regions: Sequence[str], instance_type: str
    ) -> list[Trace]:
        """Return every row about one instance type, and what became of it."""
        del known
        service = "sagemaker" if instance_type.startswith("ml.") else "ec2"
        code = _CODES[service]
        selection = aws_rows.explain_selection(service, instance_type)
        traces = []
        for region, url in self._index(files, code, "offers").items():
            if regions and region not in regions:
                continue
            for row in files.rows(Document(url, f"aws/{code}/{region}.csv"), selection):
                why = aws_rows.left_out(service, row, files.as_of)
                price = f"{row['termtype']} {row['priceperunit']} per {row['unit']}"
                said = f"left out: {why}" if why else price
                traces.append(Trace(region, row, said, is_used=not why))
        return traces

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
            selection = aws_rows.SELECTIONS[service](known, region)
            rows = files.rows(Document(url, f"aws/{code}/{region}.csv"), selection)
            part.versions[f"{code}/{region}"] = _version(url)
            skus = part.keep_known(service, rows, known, ask)
            aws_rows.add_terms(
                part, service, skus, rows, source=_source(part, code), as_of=files.as_of
            )
            require_readable(f"AWS's list {code} of {region}", part.unread, len(rows))
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
        rows = files.rows(document, aws_rows.plan_selection(skus))
        part.versions[f"{code}/{part.region}"] = _version(url)
        source = _source(part, code)
        part.offers += aws_rows.plan_offers(
            part, service, skus, rows, source=source, as_of=files.as_of
        )
        kinds = tuple(aws_rows.PLAN_KINDS.values()) if service == "ec2" else (aws_rows.ML_PLAN,)
        part.coverage += [
            Coverage(service, part.region, PricingModel.COMMITTED, kind, years, option, "*")
            for kind, years, option in product(kinds, _YEARS, aws_rows.OPTIONS.values())
        ]


def _coverage(service: str, region: str) -> list[Coverage]:
    """Return what a region's file tells completely."""
    found = [Coverage(service, region, PricingModel.ON_DEMAND, None, None, None, "*")]
    if service == "ec2":
        kinds, options = aws_rows.CLASSES.values(), aws_rows.OPTIONS.values()
        found += [
            Coverage(service, region, PricingModel.COMMITTED, kind, years, option, "*")
            for kind, years, option in product(kinds, _YEARS, options)
        ]
    return found


def _merge(parts: Sequence[aws_types.RegionPart]) -> Collected:
    left_out = {
        "their GPU is not known": sorted({name for part in parts for name in part.unknown}),
        "priced 0": sorted({name for part in parts for name in part.free}),
        "not yet in force": sorted({name for part in parts for name in part.later}),
        "not readable": sorted({name for part in parts for name in part.unread}),
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


def _source(part: aws_types.RegionPart, code: str) -> str:
    version = part.versions.get(f"{code}/{part.region}")
    return f"AWS Price List {code} {version}".strip() if version else f"AWS Price List {code}"


def _version(url: str) -> str:
    """Return the version in a file's URL: ``.../AmazonEC2/20261120184523/us-east-1/index.csv``."""
    found = re.search(r"/(\d{8,})/", url)
    return found[1] if found else ""
