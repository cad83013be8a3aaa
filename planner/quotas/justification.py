"""The text that asks for quota: who runs what, where, for how long, at what cost, and why.

Users report that a plain text with model, machines, region, hours and start date is what gets
answered. The first sentences say what matters most, so that a cloud that takes little text
gets them whole. Plain ASCII on one line.

Documented: AWS Support takes 8,000 characters (botocore's CommunicationBody). Google's and
Azure's documents name no length; planner's own restraint is 500 and 4,000.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.quotas.model import Demand

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date
    from decimal import Decimal

LONGEST = {"aws": 8000, "azure": 4000, "gcp": 500}
_HOURS = 730


@dataclass(frozen=True, slots=True)
class Case:
    """What a person who decides wants to know, beside the machines.

    Attributes:
        purpose: What for; serving the model for inference by default.
        hours_per_month: How long the machines run.
        start: When they are needed; at once by default.
        owner: The team or person.
        company: Whose team.
        contact: The person to ask; a name, no address.
        traffic: The load: ``12 requests a second at peak``.
        growth: How it will grow: ``20% a month``.
        hourly_usd: What all the machines cost while they run; None where not known.
        budget_usd: What may be spent a month; None where not told.
        also: Other regions that would do.
    """

    purpose: str = ""
    hours_per_month: float = _HOURS
    start: date | None = None
    owner: str = ""
    company: str = ""
    contact: str = ""
    traffic: str = ""
    growth: str = ""
    hourly_usd: Decimal | None = None
    budget_usd: float | None = None
    also: tuple[str, ...] = ()


def justify(demands: Demand | Sequence[Demand], case: Case | None = None) -> str:
    """Return the justification of one demand, or of a fleet's."""
    listed = [demands] if isinstance(demands, Demand) else list(demands)
    told = case or Case()
    return plain(" ".join(part for part in _sentences(listed, told) if part))


def shortened(text: str, cloud: str) -> str:
    """Return the text as long as the cloud takes it, cut between sentences where possible."""
    longest = LONGEST[cloud]
    line = plain(text)
    if len(line) <= longest:
        return line
    whole = re.split(r"(?<=[.!?]) ", line)
    kept = ""
    for sentence in whole:
        if len(kept) + len(sentence) + 1 > longest:
            break
        kept = f"{kept} {sentence}".strip()
    return kept or line[:longest]


def plain(text: str) -> str:
    """Return the text as every cloud takes it: ASCII on one line."""
    return " ".join(text.split()).encode("ascii", "replace").decode()


def _sentences(demands: Sequence[Demand], case: Case) -> list[str]:
    first = demands[0]
    model = first.model
    what = case.purpose or (
        f"serve the open model {model} for inference"
        if model
        else "serve an open language model for inference"
    )
    machines = " and ".join(_machines(demand) for demand in demands)
    when = f"from {case.start.isoformat()}" if case.start else "as soon as possible"
    return [
        f"We will {what} on {machines}, about {case.hours_per_month:g} hours a month, {when}.",
        "This is the smallest increase that runs this workload.",
        _traffic(case, demands),
        _money(case),
        f"{', '.join(case.also)} would do as well." if case.also else "",
        f"Company: {case.company}." if case.company else "",
        f"Owner: {case.owner}." if case.owner else "",
        f"Contact: {case.contact}." if case.contact else "",
    ]


def _machines(demand: Demand) -> str:
    how = {
        "on_demand": "on-demand capacity",
        "spot": "Spot capacity",
        "capacity_block": "a Capacity Block",
        "flex_start": "flex-start capacity",
    }[demand.bought]
    return f"{demand.text} ({demand.gpus:g} x {demand.accelerator}) in {demand.region}, {how}"


def _traffic(case: Case, demands: Sequence[Demand]) -> str:
    parts = [f"Traffic: {case.traffic}" if case.traffic else ""]
    parts.append(f"growing {case.growth}" if case.growth else "")
    growing = [demand for demand in demands if demand.largest > demand.instances]
    parts += [
        f"{demand.instances} machines at first, {demand.largest} at the most" for demand in growing
    ]
    found = ", ".join(part for part in parts if part)
    return f"{found[0].upper()}{found[1:]}." if found else ""


def _money(case: Case) -> str:
    parts = []
    if case.hourly_usd is not None:
        monthly = float(case.hourly_usd) * case.hours_per_month
        parts.append(f"At list price this is about ${monthly:,.0f} a month")
    if case.budget_usd is not None:
        parts.append(f"the budget is ${case.budget_usd:,.0f} a month")
    found = "; ".join(parts)
    return f"{found[0].upper()}{found[1:]}." if found else ""
