"""What ``planner refresh`` shows of a run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from planner.cli.output import emit, note
from planner.cli.tables import Column

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from planner.pricing.refresh import Outcome
    from planner.pricing.sources.interface import Trace

FIELDS = ("cloud", "status", "as_of", "offers", "rose", "fell", "appeared", "vanished",
          "withheld", "kept", "notes", "error")  # fmt: skip
_TRACE_FIELDS = ("cloud", "region", "used", "verdict", "raw")
_MOST_WITHHELD_SHOWN = 12


def tell(outcomes: Sequence[Outcome], store: str) -> None:
    """Say what was left out, what failed and why, and last how it ended."""
    for o in outcomes:
        for text in o.notes:
            note(f"{o.cloud}: {text}.")
        for line in _withheld_lines(o):
            note(line)
        if o.error is not None:
            note(f"{o.cloud}: {o.error}.")
            for line in o.error.why.splitlines():
                note(f"  {line}")
            if o.error.advice:
                note(f"  Try: {o.error.advice}")
    ended: dict[str, list[str]] = {}
    for o in outcomes:
        ended.setdefault(str(o.status), []).append(o.cloud)
    summary = "; ".join(f"{status}: {', '.join(names)}" for status, names in ended.items())
    note(f"{summary[:1].upper()}{summary[1:]} ({store}).")


def _withheld_lines(outcome: Outcome) -> Iterator[str]:
    """Yield what of a cloud was withheld, in sentences."""
    from planner.pricing import withheld
    from planner.pricing.snapshots import withheld_beside

    for service, why in outcome.kept.items():
        reasons = "; ".join(f"{v.subject} {v.problem}" for v in why[:3])
        yield f"{outcome.cloud}: {service} keeps its prices of before: {reasons}."
        yield f"  Try: {withheld.advice(outcome.cloud, why)}"
    if outcome.withheld:
        shown = outcome.withheld[:_MOST_WITHHELD_SHOWN]
        machines = len(outcome.machines_withheld)
        yield f"{outcome.cloud}: {machines} withheld, with their prices of before:"
        for violation in shown:
            yield f"  {violation}"
        if len(outcome.withheld) > len(shown):
            yield f"  and {len(outcome.withheld) - len(shown)} more rows"
        if outcome.path is not None:
            yield f"  All are in {withheld_beside(outcome.path)}"
        yield f"  Try: {withheld.advice(outcome.cloud, outcome.withheld)}"


def show_traces(name: str, found: Mapping[str, Sequence[Trace]], output_format: str) -> None:
    """Print the raw rows about one machine."""
    records = [
        {"cloud": cloud, "region": t.region, "used": t.is_used, "verdict": t.verdict,
         "raw": json.dumps(dict(t.raw), default=str)}
        for cloud, traces in found.items()
        for t in traces
    ]  # fmt: skip
    shown = [
        Column("cloud", "Cloud", drop_below=90),
        Column("region", "Region"),
        Column("verdict", "What became of it"),
        Column("raw", "Raw row"),
    ]
    emit(records, shown, output_format, fields=_TRACE_FIELDS)
    used = sum(t.is_used for traces in found.values() for t in traces)
    note(f"{name}: {used} of {len(records)} rows made a price. Nothing is published.")


def record(outcome: Outcome) -> dict[str, Any]:
    """Return what the machine formats say of a cloud."""
    kinds = [str(change.kind) for change in outcome.changes]
    return {
        "cloud": outcome.cloud,
        "status": str(outcome.status),
        "as_of": outcome.as_of,
        "offers": outcome.offers,
        **{kind: kinds.count(kind) for kind in ("rose", "fell", "appeared", "vanished")},
        "withheld": len(outcome.machines_withheld),
        "kept": ", ".join(outcome.kept),
        "notes": "; ".join(outcome.notes),
        "error": None if outcome.error is None else str(outcome.error),
    }


def columns() -> list[Column]:
    """Return the columns of the table."""
    return [
        Column("cloud", "Cloud"),
        Column("status", "Prices"),
        Column("as_of", "As of"),
        *(
            Column(key, key.capitalize(), "right", _count(key))
            for key in ("offers", "rose", "fell", "appeared", "vanished", "withheld")
        ),
    ]


def _count(key: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda record: f"{record[key]:,}" if record[key] else ""
