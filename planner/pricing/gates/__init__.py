"""Integrity gates: what a snapshot must satisfy before it is published.

Each gate is a function from a ``Candidate`` to the rows that break it, and answers to a bug
seen in a real price tool (named in its docstring; docs/data-sources.md lists them). A bundled
snapshot that breaks any gate is refused whole (``require``). Of a refreshed one as little as
possible is withheld (``sift``): a machine in a region, or a service. An exception is accepted
by name, with a reason, in ``pricing_data/accepted.csv`` or by ``--accept``; what can be no
price at all is never accepted (``ACCEPTABLE``).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from planner.errors import SnapshotRefusedError
from planner.pricing import scopes
from planner.pricing.gates import change, machines, rows
from planner.pricing.gates.candidate import Candidate, Violation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from planner.pricing.offer import Offer
    from planner.pricing.snapshots import Coverage

__all__ = [
    "ACCEPTABLE",
    "GATES",
    "Candidate",
    "Sifted",
    "Violation",
    "check",
    "machines_of",
    "require",
    "sift",
]

GATES: tuple[Callable[[Candidate], Iterator[Violation]], ...] = (
    rows.price_is_positive,
    rows.price_is_plausible,
    rows.nothing_is_estimated,
    rows.source_and_date_are_named,
    rows.terms_are_complete,
    rows.offers_are_unique,
    rows.linux_and_shared_only,
    rows.upfront_is_amortised,
    rows.commitment_is_not_dearer,
    machines.instance_types_are_known,
    machines.accelerator_memory_agrees,
    machines.accelerator_is_in_the_price,
    machines.more_accelerators_cost_more,
    machines.regions_agree,
    change.price_did_not_jump,
    change.nothing_vanished,
)

# A price may really jump and a card may really go. Two prices for one thing, a price of 0, a
# row without a source: no reason makes these prices.
ACCEPTABLE = frozenset(
    gate.__name__
    for gate in (
        rows.price_is_plausible,
        rows.commitment_is_not_dearer,
        machines.accelerator_is_in_the_price,
        machines.more_accelerators_cost_more,
        machines.regions_agree,
        change.price_did_not_jump,
        change.nothing_vanished,
    )
)
# A service of which more than a tenth is withheld was misread; so few machines prove nothing.
_MOST_WITHHELD = 0.1
_FEW_MACHINES = 5
TOO_MANY = "few_rows_are_withheld"


@dataclass(frozen=True, slots=True)
class Sifted:
    """What may be published of a snapshot.

    Attributes:
        withheld: Why machines of it are not.
        kept: Why a whole service keeps its old prices, by service.
    """

    offers: tuple[Offer, ...]
    coverage: tuple[Coverage, ...]
    withheld: tuple[Violation, ...] = ()
    kept: Mapping[str, tuple[Violation, ...]] = field(default_factory=dict)


def machines_of(withheld: Iterable[Violation]) -> list[tuple[str, str, str]]:
    """Return the machines withheld: service, region (empty: all), instance type."""
    return sorted({(v.service, v.region, v.instance_type) for v in withheld})


def sift(candidate: Candidate, accepted: Iterable[tuple[str, str]] = ()) -> Sifted:
    """Take out as little as possible: a machine in a region, or a service.

    A machine withheld keeps the price known before, because the snapshot no longer covers it.
    """
    found = check(candidate, accepted)
    withheld = [v for v in found if v.instance_type]
    machines_withheld = set(machines_of(withheld))
    spoilt = {
        o.key: o
        for o in candidate.offers
        if not machines_withheld.isdisjoint(
            {(o.service, o.region, o.instance_type), (o.service, "", o.instance_type)}
        )
    }
    reasons: dict[str, list[Violation]] = {}
    for violation in (v for v in found if not v.instance_type):
        reasons.setdefault(violation.service, []).append(violation)
    for crowd in _crowds(candidate, spoilt):
        rows_of_it = (v for v in withheld if v.service == crowd.service)
        reasons.setdefault(crowd.service, []).extend((crowd, *rows_of_it))
    kept = {service: tuple(why) for service, why in reasons.items()}
    left = tuple(v for v in withheld if v.service not in kept)
    return Sifted(
        offers=tuple(o for o in candidate.offers if o.service not in kept and o.key not in spoilt),
        coverage=tuple(_without(c, left) for c in candidate.coverage if c.service not in kept),
        withheld=left,
        kept=kept,
    )


def _crowds(
    candidate: Candidate, spoilt: Mapping[tuple[object, ...], Offer]
) -> Iterator[Violation]:
    """Yield the services of which too much is withheld."""
    rows_of = Counter(o.service for o in candidate.offers)
    bad_of = Counter(o.service for o in candidate.offers if o.key in spoilt)
    for service, bad in bad_of.items():
        machines_of = {(o.region, o.instance_type) for o in spoilt.values() if o.service == service}
        if len(machines_of) > _FEW_MACHINES and bad > rows_of[service] * _MOST_WITHHELD:
            problem = f"{bad} of {rows_of[service]} rows are withheld: the list was misread"
            yield Violation(TOO_MANY, service, problem, service)


def _without(coverage: Coverage, withheld: Iterable[Violation]) -> Coverage:
    """Return the coverage without the machines withheld, so that their old prices stay."""
    names = {
        v.instance_type
        for v in withheld
        if v.service == coverage.service and v.region in ("", coverage.region)
    }
    return replace(coverage, instance_types=scopes.leave_out(coverage.instance_types, names))


def check(candidate: Candidate, accepted: Iterable[tuple[str, str]] = ()) -> list[Violation]:
    """Return what breaks the gates.

    Args:
        candidate: The snapshot and what it is held against.
        accepted: (gate, glob of the subject) pairs of exceptions accepted by name; a gate
            that is not ``ACCEPTABLE`` holds all the same.
    """
    exceptions = [(gate, subject) for gate, subject in accepted if gate in ACCEPTABLE]
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
