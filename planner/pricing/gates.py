"""Integrity gates: what a snapshot must satisfy before it is published.

Each gate is a function from a ``Candidate`` to the rows that break it, and answers to a bug
seen in a real price tool (named in its docstring; docs/data-sources.md lists them). A
snapshot that breaks any gate is refused whole and the one before it stays. An exception is
accepted by name, with a reason, in ``pricing_data/accepted.csv`` or by ``--accept``.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from fnmatch import fnmatchcase
from itertools import permutations
from statistics import median
from typing import TYPE_CHECKING

from planner.errors import SnapshotRefusedError
from planner.pricing.offer import PricingModel, effective_hourly

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from planner.pricing.instance_types import InstanceType, InstanceTypes
    from planner.pricing.offer import Offer
    from planner.pricing.snapshots import Coverage

# Sources round to four decimals and more; a price is "above" another only beyond that.
_ROUNDING = Decimal("0.0001")
_LARGEST_JUMP = 3
# In all data seen a price per accelerator stays above 0.7 of the next cheapest type with that
# accelerator; without the GPU's part it falls to a quarter.
_SMALLEST_SHARE = Decimal("0.4")
# USD an hour for a GiB of accelerator memory: the cheapest seen (Inferentia, spot) is 0.0032.
_SMALLEST_PER_GIB = Decimal("0.001")
_MEMORY_TOLERANCE = 0.02
_NOT_LINUX_SHARED = re.compile(
    r"windows|byol|bring your own|dedicated|dev/?test|low priority|suse|rhel|sql server"
    r"|cloud ?services|capacity ?block|reserved host",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Violation:
    """One row (or missing thing) that breaks one gate."""

    gate: str
    subject: str
    problem: str

    def __str__(self) -> str:
        return f"{self.gate}: {self.subject}: {self.problem}"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A snapshot before it is published, and what it is held against.

    Attributes:
        previous: The offers of the same cloud as known before this snapshot.
        accelerator_memory_gib: Marketed memory by accelerator name.
    """

    offers: Sequence[Offer]
    coverage: Sequence[Coverage]
    instance_types: InstanceTypes
    accelerator_memory_gib: Mapping[str, float]
    previous: Sequence[Offer] = ()
    _on_demand: dict[tuple[object, ...], Decimal] = field(default_factory=dict)

    def on_demand(self, offer: Offer) -> Decimal | None:
        """Return the on-demand price of the same machine, from this snapshot or before."""
        if not self._on_demand:
            for o in (*self.previous, *self.offers):
                if o.pricing_model is PricingModel.ON_DEMAND:
                    self._on_demand[_machine(o)] = o.effective_hourly_usd
        return self._on_demand.get(_machine(offer))

    def type_of(self, offer: Offer) -> InstanceType | None:
        """Return the instance type of an offer."""
        return self.instance_types.find(offer.service, offer.instance_type)


def price_is_positive(candidate: Candidate) -> Iterator[Violation]:
    """No price of zero or less (a missing price stored as 0.0 made a4-highgpu-8g free)."""
    for o in candidate.offers:
        parts = (o.hourly_usd, o.upfront_usd)
        if o.effective_hourly_usd <= 0 or any(p is not None and p < 0 for p in parts):
            yield Violation("price_is_positive", _name(o), f"{o.effective_hourly_usd} USD/h")


def price_is_plausible(candidate: Candidate) -> Iterator[Violation]:
    """No price far below what any accelerator costs (a B200 was listed at $0.01)."""
    for o in candidate.offers:
        found = candidate.type_of(o)
        memory = found and candidate.accelerator_memory_gib.get(found.accelerator)
        if found and memory:
            gib = Decimal(str(found.accelerator_count)) * Decimal(str(memory))
            if o.effective_hourly_usd < gib * _SMALLEST_PER_GIB:
                problem = f"{o.effective_hourly_usd} USD/h for {gib:g} GiB of {found.accelerator}"
                yield Violation("price_is_plausible", _name(o), problem)


def nothing_is_estimated(candidate: Candidate) -> Iterator[Violation]:
    """Only published prices (a made-up discount was told as the savings plan's)."""
    for o in candidate.offers:
        if o.estimated:
            yield Violation("nothing_is_estimated", _name(o), o.source)


