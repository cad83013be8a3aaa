"""Machines that the user holds already: whether one of them takes what is to be deployed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.endpoints.deploying.preflight import Check, Finding, Status, good
from planner.endpoints.machines import checks
from planner.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from planner.endpoints.model import DeploymentSpec

_ELSEWHERE = "another --reservation, or leave it out"


@dataclass(frozen=True, slots=True)
class Held:
    """One reservation.

    Attributes:
        name: Its id, or its name where the cloud goes by names.
        machine: The machine type, as the cloud calls it.
        state: The cloud's own word.
        is_ready: Whether machines may land in it now.
        free: Machines of it that are not in use.
        paid: How it is paid for, in words.
        ends: When the cloud takes its machines back; None for never.
        is_own_market: Whether it is a Capacity Block, which EC2 sells in a market of its own.
        is_targeted: Whether only machines that name it land in it.
        place: Where it is, as people call it; empty where the zone says it.
    """

    name: str
    machine: str
    zone: str
    state: str
    is_ready: bool
    free: int
    paid: str
    ends: datetime | None = None
    is_own_market: bool = False
    is_targeted: bool = True
    place: str = ""


def room(spec: DeploymentSpec, machine: str, look_up: Callable[[str, str], Held]) -> Check:
    """Return the check of the quota; of the reservation where one is named.

    What a reservation holds has been counted already.

    Args:
        spec: The deployment.
        machine: Its machine type, as the cloud calls it.
        look_up: Finds a reservation by its name and region.
    """
    if not spec.reservation:
        return Check("quota", lambda: checks.quota(spec))
    return Check("reservation", lambda: _finding(spec, machine, look_up))


def _finding(spec: DeploymentSpec, machine: str, look_up: Callable[[str, str], Held]) -> Finding:
    try:
        held = look_up(spec.reservation, spec.region)
    except (NotFoundError, UsageError) as error:
        return Finding("reservation", Status.BAD, str(error), error.advice, type(error))
    if held.machine.casefold() != machine.casefold():
        text, remedy = (
            f"{held.name} is for {held.machine}, not {machine}",
            f"--instance-type {held.machine}",
        )
        return Finding("reservation", Status.BAD, text, remedy, UsageError)
    if not held.is_ready:
        text = f"{held.name} is {held.state.lower()}"
        return Finding("reservation", Status.BAD, text, _ELSEWHERE, UsageError)
    if not held.free:
        text = f"all machines of {held.name} are in use"
        return Finding("reservation", Status.BAD, text, _ELSEWHERE, UsageError)
    text = f"{held.name} in {held.place or held.zone}, {held.free} free; {held.paid}"
    if held.ends is not None and (spec.expires_at is None or spec.expires_at > held.ends):
        ends = f"{held.ends:%Y-%m-%d %H:%M} UTC"
        text = f"{text}; its machines are taken back at {ends}, before the expiry"
        return Finding("reservation", Status.WARNING, text, "a shorter --expires")
    return good("reservation", text)
