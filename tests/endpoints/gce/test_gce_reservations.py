"""Deploys on Compute Engine onto capacity that the user holds."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from gce_rig import OPTIONS, Rig

from planner.endpoints.deploying import deployment
from planner.endpoints.deploying.preflight import PreflightError, Status
from planner.endpoints.gce import requests
from planner.endpoints.interface import adapter
from planner.ledger import Ledger

if TYPE_CHECKING:
    from planner.endpoints.deploying.choices import Options, Prepared
    from planner.endpoints.deploying.preflight import Finding
    from planner.plan import Plan

ONTO = replace(OPTIONS, reservation="ours")


def hold(bench: Rig, plan: Plan, *, count: int = 1, **changes: Any) -> None:
    """Let the project hold machines of the plan's type."""
    machine, _, _ = requests.machine_of(plan.instance_type)
    bench.world.notes["gce-reservations"]["ours"] = {
        "zone": f"{plan.region}-b",
        "status": "READY",
        "specificReservationRequired": True,
        "specificReservation": {
            "count": str(count),
            "instanceProperties": {"machineType": changes.pop("machine", machine)},
        },
        **changes,
    }


def prepare(plan: Plan, options: Options = ONTO) -> Prepared:
    with Ledger() as ledger:
        return deployment.prepare(plan, options, adapter("gce"), ledger)


def finding(plan: Plan, options: Options = ONTO) -> Finding:
    checks = {item.check: item for item in prepare(plan, options).findings}
    assert "quota" not in checks, "what is reserved has been counted already"
    return checks["reservation"]


def test_a_machine_lands_in_the_reservation_where_nothing_else_is_free(
    bench: Rig, plan: Plan
) -> None:
    hold(bench, plan)
    bench.scenario(capacity=False)
    assert finding(plan).status is Status.GOOD
    bench.deploy(plan, ONTO)
    (machine,) = bench.world.notes["gce"].values()
    assert machine["zone"] == f"{plan.region}-b"
    assert machine["reservationAffinity"] == {
        "consumeReservationType": "SPECIFIC_RESERVATION",
        "key": "compute.googleapis.com/reservation-name",
        "values": ["ours"],
    }
    assert "in use" in finding(plan, replace(ONTO, name="another")).text
    again = prepare(plan)
    assert again.is_same
    assert not [item for item in again.findings if item.status is Status.BAD], "it fills it itself"


def test_one_that_every_machine_may_use_is_not_named(bench: Rig, plan: Plan) -> None:
    hold(bench, plan, specificReservationRequired=False)
    bench.deploy(plan, ONTO)
    (machine,) = bench.world.notes["gce"].values()
    assert machine["reservationAffinity"] == {"consumeReservationType": "ANY_RESERVATION"}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"status": "CREATING"}, "is creating"),
        ({"count": 0}, "in use"),
        ({"machine": "a3-highgpu-8g"}, "is for a3-highgpu-8g"),
        ({"zone": "europe-west4-a"}, "there is no reservation ours"),
    ],
)
def test_what_does_not_fit_is_found_before_anything_is_made(
    changes: dict[str, Any], says: str, bench: Rig, plan: Plan
) -> None:
    hold(bench, plan, **changes)
    assert says in finding(plan).text
    with pytest.raises(PreflightError):
        bench.deploy(plan, ONTO)
    assert bench.left() == []