def source_and_date_are_named(candidate: Candidate) -> Iterator[Violation]:
    """Every row says where and when it was read, in US dollars."""
    dates = {o.as_of for o in candidate.offers}
    for o in candidate.offers:
        if not o.source.strip():
            yield Violation("source_and_date_are_named", _name(o), "no source")
        if o.currency != "USD":
            yield Violation("source_and_date_are_named", _name(o), f"currency {o.currency}")
        if len(dates) > 1:
            problem = f"{o.as_of}: a snapshot has one date"
            yield Violation("source_and_date_are_named", _name(o), problem)


def terms_are_complete(candidate: Candidate) -> Iterator[Violation]:
    """A committed price names kind, term and payment option; no other price has them.

    A p4de price was disputed for months because nobody could tell which plan it was.
    """
    for o in candidate.offers:
        terms = (o.commitment, o.term_years, o.payment_option)
        committed = o.pricing_model is PricingModel.COMMITTED
        if committed and (None in terms or o.term_years not in (1, 3)):
            yield Violation("terms_are_complete", _name(o), f"incomplete terms {terms}")
        if not committed and terms != (None, None, None):
            yield Violation("terms_are_complete", _name(o), f"{o.pricing_model} with {terms}")


def offers_are_unique(candidate: Candidate) -> Iterator[Violation]:
    """No two prices for one thing (BYOL rows overwrote savings plans: last write won)."""
    seen: dict[tuple[object, ...], Offer] = {}
    for o in candidate.offers:
        twin = seen.setdefault(o.key, o)
        if twin is not o:
            problem = f"both {twin.effective_hourly_usd} and {o.effective_hourly_usd} USD/h"
            yield Violation("offers_are_unique", _name(o), problem)


def linux_and_shared_only(candidate: Candidate) -> Iterator[Violation]:
    """No Windows, BYOL, dedicated or dev/test price (a public feed published NC96ads so)."""
    for o in candidate.offers:
        found = _NOT_LINUX_SHARED.search(f"{o.sku} {o.instance_type}")
        if found:
            yield Violation("linux_and_shared_only", _name(o), f"{found[0]!r} in {o.sku!r}")


def upfront_is_amortised(candidate: Candidate) -> Iterator[Violation]:
    """Effective = recurring + upfront / hours (reserved was shown dearer without it)."""
    for o in candidate.offers:
        if o.hourly_usd is None or o.upfront_usd is None:
            continue
        expected = effective_hourly(o.hourly_usd, o.upfront_usd, o.term_years or 1)
        if abs(expected - o.effective_hourly_usd) > _ROUNDING:
            problem = f"effective {o.effective_hourly_usd}, parts give {expected}"
            yield Violation("upfront_is_amortised", _name(o), problem)


def commitment_is_not_dearer(candidate: Candidate) -> Iterator[Violation]:
    """Committed and spot cost no more than on demand for the same machine."""
    for o in candidate.offers:
        reference = candidate.on_demand(o)
        if reference is not None and o.effective_hourly_usd > reference + _ROUNDING:
            problem = f"{o.effective_hourly_usd} USD/h, on demand {reference}"
            yield Violation("commitment_is_not_dearer", _name(o), problem)


def instance_types_are_known(candidate: Candidate) -> Iterator[Violation]:
    """Every type maps to an accelerator we know (Azure H100 went unmapped for a year)."""
    for service, name in sorted({(o.service, o.instance_type) for o in candidate.offers}):
        found = candidate.instance_types.find(service, name)
        if found is None:
            problem = "not in instance_types.csv"
        elif found.accelerator not in candidate.accelerator_memory_gib:
            problem = f"its accelerator {found.accelerator!r} is not in accelerators.csv"
        else:
            continue
        yield Violation("instance_types_are_known", f"{service} {name}", problem)


