"""Simulated EC2 capacity: reservations, Capacity Blocks on offer, Spot placement scores.

Documented (botocore model, EC2 guide): operations, members, states; a reservation counts
towards the on-demand quota whether it is used or not, and is refused above it with
``VcpuLimitExceeded`` (``InstanceLimitExceeded`` is the older name); blocks are for P4, P5, P6
and Trn types, last 1 to 14 days or whole weeks up to 182, are paid in front, and are bound by
quotas of their own; scores go from 1 to 10.
Invented: which blocks are on offer and when, their price, every score. Assumed: that nothing is
reserved at first, and no Spot request waits. ``World.notes["ec2-reservations"]`` and
``["ec2-spot-requests"]`` take rows of the model, per region.
"""

from __future__ import annotations

import uuid
import zlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from moto.ec2.models import ec2_backends

from planner.quotas import catalogue, types
from planner.sandbox.aws.ec2_answers import members, xml_response
from planner.sandbox.aws.protocol import ACCOUNT, AwsCall, AwsError
from planner.sandbox.aws.service_quotas import ServiceQuotas

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

    from planner.sandbox.world import World

_RESERVED = {"assessing", "scheduled", "pending", "active", "delayed"}
_TARGET = "CapacityReservationSpecification.CapacityReservationTarget.CapacityReservationId"
_BEST_SCORE = 10
_USD_PER_VCPU_HOUR = 0.25
_BLOCKS = ("p4d", "p4de", "p5", "p5e", "p5en", "p6-b200", "p6-b300", "trn1", "trn2")


class Ec2Capacity:
    """What moto's EC2 lacks of capacity."""

    service = "ec2"

    def __init__(self, world: World) -> None:
        self._world = world
        self._quotas = ServiceQuotas(world)

    def handle(self, call: AwsCall) -> Response | None:
        """Answer what is about capacity; moto does the rest."""
        operations = {
            "DescribeCapacityReservations": self._describe,
            "CreateCapacityReservation": self._create,
            "DescribeCapacityBlockOfferings": self._offerings,
            "GetSpotPlacementScores": self._scores,
        }
        waiting = self._world.notes["ec2-spot-requests"].get(call.region)
        if waiting and call.operation == "DescribeSpotInstanceRequests":
            return xml_response(call, {"SpotInstanceRequests": waiting})
        if call.operation not in operations:
            return None
        return xml_response(call, operations[call.operation](call))

    def _describe(self, call: AwsCall) -> dict[str, Any]:
        wanted = {
            value for key, value in call.parameters.items() if key.startswith("Filter.1.Value.")
        }
        ids = set(members(call, "CapacityReservationId"))
        rows = [
            row
            for row in reservations(self._world, call.region)
            if (not wanted or row["State"] in wanted)
            and (not ids or row["CapacityReservationId"] in ids)
        ]
        if ids and not rows:
            raise AwsError(
                "InvalidCapacityReservationId.NotFound",
                f"The capacity reservation ID '{min(ids)}' does not exist",
            )
        rows = [
            row | {"AvailableInstanceCount": _free(self._world, call.region, row)}
            if "TotalInstanceCount" in row
            else row
            for row in rows
        ]
        return {"CapacityReservations": rows}

    def _create(self, call: AwsCall) -> dict[str, Any]:
        kind, count = call.parameters["InstanceType"], int(call.parameters["InstanceCount"])
        item = types.known().find("ec2", kind)
        row = catalogue.ec2_family(kind, spot=False)
        if item is not None and row is not None:
            limit = self._quotas.limit_of(call.region, "ec2", row.quota_id) or 0
            held = reserved_vcpus(self._world, call.region, row.quota_id)
            if held + count * item.vcpus > limit:
                raise AwsError(
                    "VcpuLimitExceeded",
                    "You have requested more vCPU capacity than your current vCPU limit of "
                    f"{limit} allows for the instance bucket that the specified instance type "
                    "belongs to.",
                )
        made = {
            "CapacityReservationId": f"cr-{uuid.uuid4().hex[:17]}",
            "OwnerId": ACCOUNT,
            "InstanceType": kind,
            "AvailabilityZone": call.parameters.get("AvailabilityZone", f"{call.region}a"),
            "TotalInstanceCount": count,
            "AvailableInstanceCount": count,
            "State": "active",
            "ReservationType": "default",
        }
        reservations(self._world, call.region).append(made)
        return {"CapacityReservation": made}

    def _offerings(self, call: AwsCall) -> dict[str, Any]:
        kind = call.parameters.get("InstanceType", "")
        hours = int(call.parameters.get("CapacityDurationHours", 24))
        count = int(call.parameters.get("InstanceCount", 1))
        if kind.split(".", 1)[0] not in _BLOCKS or not self._world.scenario.capacity:
            return {"CapacityBlockOfferings": []}
        day = self._world.now().replace(hour=11, minute=30, second=0, microsecond=0)
        start = day + timedelta(days=2 + zlib.crc32(f"{kind}{call.region}".encode()) % 5)
        offer = {
            "CapacityBlockOfferingId": f"cbo-{zlib.crc32(f'{kind}{hours}'.encode()):08x}",
            "InstanceType": kind,
            "AvailabilityZone": f"{call.region}a",
            "InstanceCount": count,
            "StartDate": start,
            "EndDate": start + timedelta(hours=hours),
            "CapacityBlockDurationHours": hours,
            "UpfrontFee": f"{_USD_PER_VCPU_HOUR * _vcpus(kind) * hours * count:.4f}",
            "CurrencyCode": "USD",
            "Tenancy": "default",
        }
        return {"CapacityBlockOfferings": [offer]}

    def _scores(self, call: AwsCall) -> dict[str, Any]:
        kinds = members(call, "InstanceType")
        regions = members(call, "RegionName") or [call.region]
        scores = [
            {"Region": region, "Score": self._score("".join(kinds) + region)} for region in regions
        ]
        return {"SpotPlacementScores": scores}

    def _score(self, what: str) -> int:
        return 1 + zlib.crc32(what.encode()) % _BEST_SCORE if self._world.scenario.capacity else 1


