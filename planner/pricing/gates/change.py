"""Gates on change: what moved or went since the snapshots before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.pricing import lifecycle
from planner.pricing.changes import Covered
from planner.pricing.gates.candidate import LARGEST_JUMP, Violation, broken
from planner.pricing.offer import PricingModel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.pricing.gates.candidate import Candidate
    from planner.pricing.offer import Offer


def price_did_not_jump(candidate: Candidate) -> Iterator[Violation]:
    """No price moved by more than a factor of three (GCP prices were off by ten; B200 $0.01)."""
    before = {o.key: o.effective_hourly_usd for o in candidate.previous}
    for o in candidate.offers:
        old = before.get(o.key)
        # Spot prices do move like that; a slip of the decimal point does not halve itself.
        limit = LARGEST_JUMP if o.pricing_model is not PricingModel.SPOT else LARGEST_JUMP**2
        if old and not old / limit <= o.effective_hourly_usd <= old * limit:
            problem = f"{o.effective_hourly_usd} USD/h, was {old}"
            yield broken("price_did_not_jump", o, problem)


def nothing_vanished(candidate: Candidate) -> Iterator[Violation]:
    """Every accelerator and region of before is still there (g6 was missing for weeks).

    Counts only what the snapshot claims to cover, and no machine that its cloud has retired.
    It spoils the whole service, because a list without a card is half a list.
    """
    now: set[tuple[str, str, str]] = set()
    for o in candidate.offers:
        now.update(_presence(candidate, o))
    covered = Covered(candidate.coverage)
    gone = {
        presence
        for o in candidate.previous
        if o in covered and not _is_retired(candidate, o)
        for presence in _presence(candidate, o)
    } - now
    for kind, service, name in sorted(gone):
        subject, problem = f"{service} {kind} {name}", "no longer in the list"
        yield Violation("nothing_vanished", subject, problem, service)


def _presence(candidate: Candidate, offer: Offer) -> Iterator[tuple[str, str, str]]:
    if offer.pricing_model is not PricingModel.ON_DEMAND:
        return
    yield ("region", offer.service, offer.region)
    found = candidate.type_of(offer)
    if found:
        yield ("accelerator", offer.service, found.accelerator)


def _is_retired(candidate: Candidate, offer: Offer) -> bool:
    day = candidate.offers[0].as_of if candidate.offers else offer.as_of
    return lifecycle.of(offer.service, offer.instance_type).is_retired(day)