def accelerator_memory_agrees(candidate: Candidate) -> Iterator[Violation]:
    """Count and memory agree with the accelerator table (g6.48xlarge was given 1430 GB)."""
    for service, name in sorted({(o.service, o.instance_type) for o in candidate.offers}):
        found = candidate.instance_types.find(service, name)
        marketed = found and candidate.accelerator_memory_gib.get(found.accelerator)
        if not found or not marketed:
            continue
        count = found.accelerator_count
        expected = marketed * min(count, 1)
        if abs(found.accelerator_memory_gib - expected) > expected * _MEMORY_TOLERANCE:
            problem = f"{found.accelerator_memory_gib:g} GiB each, the table says {expected:g}"
            yield Violation("accelerator_memory_agrees", f"{service} {name}", problem)
        if count <= 0 or (count >= 1 and count not in (1, 2, 4, 6, 8, 12, 16)):
            problem = f"{count:g} accelerators"
            yield Violation("accelerator_memory_agrees", f"{service} {name}", problem)


def accelerator_is_in_the_price(candidate: Candidate) -> Iterator[Violation]:
    """A machine's price includes its GPUs (a2-highgpu-1g was shown at $0.94, not $4.05).

    Holds the price per accelerator against the same type in other regions, and against the
    cheapest other type with that accelerator; spot prices are too wild for it.
    """
    for o, accelerator, share, by_type in _shares(candidate):
        others = [usual for name, usual in by_type.items() if name != o.instance_type]
        usual = max(by_type[o.instance_type], min(others, default=Decimal(0)))
        if share < usual * _SMALLEST_SHARE:
            problem = f"{share:.4f} USD per {accelerator} hour, usually {usual:.4f}"
            yield Violation("accelerator_is_in_the_price", _name(o), problem)


def more_accelerators_cost_more(candidate: Candidate) -> Iterator[Violation]:
    """Eight cards are not cheaper than four (8xA100-80GB on Azure was).

    Held where the machine with more cards has no less of anything else, as g5.12xlarge has
    more cards but less host than g5.16xlarge.
    """
    alike: dict[tuple[object, ...], list[tuple[InstanceType, Offer]]] = defaultdict(list)
    for o in candidate.offers:
        found = candidate.type_of(o)
        if found and o.pricing_model is not PricingModel.SPOT:
            alike[o.service, o.region, found.accelerator, o.terms].append((found, o))
    for entries in alike.values():
        for (larger, offer), (smaller, other) in permutations(entries, 2):
            cheaper = offer.effective_hourly_usd + _ROUNDING < other.effective_hourly_usd
            if cheaper and _dominates(larger, smaller):
                problem = (
                    f"{offer.effective_hourly_usd} USD/h, less than {other.instance_type} "
                    f"at {other.effective_hourly_usd}"
                )
                yield Violation("more_accelerators_cost_more", _name(offer), problem)


def regions_agree(candidate: Candidate) -> Iterator[Violation]:
    """No region is more than three times dearer than usual (GCP prices were off by ten)."""
    for o, accelerator, share, by_type in _shares(candidate):
        usual = by_type[o.instance_type]
        if share > usual * _LARGEST_JUMP:
            problem = f"{share:.4f} USD per {accelerator} hour, usually {usual:.4f}"
            yield Violation("regions_agree", _name(o), problem)


def price_did_not_jump(candidate: Candidate) -> Iterator[Violation]:
    """No price moved by more than a factor of three (GCP prices were off by ten; B200 $0.01)."""
    before = {o.key: o.effective_hourly_usd for o in candidate.previous}
    for o in candidate.offers:
        old = before.get(o.key)
        # Spot prices do move like that; a slip of the decimal point does not halve itself.
        limit = _LARGEST_JUMP if o.pricing_model is not PricingModel.SPOT else _LARGEST_JUMP**2
        if old and not old / limit <= o.effective_hourly_usd <= old * limit:
            problem = f"{o.effective_hourly_usd} USD/h, was {old}"
            yield Violation("price_did_not_jump", _name(o), problem)


def nothing_vanished(candidate: Candidate) -> Iterator[Violation]:
    """Every accelerator and region of before is still there (g6 was missing for weeks).

    Counts only what the snapshot claims to cover.
    """
    now: set[tuple[str, str, str]] = set()
    for o in candidate.offers:
        now.update(_presence(candidate, o))
    gone = {
        presence
        for o in candidate.previous
        if _is_covered(candidate.coverage, o)
        for presence in _presence(candidate, o)
    } - now
    for kind, service, name in sorted(gone):
        yield Violation("nothing_vanished", f"{service} {kind} {name}", "no longer in the list")


