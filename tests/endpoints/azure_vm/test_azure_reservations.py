"""Deploys on Azure onto capacity that the user holds."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from azure_rig import OPTIONS, Rig, machines

from planner.clouds import azure
from planner.endpoints.azure_vm import checks
from planner.endpoints.deploying import deployment
from planner.endpoints.deploying.preflight import PreflightError, Status
from planner.endpoints.interface import adapter
from planner.ledger import Ledger

if TYPE_CHECKING:
    from planner.endpoints.deploying.choices import Options, Prepared
    from planner.endpoints.deploying.preflight import Finding
    from planner.plan import Plan

ONTO = replace(OPTIONS, reservation="ours/gpus")
PROVIDER = "providers/Microsoft.Compute/capacityReservationGroups"


def hold(bench: Rig, plan: Plan, *, name: str = "a", **changes: Any) -> None:
    """Let the subscription hold a machine of the plan's size."""
    size = changes.pop("size", plan.instance_type)
    bench.world.notes["azure-reservations"][f"ours/gpus/{name}"] = {
        "location": plan.region,
        "sku": {"name": size, "capacity": changes.pop("count", 1)},
        "zones": ["2"],
        **changes,
    }


def prepare(plan: Plan, options: Options = ONTO) -> Prepared:
    with Ledger() as ledger:
        return deployment.prepare(plan, options, adapter("azure-vm"), ledger)


def finding(plan: Plan, options: Options = ONTO) -> Finding:
    found = {item.check: item for item in prepare(plan, options).findings}
    assert "quota" not in found, "what is reserved has been counted already"
    return found["reservation"]


def test_a_machine_lands_in_the_group_where_nothing_else_is_free(bench: Rig, plan: Plan) -> None:
    hold(bench, plan)
    bench.scenario(capacity=False)
    found = finding(plan)
    assert (found.status, found.text) == (
        Status.GOOD,
        f"gpus/a in {plan.region} zone 2, 1 free; billed whether it is used or not",
    )
    bench.deploy(plan, ONTO)
    (machine,) = machines(bench)
    assert machine["zones"] == ["2"]
    named = machine["properties"]["capacityReservation"]["capacityReservationGroup"]["id"]
    assert named.endswith(f"/resourceGroups/ours/{PROVIDER}/gpus")
    assert "in use" in finding(plan, replace(ONTO, name="another")).text
    again = prepare(plan)
    assert again.is_same
    assert not [item for item in again.findings if item.status is Status.BAD], "it fills it itself"


def test_the_part_of_a_group_that_fits_is_taken(bench: Rig, plan: Plan) -> None:
    hold(bench, plan, name="a", size="Standard_NC4as_T4_v3", count=9)
    hold(bench, plan, name="b", zones=["3"])
    del bench.world.notes["azure-reservations"]["ours/gpus/b"]["zones"]
    id_ = f"/subscriptions/{azure.subscription()}/resourceGroups/ours/{PROVIDER}/gpus"
    options = replace(ONTO, reservation=id_)
    assert finding(plan, options).text.startswith(f"gpus/b in {plan.region}, 1 free")
    bench.deploy(plan, options)
    (machine,) = machines(bench)
    assert "zones" not in machine


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"state": "Failed"}, "is failed"),
        ({"count": 0}, "in use"),
        ({"size": "Standard_NC4as_T4_v3"}, "is for Standard_NC4as_T4_v3"),
        ({"location": "norwayeast"}, "there is no capacity reservation in gpus"),
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


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("gpus", "no capacity reservation group"),
        ("cr-0123456789abcdef0", "no capacity reservation group"),
        (f"/subscriptions/other/resourceGroups/ours/{PROVIDER}/gpus", "another subscription"),
    ],
)
def test_other_names_are_refused_with_what_to_type(
    name: str, says: str, bench: Rig, plan: Plan
) -> None:
    hold(bench, plan)
    found = finding(plan, replace(ONTO, reservation=name))
    assert found.status is Status.BAD
    assert says in found.text
    assert found.remedy
    with pytest.raises(PreflightError):
        bench.deploy(plan, replace(ONTO, reservation=name))
    assert bench.left() == []


def test_a_group_that_is_not_there(bench: Rig, plan: Plan) -> None:
    del bench
    assert "there is no capacity reservation" in finding(plan).text


def test_its_rights_are_asked_for_where_there_is_one_alone(bench: Rig, plan: Plan) -> None:
    hold(bench, plan)
    read = "Microsoft.Compute/capacityReservationGroups/capacityReservations/read"
    assert read in checks.needed()
    assert read not in checks.needed(reserved=False)
    assert finding(plan).status is Status.GOOD
    assert ("azure", read) in bench.world.calls
