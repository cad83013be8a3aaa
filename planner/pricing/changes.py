"""What changed between two days: which offers rose, fell, appeared or vanished."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

from planner.pricing.scopes import holds

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from planner.pricing.offer import Offer
    from planner.pricing.snapshots import Coverage


_ROUNDING = Decimal("0.0001")


class Kind(StrEnum):
    """What happened to an offer."""

    ROSE = "rose"
    FELL = "fell"
    APPEARED = "appeared"
    VANISHED = "vanished"


@dataclass(frozen=True, slots=True)
class Change:
    """One offer on two days; one of them is None where it was not offered."""

    before: Offer | None
    after: Offer | None

    @property
    def kind(self) -> Kind:
        """What happened."""
        if self.before is None:
            return Kind.APPEARED
        if self.after is None:
            return Kind.VANISHED
        rose = self.after.effective_hourly_usd > self.before.effective_hourly_usd
        return Kind.ROSE if rose else Kind.FELL

    @property
    def offer(self) -> Offer:
        """The newer of the two."""
        found = self.after or self.before
        if found is None:
            raise ValueError("a change has a before or an after")
        return found

    @property
    def percent(self) -> Decimal | None:
        """How much dearer it is now, in percent of before; None where one is missing."""
        if self.before is None or self.after is None:
            return None
        old = self.before.effective_hourly_usd
        return (self.after.effective_hourly_usd - old) / old * 100


def compare(
    before: Iterable[Offer],
    after: Iterable[Offer],
    coverage: Sequence[Coverage],
    *,
    covered_before: Sequence[Coverage] | None = None,
) -> list[Change]:
    """Return the changes, the largest fall first.

    Only what both days know completely can appear or vanish: a price missing from a list that
    never had it is no news.

    Args:
        before: Offers as known on the earlier day.
        after: Offers as known on the later day.
        coverage: What the later day knows completely.
        covered_before: What the earlier day knew completely; None where every kind of price
            in ``before`` was known completely.
    """
    old = {o.key: o for o in before}
    new = {o.key: o for o in after}
    known_before = Covered(covered_before) if covered_before is not None else _Kinds(old.values())
    known_after = Covered(coverage)
    changes = [
        Change(old[key], offer)
        for key, offer in new.items()
        if key in old and _moved(old[key].effective_hourly_usd, offer.effective_hourly_usd)
    ]
    changes += [Change(None, o) for key, o in new.items() if key not in old and o in known_before]
    changes += [Change(o, None) for key, o in old.items() if key not in new and o in known_after]
    return sorted(changes, key=_rank)


def _moved(before: Decimal, after: Decimal) -> bool:
    """Tell a change from another rounding: sources round to four decimals and more."""
    return abs(after - before) > before * _ROUNDING


class Covered:
    """What snapshots know completely: ``offer in covered``."""

    def __init__(self, coverage: Iterable[Coverage]) -> None:
        self._scopes: dict[tuple[object, ...], list[str]] = {}
        for c in coverage:
            key = (c.service, c.region, c.pricing_model, c.commitment, c.term_years,
                   c.payment_option)  # fmt: skip
            self._scopes.setdefault(key, []).append(c.instance_types)

    def __contains__(self, offer: Offer) -> bool:
        """Tell whether the offer, were it still sold, would be in the list."""
        scopes = self._scopes.get((offer.service, offer.region, *offer.terms), ())
        return any(holds(scope, offer.instance_type) for scope in scopes)


class _Kinds:
    """The kinds of price that a list holds, by region."""

    def __init__(self, offers: Iterable[Offer]) -> None:
        self._kinds = {(o.service, o.region, *o.terms) for o in offers}

    def __contains__(self, offer: Offer) -> bool:
        return (offer.service, offer.region, *offer.terms) in self._kinds


def _rank(change: Change) -> tuple[object, ...]:
    order = {Kind.FELL: 0, Kind.ROSE: 1, Kind.APPEARED: 2, Kind.VANISHED: 3}
    offer = change.offer
    return (order[change.kind], change.percent or 0, offer.cloud, offer.service,
            offer.instance_type, offer.region, *map(str, offer.terms))  # fmt: skip