GATES: tuple[Callable[[Candidate], Iterator[Violation]], ...] = (
    price_is_positive,
    price_is_plausible,
    nothing_is_estimated,
    source_and_date_are_named,
    terms_are_complete,
    offers_are_unique,
    linux_and_shared_only,
    upfront_is_amortised,
    commitment_is_not_dearer,
    instance_types_are_known,
    accelerator_memory_agrees,
    accelerator_is_in_the_price,
    more_accelerators_cost_more,
    regions_agree,
    price_did_not_jump,
    nothing_vanished,
)


def check(candidate: Candidate, accepted: Iterable[tuple[str, str]] = ()) -> list[Violation]:
    """Return what breaks the gates.

    Args:
        candidate: The snapshot and what it is held against.
        accepted: (gate, glob of the subject) pairs of exceptions accepted by name.
    """
    exceptions = list(accepted)
    return [
        violation
        for gate in GATES
        for violation in gate(candidate)
        if not any(
            violation.gate == name and fnmatchcase(violation.subject, subject)
            for name, subject in exceptions
        )
    ]


def require(candidate: Candidate, accepted: Iterable[tuple[str, str]] = ()) -> None:
    """Raise SnapshotRefusedError unless every gate passes."""
    if not candidate.offers:
        raise SnapshotRefusedError("a snapshot without a single price is refused", ())
    violations = check(candidate, accepted)
    if violations:
        first = candidate.offers[0]
        raise SnapshotRefusedError(
            f"the {first.cloud} snapshot of {first.as_of} is refused; "
            f"{len(violations)} rows break an integrity gate",
            [str(v) for v in violations],
            advice="mend the rows, or accept an exception by name and with a reason",
        )


def _machine(offer: Offer) -> tuple[str, str, str]:
    return (offer.service, offer.region, offer.instance_type)


def _name(offer: Offer) -> str:
    terms = " ".join(str(term) for term in offer.terms if term is not None)
    return f"{offer.service} {offer.region} {offer.instance_type} {terms}"


def _share(candidate: Candidate, offer: Offer) -> Decimal | None:
    """Return the price per accelerator hour; None for spot and unknown types."""
    found = candidate.type_of(offer)
    if found is None or offer.pricing_model is PricingModel.SPOT:
        return None
    return offer.effective_hourly_usd / Decimal(str(found.accelerator_count))


def _shares(
    candidate: Candidate,
) -> Iterator[tuple[Offer, str, Decimal, Mapping[str, Decimal]]]:
    """Yield each offer, its accelerator, its price per accelerator hour, and the usual ones.

    The usual ones are the medians over regions, by instance type, of the same kind of price
    and accelerator.
    """
    known: dict[tuple[object, ...], dict[str, list[Decimal]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for o in (*candidate.previous, *candidate.offers):
        share, found = _share(candidate, o), candidate.type_of(o)
        if share is not None and found is not None:
            known[o.service, found.accelerator, o.terms][o.instance_type].append(share)
    usual = {
        kind: {name: median(values) for name, values in by_type.items()}
        for kind, by_type in known.items()
    }
    for o in candidate.offers:
        share, found = _share(candidate, o), candidate.type_of(o)
        if share is not None and found is not None:
            yield o, found.accelerator, share, usual[o.service, found.accelerator, o.terms]


def _dominates(larger: InstanceType, smaller: InstanceType) -> bool:
    """Tell whether one machine has more accelerators and no less host than another."""
    return (
        larger.accelerator_count > smaller.accelerator_count
        and larger.vcpus >= smaller.vcpus
        and (larger.memory_gib or 0) >= (smaller.memory_gib or 0)
    )


def _presence(candidate: Candidate, offer: Offer) -> Iterator[tuple[str, str, str]]:
    if offer.pricing_model is not PricingModel.ON_DEMAND:
        return
    yield ("region", offer.service, offer.region)
    found = candidate.type_of(offer)
    if found:
        yield ("accelerator", offer.service, found.accelerator)


def _is_covered(coverage: Iterable[Coverage], offer: Offer) -> bool:
    return any(
        entry.service == offer.service
        and entry.region == offer.region
        and entry.pricing_model == offer.pricing_model
        and fnmatchcase(offer.instance_type, entry.instance_types)
        for entry in coverage
    )
