"""Integrity gates: what a snapshot must satisfy before it is published.

Each gate is a function from a ``Candidate`` to the rows that break it, and answers to a bug
seen in a real price tool (named in its docstring; docs/data-sources.md lists them). A
snapshot that breaks any gate is refused whole and the one before it stays. An exception is
accepted by name, with a reason, in ``pricing_data/accepted.csv`` or by ``--accept``.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from planner.errors import SnapshotRefusedError
from planner.pricing.gates import change, machines, rows
from planner.pricing.gates.candidate import Candidate, Violation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["GATES", "Candidate", "Violation", "check", "require"]

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
