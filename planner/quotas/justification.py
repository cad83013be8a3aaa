"""The sentence that asks for quota: who runs what, where, for how long.

Users report that one plain sentence with model, machines, region, hours and start date is
what gets answered. Plain ASCII on one line of at most 500 characters: planner's own
restraint, within what ticket descriptions and Google's ``justification`` take.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date

    from planner.quotas.model import Demand

LONGEST = 500


def justify(
    demand: Demand,
    *,
    purpose: str = "",
    hours_per_month: float = 730,
    start: date | None = None,
    owner: str = "",
) -> str:
    """Return the justification of a demand.

    Args:
        demand: The machines.
        purpose: What for; serving the model for inference by default.
        hours_per_month: How long they run.
        start: When they are needed; at once by default.
        owner: The team or person.
    """
    what = purpose or (
        f"serve the open model {demand.model} for inference"
        if demand.model
        else "serve an open language model for inference"
    )
    gpus = f"{demand.gpus:g} x {demand.accelerator}"
    how = "Spot capacity" if demand.spot else "on-demand capacity"
    when = f"from {start.isoformat()}" if start else "as soon as possible"
    who = f" Owner: {owner}." if owner else ""
    return plain(
        f"We will {what} on {demand.text} ({gpus}) in {demand.region}, {how}, about "
        f"{hours_per_month:g} hours a month, {when}. This is the smallest increase that runs "
        f"this workload.{who}"
    )


def plain(text: str) -> str:
    """Return the text as every cloud takes it."""
    line = " ".join(text.split())
    return line.encode("ascii", "replace").decode()[:LONGEST]
