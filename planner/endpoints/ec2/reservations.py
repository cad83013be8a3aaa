"""EC2 capacity that the user holds already: reservations, and Capacity Blocks when they run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from planner.endpoints.aws import calls
from planner.endpoints.deploying.preflight import Finding, Status, good
from planner.errors import CloudError, NotFoundError, UsageError

if TYPE_CHECKING:
    from datetime import datetime

    from planner.endpoints.model import DeploymentSpec

_NAMES_NONE = {"InvalidCapacityReservationId.NotFound", "InvalidCapacityReservationId.Malformed"}
# EC2 guide: "We terminate your instances 30 minutes before the end of the Capacity Block".
_BLOCK_ENDS_EARLY = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Held:
    """One reservation.

    Attributes:
        free: Machines of it that are not in use.
        is_block: Whether it is a Capacity Block, which was paid when it was booked.
        ends: When its machines are terminated; None for never.
    """

    id: str
    instance_type: str
    zone: str
    state: str
    free: int
    is_block: bool
    ends: datetime | None


def look_up(name: str, region: str) -> Held:
    """Return a reservation.

    Raises:
        NotFoundError: There is none of that id in the region.
    """
    try:
        answer = calls.call(
            "ec2",
            region,
            "describe_capacity_reservations",
            "look at the reservation",
            CapacityReservationIds=[name],
        )
    except CloudError as error:
        if error.code not in _NAMES_NONE:
            raise
        raise _none(name, region) from error
    if not answer["CapacityReservations"]:
        raise _none(name, region)
    return _read(answer["CapacityReservations"][0])


def check(spec: DeploymentSpec) -> Finding:
    """Look whether a machine of the plan has room in the reservation until its expiry."""
    try:
        held = look_up(spec.reservation, spec.region)
    except NotFoundError as error:
        return Finding("reservation", Status.BAD, str(error), error.advice, NotFoundError)
    wrong = _wrong(spec, held)
    if wrong:
        return Finding("reservation", Status.BAD, *wrong, UsageError)
    paid = (
        "a Capacity Block, paid when it was booked: the price above is not paid again"
        if held.is_block
        else "billed at the on-demand price whether it is used or not"
    )
    text = f"{held.id} in {held.zone}, {held.free} free; {paid}"
    late = held.ends is not None and (spec.expires_at is None or spec.expires_at > held.ends)
    if late:
        ends = f"{held.ends:%Y-%m-%d %H:%M} UTC"
        text = f"{text}; EC2 takes the machine back at {ends}, before its expiry"
        return Finding("reservation", Status.WARNING, text, "a shorter --expires")
    return good("reservation", text)


def placed(held: Held) -> dict[str, Any]:
    """Return what RunInstances is told to land in a reservation and nowhere else."""
    target = {"CapacityReservationTarget": {"CapacityReservationId": held.id}}
    market = {"InstanceMarketOptions": {"MarketType": "capacity-block"}} if held.is_block else {}
    return {"CapacityReservationSpecification": target, **market}


def _wrong(spec: DeploymentSpec, held: Held) -> tuple[str, str] | None:
    """Return why the reservation does not take the machine, and what to do."""
    if held.instance_type != spec.plan.instance_type:
        return (
            f"{held.id} is for {held.instance_type}, not {spec.plan.instance_type}",
            f"--instance-type {held.instance_type}",
        )
    if held.state != "active":
        return f"{held.id} is {held.state}", "another --reservation, or leave it out"
    if not held.free:
        return f"all machines of {held.id} are in use", "another --reservation, or leave it out"
    return None


def _read(row: dict[str, Any]) -> Held:
    block = row.get("ReservationType") == "capacity-block"
    ends = row.get("EndDate")
    return Held(
        id=row["CapacityReservationId"],
        instance_type=row["InstanceType"],
        zone=row["AvailabilityZone"],
        state=row["State"],
        free=int(row.get("AvailableInstanceCount", 0)),
        is_block=block,
        ends=ends - _BLOCK_ENDS_EARLY if ends is not None and block else ends,
    )


def _none(name: str, region: str) -> NotFoundError:
    return NotFoundError(
        f"there is no capacity reservation {name} in {region}",
        advice="its id begins with cr-; --region says where it is",
    )
