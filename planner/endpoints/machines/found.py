"""How what a cloud lists becomes an endpoint. Pure: the vendors read, this decides."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from planner.endpoints.machines import console
from planner.endpoints.model import (
    TAG_ACCESS,
    TAG_HOURLY,
    TAG_MODEL,
    TAG_OWNER,
    TAG_PRECISION,
    TAG_SETTINGS,
    Endpoint,
    State,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine of planner's, as its cloud shows it, in the words of all clouds.

    Attributes:
        place: What the vendor finds it by: its zone, its resource group, its id.
        run: The run of planner that made it.
        state: Of the machine: ``IN_SERVICE`` means that it runs; its console tells the rest.
        native_state: The cloud's own word.
        tags: What planner wrote onto it, in planner's own names.
        expires_at: When the cloud removes it by itself; None for never.
        guarded: Whether what removes it then may do so.
        problem: Why it failed, in the cloud's words.
        occupied: Whether it costs money although it has failed.
        console: Reads what it wrote.
    """

    name: str
    region: str
    place: str
    run: str
    state: State
    native_state: str
    instance_type: str
    created_at: datetime | None
    tags: Mapping[str, str]
    console: Callable[[], Sequence[str]]
    expires_at: datetime | None = None
    guarded: bool = True
    problem: str = ""
    occupied: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """All that a cloud has of one endpoint in one region.

    Attributes:
        machine: The oldest, which counts; None: only parts that cost nothing are left.
        parts: Ids of all that belongs to it.
        created_at: Of leftovers, when the youngest part was made; None where not known.
        deleting: Whether the cloud takes the leftovers away already.
    """

    name: str
    region: str
    machine: Machine | None = None
    parts: Sequence[str] = field(default=())
    created_at: datetime | None = None
    deleting: bool = False


def endpoint(found: Found, cloud: str, service: str) -> Endpoint:
    """Return what a cloud has of an endpoint as an endpoint."""
    if found.machine is None:
        return Endpoint(
            name=found.name,
            cloud=cloud,
            service=service,
            region=found.region,
            state=State.DELETING if found.deleting else State.LEFTOVER,
            created_at=found.created_at,
            parts=tuple(found.parts),
        )
    machine, tags = found.machine, found.machine.tags
    state, problem, occupied = _state(machine)
    price = tags.get(TAG_HOURLY)
    return Endpoint(
        name=found.name,
        cloud=cloud,
        service=service,
        region=found.region,
        state=state,
        native_state=machine.native_state,
        model=tags.get(TAG_MODEL, ""),
        precision=tags.get(TAG_PRECISION, ""),
        owner=tags.get(TAG_OWNER, ""),
        instance_type=machine.instance_type,
        hourly_usd=Decimal(price) if price else None,
        created_at=machine.created_at,
        expires_at=machine.expires_at,
        guarded=machine.guarded and machine.expires_at is not None,
        settings_hash=tags.get(TAG_SETTINGS, ""),
        parts=tuple(found.parts),
        occupied=occupied,
        problem=problem,
        access=tags.get(TAG_ACCESS, ""),
    )


def _state(machine: Machine) -> tuple[State, str, bool]:
    """Return state, problem, and whether it costs money although it has failed."""
    if machine.state is not State.IN_SERVICE:
        return machine.state, machine.problem, machine.occupied
    stage = console.stage(machine.console())
    if stage.startswith(console.FAILED):
        return State.FAILED, stage, True
    return (State.IN_SERVICE if stage == console.READY else State.CREATING), "", False
