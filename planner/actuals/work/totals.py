"""What an endpoint served in a period, added up. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.actuals.work.recorded import one_source_an_hour

if TYPE_CHECKING:
    from collections.abc import Iterable

    from planner.ledger import ServedHour


@dataclass(frozen=True, slots=True)
class Work:
    """What an endpoint served in the period; None: no source tells.

    Attributes:
        hours: Of the period that were looked at.
        idle_hours: Those of them without a request.
        source: Where it was read.
    """

    hours: float = 0.0
    idle_hours: float = 0.0
    requests: float | None = None
    input_tokens: float | None = None
    output_tokens: float | None = None
    ttft_p95_s: float | None = None
    tpot_p95_s: float | None = None
    source: str = ""


def total(served: Iterable[ServedHour]) -> Work:
    """Add hours up."""
    hours = one_source_an_hour(served)

    def whole(name: str) -> float | None:
        values = [getattr(item, name) for item in hours if getattr(item, name) is not None]
        return sum(values) if values else None

    def worst(name: str) -> float | None:
        values = [getattr(item, name) for item in hours if getattr(item, name) is not None]
        return max(values) if values else None

    return Work(
        sum(item.seconds for item in hours) / 3600,
        sum(item.seconds for item in hours if item.requests == 0) / 3600,
        whole("requests"),
        whole("input_tokens"),
        whole("output_tokens"),
        worst("ttft_p95_s"),
        worst("tpot_p95_s"),
        ", ".join(sorted({item.source for item in hours})),
    )
