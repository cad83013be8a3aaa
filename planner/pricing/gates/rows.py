"""Gates on single rows: a price, its terms, its source."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING

from planner.pricing.gates.candidate import ROUNDING, broken
from planner.pricing.offer import PricingModel, effective_hourly

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.pricing.gates.candidate import Candidate, Violation
    from planner.pricing.offer import Offer

# USD an hour for a GiB of accelerator memory: the cheapest seen (Inferentia, spot) is 0.0032.
_SMALLEST_PER_GIB = Decimal("0.001")
_NEVER_DEARER = (PricingModel.COMMITTED, PricingModel.SPOT)
_NOT_LINUX_SHARED = re.compile(
    r"(?<![a-z])win(dows)?(?![a-z])|byol|bring your own|dedicated|dev/?test|low priority|suse"
    r"|rhel|red ?hat|sql server|cloud ?services|outpost|reserved host",
    re.IGNORECASE,
)


def price_is_positive(candidate: Candidate) -> Iterator[Violation]:
    """No price of zero or less (a missing price stored as 0.0 made a4-highgpu-8g free)."""
    for o in candidate.offers:
        parts = (o.hourly_usd, o.upfront_usd)
        if o.effective_hourly_usd <= 0 or any(p is not None and p < 0 for p in parts):
            yield broken("price_is_positive", o, f"{o.effective_hourly_usd} USD/h")


def price_is_plausible(candidate: Candidate) -> Iterator[Violation]:
    """No price far below what any accelerator costs (a B200 was listed at $0.01)."""
    for o in candidate.offers:
        found = candidate.type_of(o)
        memory = found and candidate.accelerator_memory_gib.get(found.accelerator)
        if found and memory:
            gib = Decimal(str(found.accelerator_count)) * Decimal(str(memory))
            if o.effective_hourly_usd < gib * _SMALLEST_PER_GIB:
                problem = f"{o.effective_hourly_usd} USD/h for {gib:g} GiB of {found.accelerator}"
                yield broken("price_is_plausible", o, problem)


def nothing_is_estimated(candidate: Candidate) -> Iterator[Violation]:
    """Only published prices (a made-up discount was told as the savings plan's)."""
    for o in candidate.offers:
        if o.estimated:
            yield broken("nothing_is_estimated", o, o.source)


def source_and_date_are_named(candidate: Candidate) -> Iterator[Violation]:
    """Every row says where and when it was read, in US dollars."""
    dates = {o.as_of for o in candidate.offers}
    for o in candidate.offers:
        if not o.source.strip():
            yield broken("source_and_date_are_named", o, "no source")
        if o.currency != "USD":
            yield broken("source_and_date_are_named", o, f"currency {o.currency}")
        if len(dates) > 1:
            problem = f"{o.as_of}: a snapshot has one date"
            yield broken("source_and_date_are_named", o, problem)


def terms_are_complete(candidate: Candidate) -> Iterator[Violation]:
    """A committed price names kind, term and payment option; no other price has them.

    A p4de price was disputed for months because nobody could tell which plan it was.
    """
    for o in candidate.offers:
        terms = (o.commitment, o.term_years, o.payment_option)
        committed = o.pricing_model is PricingModel.COMMITTED
        if committed and (None in terms or o.term_years not in (1, 3)):
            yield broken("terms_are_complete", o, f"incomplete terms {terms}")
        if not committed and terms != (None, None, None):
            yield broken("terms_are_complete", o, f"{o.pricing_model} with {terms}")


def offers_are_unique(candidate: Candidate) -> Iterator[Violation]:
    """No two prices for one thing (BYOL rows overwrote savings plans: last write won)."""
    seen: dict[tuple[object, ...], Offer] = {}
    for o in candidate.offers:
        twin = seen.setdefault(o.key, o)
        if twin is not o:
            problem = f"both {twin.effective_hourly_usd} and {o.effective_hourly_usd} USD/h"
            yield broken("offers_are_unique", o, problem)


def linux_and_shared_only(candidate: Candidate) -> Iterator[Violation]:
    """No Windows, BYOL, dedicated, Outposts or dev/test price.

    Azure calls one Windows series "NCCadsv5 Srs Win", and its price stood as Linux for months.
    """
    for o in candidate.offers:
        found = _NOT_LINUX_SHARED.search(f"{o.sku} {o.instance_type}")
        if found:
            yield broken("linux_and_shared_only", o, f"{found[0]!r} in {o.sku!r}")


def upfront_is_amortised(candidate: Candidate) -> Iterator[Violation]:
    """Effective = recurring + upfront / hours (reserved was shown dearer without it)."""
    for o in candidate.offers:
        if o.hourly_usd is None or o.upfront_usd is None:
            continue
        expected = effective_hourly(o.hourly_usd, o.upfront_usd, o.term_years or 1)
        if abs(expected - o.effective_hourly_usd) > ROUNDING:
            problem = f"effective {o.effective_hourly_usd}, parts give {expected}"
            yield broken("upfront_is_amortised", o, problem)


def commitment_is_not_dearer(candidate: Candidate) -> Iterator[Violation]:
    """Committed and spot cost no more than on demand for the same machine."""
    for o in candidate.offers:
        if o.pricing_model not in _NEVER_DEARER:
            continue
        reference = candidate.on_demand(o)
        if reference is not None and o.effective_hourly_usd > reference + ROUNDING:
            problem = f"{o.effective_hourly_usd} USD/h, on demand {reference}"
            yield broken("commitment_is_not_dearer", o, problem)
