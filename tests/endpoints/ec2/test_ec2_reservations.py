"""Deploys on EC2 onto capacity that the user holds."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from ec2_rig import OPTIONS, REGION, Rig
from vm_rig import cheapest_on

from planner.endpoints.deploying import deployment
from planner.endpoints.deploying.interruption import Interruption
from planner.endpoints.deploying.preflight import PreflightError, Status
from planner.endpoints.ec2 import machines
from planner.endpoints.interface import adapter
from planner.errors import CapacityError
from planner.ledger import Ledger
from planner.sandbox.aws.ec2_capacity import reservations

if TYPE_CHECKING:
    from planner.endpoints.deploying.choices import Options, Prepared
    from planner.endpoints.deploying.preflight import Finding
    from planner.plan import Plan

NAME = "cr-0123456789abcdef0"


def hold(bench: Rig, plan: Plan, **changes: Any) -> None:
    """Let the account hold one machine of the plan's type."""
    row = {
        "CapacityReservationId": NAME,
        "InstanceType": plan.instance_type,
        "AvailabilityZone": f"{REGION}b",
        "TotalInstanceCount": 1,
        "State": "active",
        "ReservationType": "default",
    }
    reservations(bench.world, REGION).append(row | changes)


ONTO = replace(OPTIONS, reservation=NAME)


def prepare(plan: Plan, options: Options = ONTO) -> Prepared:
    with Ledger() as ledger:
        return deployment.prepare(plan, options, adapter(plan.service), ledger)


def finding(plan: Plan, options: Options = ONTO) -> Finding:
    found = {item.check: item for item in prepare(plan, options).findings}
    assert "quota" not in found, "what is reserved has been counted already"
    return found["reservation"]


def run(prepared: Prepared) -> None:
    with Ledger() as ledger, Interruption() as interruption:
        deployment.deploy(prepared, adapter("ec2"), ledger, interruption, options=ONTO)


def test_a_machine_lands_in_the_reservation_where_nothing_else_is_free(
    bench: Rig, plan: Plan
) -> None:
    hold(bench, plan)
    bench.scenario(capacity=False)
    said = finding(plan)
    assert said.status is Status.GOOD
    assert "1 free" in said.text
    assert "whether it is used or not" in said.text
    bench.deploy(plan, ONTO)
    (machine,) = machines.of_endpoint(REGION)
    assert machine["Placement"]["AvailabilityZone"] == f"{REGION}b"
    assert "in use" in finding(plan, replace(ONTO, name="another")).text
    again = prepare(plan)
    assert again.is_same
    assert not [item for item in again.findings if item.status is Status.BAD], "it fills it itself"
    bench.destroy("llama-2-70b", REGION)
    assert finding(plan).status is Status.GOOD


def test_a_capacity_block_is_its_own_market_and_ends_half_an_hour_early(
    bench: Rig, plan: Plan
) -> None:
    ends = bench.world.now() + timedelta(hours=6)
    hold(bench, plan, ReservationType="capacity-block", EndDate=ends)
    said = finding(plan)
    assert said.status is Status.WARNING
    assert "paid when it was booked" in said.text
    assert f"{ends - timedelta(minutes=30):%H:%M} UTC" in said.text
    short = replace(ONTO, life=timedelta(hours=2))
    assert finding(plan, short).status is Status.GOOD
    bench.deploy(plan, short)
    assert machines.of_endpoint(REGION)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"State": "expired"}, "is expired"),
        ({"TotalInstanceCount": 0}, "in use"),
        ({"InstanceType": "p5.48xlarge"}, "is for p5.48xlarge"),
        ({"CapacityReservationId": "cr-0"}, f"no capacity reservation {NAME}"),
    ],
)
def test_what_does_not_fit_is_found_before_anything_is_made(
    changes: dict[str, Any], says: str, bench: Rig, plan: Plan
) -> None:
    hold(bench, plan, **changes)
    assert says in finding(plan).text
    with pytest.raises(PreflightError):
        bench.deploy(plan, ONTO)
    assert machines.of_endpoint(REGION) == []


def test_a_reservation_that_fills_up_meanwhile_is_a_lack_of_capacity(
    bench: Rig, plan: Plan
) -> None:
    hold(bench, plan)
    prepared = prepare(plan)
    reservations(bench.world, REGION)[0]["TotalInstanceCount"] = 0
    with pytest.raises(CapacityError):
        run(prepared)
    assert machines.of_endpoint(REGION) == []


@pytest.mark.usefixtures("bench")
def test_another_cloud_s_name_is_refused_with_the_form_that_it_takes() -> None:
    azure = cheapest_on("azure-vm", "llama-2-70b", regions=("eastus",))
    assert "RESOURCE_GROUP/NAME" in f"{finding(azure).text} {finding(azure).remedy}"