def reservations(world: World, region: str) -> list[dict[str, Any]]:
    """Return the reservations of a region, to read and to add to."""
    rows: list[dict[str, Any]] = world.notes["ec2-reservations"].setdefault(region, [])
    return rows


def lands_in_a_reservation(world: World, call: AwsCall, zone: str) -> bool:
    """Tell whether a launch names a reservation that takes it.

    Documented: the parameters, ``ReservationCapacityExceeded``, that a Capacity Block wants its
    own market type. Assumed: a launch of another type or zone is refused with the same code.

    Raises:
        AwsError: There is no such reservation, or no room in it.
    """
    name = call.parameters.get(_TARGET)
    if not name:
        return False
    row = next(
        (r for r in reservations(world, call.region) if r["CapacityReservationId"] == name), None
    )
    if row is None:
        raise AwsError(
            "InvalidCapacityReservationId.NotFound",
            f"The capacity reservation ID '{name}' does not exist",
        )
    block = call.parameters.get("InstanceMarketOptions.MarketType") == "capacity-block"
    token = call.parameters.get("ClientToken", "")
    fits = (
        row["InstanceType"] == call.parameters.get("InstanceType")
        and row["AvailabilityZone"] == zone
        and row["State"] == "active"
        and block == (row.get("ReservationType") == "capacity-block")
        and (_free(world, call.region, row) > 0 or token in _tokens(world, name))
    )
    if not fits:
        raise AwsError(
            "ReservationCapacityExceeded",
            "The requested reservation does not have sufficient compatible and available capacity "
            "for this request.",
        )
    _tokens(world, name).add(token)
    return True


def _tokens(world: World, name: str) -> set[str]:
    """Return the tokens of the launches that a reservation has taken."""
    found: set[str] = world.notes["ec2-in-reservations"].setdefault(name, set())
    return found


def _free(world: World, region: str, row: dict[str, Any]) -> int:
    """Return how many machines of a reservation are not in use."""
    taken = _tokens(world, row["CapacityReservationId"])
    alive = ec2_backends[ACCOUNT][region].all_running_instances()
    return int(row["TotalInstanceCount"]) - sum(item.client_token in taken for item in alive)


def reserved_vcpus(world: World, region: str, quota_id: str) -> int:
    """Return the vCPUs that reservations take of an on-demand quota."""
    taken = 0
    for row in reservations(world, region):
        counted = row["State"] in _RESERVED and row.get("ReservationType") != "capacity-block"
        family = catalogue.ec2_family(row["InstanceType"], spot=False)
        item = types.known().find("ec2", row["InstanceType"])
        if counted and family is not None and item is not None and family.quota_id == quota_id:
            taken += row["TotalInstanceCount"] * item.vcpus
    return taken


def _vcpus(kind: str) -> int:
    item = types.known().find("ec2", kind)
    return item.vcpus if item is not None else 0
