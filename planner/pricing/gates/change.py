"""Gates on change: what moved or went since the snapshots before."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from planner.pricing.gates.candidate import LARGEST_JUMP, Violation, describe
from planner.pricing.offer import PricingModel

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from planner.pricing.gates.candidate import Candidate
    from planner.pricing.offer import Offer
    from planner.pricing.snapshots import Coverage


def price_did_not_jump(candidate: Candidate) -> Iterator[Violation]:
    """No price moved by more than a factor of three (GCP prices were off by ten; B200 $0.01)."""
    before = {o.key: o.effective_hourly_usd for o in candidate.previous}
    for o in candidate.offers:
        old = before.get(o.key)
        # Spot prices do move like that; a slip of the decimal point does not halve itself.
        limit = LARGEST_JUMP if o.pricing_model is not PricingModel.SPOT else LARGEST_JUMP**2
        if old and not old / limit <= o.effective_hourly_usd <= old * limit:
            problem = f"{o.effective_hourly_usd} USD/h, was {old}"
            yield Violation("price_did_not_jump", describe(o), problem)


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
