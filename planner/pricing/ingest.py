"""Build snapshots from tabular input: one row per price, in the words of the sources.

Used by ``pricing_data/build.py`` (docs/add-prices.md). The input's columns are ``cloud,
service, region, instance_type, gpu_name, gpu_count, gpu_memory_gib_each, vcpus, memory_gib,
price_model, hourly_usd, upfront_usd, as_of, source`` and optionally ``notes``; hourly_usd is
effective. ``pricing_data/sources.csv`` says how far each source is trusted and what it
covers; a row without a source listed there is refused.
"""

from __future__ import annotations

import csv
import gzip
import re
from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from planner.errors import DataError
from planner.pricing import gates, snapshots
from planner.pricing.catalog import Catalog, Query
from planner.pricing.offer import (
    HOURS_PER_YEAR,
    Commitment,
    Confidence,
    Offer,
    PaymentOption,
    PricingModel,
    to_nano,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from planner.pricing.snapshots import Coverage

# SageMaker's components share one price (docs/data-sources.md), so three of them stand in for
# hosting; Vertex AI prediction is a service planner does not plan for.
_SERVICES = {
    "sagemaker-hosting": "sagemaker",
    "sagemaker-studio-jupyterlab": "sagemaker",
    "sagemaker-batch-transform": "sagemaker",
    "sagemaker-training": "sagemaker",
}
_LEFT_OUT_SERVICES = {"vertex-prediction"}
_UNDATED = {"", "unknown"}
_PRICE_MODEL = re.compile(
    r"(?P<kind>reserved_convertible|reserved|savings_plan|cud)_(?P<years>[13])y"
    r"(?:_(?P<option>no_upfront|partial_upfront|all_upfront))?"
)
_COMMITMENTS = {
    "reserved": Commitment.RESERVED_INSTANCE,
    "reserved_convertible": Commitment.CONVERTIBLE_RESERVED_INSTANCE,
    "savings_plan": Commitment.SAVINGS_PLAN,
    "cud": Commitment.COMMITTED_USE_DISCOUNT,
}


@dataclass(frozen=True, slots=True)
class SourceEntry:
    """One line of ``sources.csv``: what rows of a source, date and service are worth.

    Attributes:
        source: Start of the row's source.
        scope: Globs of the instance types it is complete for; empty for a sample.
    """

    source: str
    as_of: str
    service: str
    pricing_model: str
    scope: tuple[str, ...]
    confidence: Confidence
    note: str

    def describes(self, row: Mapping[str, str], pricing_model: str) -> bool:
        """Tell whether this entry is about the row."""
        return (
            row["source"].startswith(self.source)
            and row["as_of"] == self.as_of
            and row["service"] == self.service
            and fnmatchcase(pricing_model, self.pricing_model)
        )


def read_sources(path: Path) -> list[SourceEntry]:
    """Read ``sources.csv``."""
    with path.open(encoding="utf-8", newline="") as file:
        return [
            SourceEntry(
                row["source"],
                row["as_of"],
                row["service"],
                row["pricing_model"],
                tuple(row["scope"].split()),
                Confidence(row["confidence"]),
                row["note"],
            )
            for row in csv.DictReader(file)
        ]


def read_rows(path: Path) -> list[dict[str, str]]:
    """Read a table of prices, plain or gzipped."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def convert(
    rows: Iterable[Mapping[str, str]], sources: Sequence[SourceEntry], *, found_on: date
) -> dict[tuple[str, date], tuple[list[Offer], list[Coverage]]]:
    """Turn rows into the offers and coverage of each snapshot, by cloud and date.

    Args:
        rows: The tabular input.
        sources: What each source is worth.
        found_on: The day that rows count from whose source states no date; they are marked
            as undated. Such a row counts only where no dated row says anything about the same
            thing.

    Raises:
        DataError: A row cannot be understood, or its source is not listed.
    """
    dated: list[tuple[Offer, SourceEntry]] = []
    undated: list[tuple[Offer, SourceEntry]] = []
    for row in rows:
        if row["service"] in _LEFT_OUT_SERVICES:
            continue
        converted = _convert_row(row, sources, found_on)
        (undated if row["as_of"] in _UNDATED else dated).append(converted)
    known = {offer.key for offer, _ in dated}
    by_snapshot: dict[tuple[str, date], list[tuple[Offer, SourceEntry]]] = defaultdict(list)
    for offer, entry in (*dated, *(pair for pair in undated if pair[0].key not in known)):
        by_snapshot[offer.cloud, offer.as_of].append((offer, entry))
    return {
        key: ([offer for offer, _ in pairs], _coverage(pairs)) for key, pairs in by_snapshot.items()
    }


def build(
    found: Mapping[tuple[str, date], tuple[list[Offer], list[Coverage]]],
    root: Path,
    *,
    accelerator_memory_gib: Mapping[str, float],
    accepted: Mapping[tuple[str, date], Sequence[tuple[str, str]]],
) -> list[Path]:
    """Check every snapshot against those before it, write it, and return the files.

    Raises:
        SnapshotRefusedError: A snapshot breaks an integrity gate; it and later ones of its
            cloud are not written.
    """
    written = []
    for (cloud, as_of), (offers, coverage) in sorted(found.items()):
        catalog = Catalog(root)
        previous = []
        if any(s.cloud == cloud and s.as_of < as_of for s in catalog.snapshots):
            previous = catalog.offers(Query(as_of=as_of, clouds=(cloud,)))
        candidate = gates.Candidate(
            offers=offers,
            coverage=coverage,
            instance_types=catalog.instance_types,
            accelerator_memory_gib=accelerator_memory_gib,
            previous=[o for o in previous if o.as_of < as_of],
        )
        gates.require(candidate, accepted.get((cloud, as_of), ()))
        written.append(snapshots.write(root, offers, coverage))
    return written


def read_accepted(path: Path) -> dict[tuple[str, date], list[tuple[str, str]]]:
    """Read the exceptions accepted by name: (gate, subject) by cloud and date."""
    accepted: dict[tuple[str, date], list[tuple[str, str]]] = defaultdict(list)
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if not row["as_of"]:  # holds for a refresh on any day, not for a bundled date
                continue
            key = (row["cloud"], date.fromisoformat(row["as_of"]))
            accepted[key].append((row["gate"], row["subject"]))
    return accepted


def _convert_row(
    row: Mapping[str, str], sources: Sequence[SourceEntry], found_on: date
) -> tuple[Offer, SourceEntry]:
    pricing_model, commitment, years, option = _terms(row["price_model"])
    entry = next((s for s in sources if s.describes(row, pricing_model)), None)
    if entry is None:
        raise DataError(
            f"the source of a price is not in sources.csv: {row['source']!r}",
            why=f"row: {dict(row)}",
            advice="add a line for it to pricing_data/sources.csv",
        )
    effective = to_nano(Decimal(row["hourly_usd"]))
    offer = Offer(
        cloud=row["cloud"],
        service=_SERVICES.get(row["service"], row["service"]),
        region=row["region"],
        instance_type=row["instance_type"],
        pricing_model=pricing_model,
        commitment=commitment,
        term_years=years,
        payment_option=option,
        hourly_usd=effective,
        upfront_usd=Decimal(0),
        effective_hourly_usd=effective,
        currency="USD",
        as_of=found_on if row["as_of"] in _UNDATED else date.fromisoformat(row["as_of"]),
        source=row["source"],
        confidence=entry.confidence,
        note=_note(row, entry),
        undated=row["as_of"] in _UNDATED,
    )
    return _with_upfront(offer), entry


def _with_upfront(offer: Offer) -> Offer:
    """Split the effective price where the payment option allows it.

    The sources state upfront payments amortised over the term: all upfront leaves no
    recurring part; how a partial payment was split is not known.
    """
    if offer.payment_option is PaymentOption.ALL_UPFRONT and offer.term_years:
        upfront = to_nano(offer.effective_hourly_usd * HOURS_PER_YEAR * offer.term_years)
        return replace(offer, hourly_usd=Decimal(0), upfront_usd=upfront)
    if offer.payment_option is PaymentOption.PARTIAL_UPFRONT:
        return replace(offer, hourly_usd=None, upfront_usd=None)
    if offer.pricing_model is PricingModel.CAPACITY_BLOCK:
        # Paid for all its hours when booked; how many, the source does not say.
        return replace(offer, hourly_usd=None, upfront_usd=None)
    return offer


def _terms(
    price_model: str,
) -> tuple[PricingModel, Commitment | None, int | None, PaymentOption | None]:
    """Read a source's price model; without a payment option it is billed by the hour.

    Azure bills a reservation monthly or upfront at the same total, so its no-upfront price
    is the total over the hours of the term.
    """
    if price_model in {PricingModel.ON_DEMAND, PricingModel.SPOT, PricingModel.CAPACITY_BLOCK}:
        return (PricingModel(price_model), None, None, None)
    match = _PRICE_MODEL.fullmatch(price_model)
    if not match:
        raise DataError(f"unknown price model {price_model!r}")
    option = PaymentOption(match["option"] or PaymentOption.NO_UPFRONT)
    return (PricingModel.COMMITTED, _COMMITMENTS[match["kind"]], int(match["years"]), option)


def _note(row: Mapping[str, str], entry: SourceEntry) -> str:
    said = row.get("notes") or ""
    own = entry.note if entry.confidence is not Confidence.HIGH else ""
    return "; ".join(part for part in (said, own) if part)


def _coverage(pairs: Iterable[tuple[Offer, SourceEntry]]) -> list[Coverage]:
    claimed: set[Coverage] = set()
    for offer, entry in pairs:
        for scope in entry.scope or (None,):
            claimed.update(snapshots.coverage_of([offer], scope))
    return sorted(claimed, key=str)
