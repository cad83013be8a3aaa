"""Gates on machines: what they hold, and prices of like machines beside each other."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from itertools import permutations
from statistics import median
from typing import TYPE_CHECKING

from planner.pricing.gates.candidate import LARGEST_JUMP, ROUNDING, Violation, broken
from planner.pricing.offer import PricingModel

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from planner.pricing.gates.candidate import Candidate
    from planner.pricing.instance_types import InstanceType
    from planner.pricing.offer import Offer

# In all data seen a price per accelerator stays above 0.7 of the next cheapest type with that
# accelerator; without the GPU's part it falls to a quarter.
_SMALLEST_SHARE = Decimal("0.4")
_MEMORY_TOLERANCE = 0.02
# An UltraServer of AWS has 36 or 72.
_COUNTS = (1, 2, 4, 6, 8, 12, 16, 36, 72)


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
        yield _type_broken("instance_types_are_known", service, name, problem)


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
            yield _type_broken("accelerator_memory_agrees", service, name, problem)
        if count <= 0 or (count >= 1 and count not in _COUNTS):
            problem = f"{count:g} accelerators"
            yield _type_broken("accelerator_memory_agrees", service, name, problem)


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
            yield broken("accelerator_is_in_the_price", o, problem)


def more_accelerators_cost_more(candidate: Candidate) -> Iterator[Violation]:
    """Eight cards are not cheaper than four (8xA100-80GB on Azure was).

    Held where the machine with more cards has no less of anything else, as g5.12xlarge has
    more cards but less host than g5.16xlarge. Of the two, one whose price stood before is not
    to blame; where that settles nothing, both are.
    """
    before = {o.key: o.effective_hourly_usd for o in candidate.previous}
    alike: dict[tuple[object, ...], list[tuple[InstanceType, Offer]]] = defaultdict(list)
    for o in candidate.offers:
        found = candidate.type_of(o)
        if found and o.pricing_model is not PricingModel.SPOT:
            alike[o.service, o.region, found.accelerator, o.terms].append((found, o))
    for entries in alike.values():
        for (larger, offer), (smaller, other) in permutations(entries, 2):
            cheaper = offer.effective_hourly_usd + ROUNDING < other.effective_hourly_usd
            if cheaper and _dominates(larger, smaller):
                problem = (
                    f"{offer.instance_type} at {offer.effective_hourly_usd} USD/h, less than "
                    f"{other.instance_type} at {other.effective_hourly_usd}"
                )
                pair = (offer, other)
                new = [o for o in pair if before.get(o.key) != o.effective_hourly_usd]
                for o in new or pair:
                    yield broken("more_accelerators_cost_more", o, problem)


def regions_agree(candidate: Candidate) -> Iterator[Violation]:
    """No region is more than three times dearer than usual (GCP prices were off by ten)."""
    for o, accelerator, share, by_type in _shares(candidate):
        usual = by_type[o.instance_type]
        if share > usual * LARGEST_JUMP:
            problem = f"{share:.4f} USD per {accelerator} hour, usually {usual:.4f}"
            yield broken("regions_agree", o, problem)


def _type_broken(gate: str, service: str, name: str, problem: str) -> Violation:
    return Violation(gate, f"{service} {name}", problem, service, instance_type=name)


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
