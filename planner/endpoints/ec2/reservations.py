"""EC2 capacity that the user holds already: reservations, and Capacity Blocks when they run."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from planner.endpoints.aws import calls
from planner.endpoints.machines.reservations import Held
from planner.errors import CloudError, NotFoundError

_NAMES_NONE = {"InvalidCapacityReservationId.NotFound", "InvalidCapacityReservationId.Malformed"}
# EC2 guide: "We terminate your instances 30 minutes before the end of the Capacity Block".
_BLOCK_ENDS_EARLY = timedelta(minutes=30)


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


def placed(held: Held) -> dict[str, Any]:
    """Return what RunInstances is told to land in a reservation and nowhere else."""
    target = {"CapacityReservationTarget": {"CapacityReservationId": held.name}}
    market = {"InstanceMarketOptions": {"MarketType": "capacity-block"}}
    return {"CapacityReservationSpecification": target, **(market if held.is_own_market else {})}


def _read(row: dict[str, Any]) -> Held:
    block, ends = row.get("ReservationType") == "capacity-block", row.get("EndDate")
    return Held(
        name=row["CapacityReservationId"],
        machine=row["InstanceType"],
        zone=row["AvailabilityZone"],
        state=row["State"],
        is_ready=row["State"] == "active",
        free=int(row.get("AvailableInstanceCount", 0)),
        paid=(
            "a Capacity Block, paid when it was booked: the price above is not paid again"
            if block
            else "billed at the on-demand price whether it is used or not"
        ),
        ends=ends - _BLOCK_ENDS_EARLY if ends is not None and block else ends,
        is_own_market=block,
    )


def _none(name: str, region: str) -> NotFoundError:
    return NotFoundError(
        f"there is no capacity reservation {name} in {region}",
        advice="its id begins with cr-; --region says where it is",
    )
