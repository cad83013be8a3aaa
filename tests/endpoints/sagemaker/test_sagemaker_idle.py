"""Endpoints that the cloud deletes when nobody uses them, in the simulated SageMaker."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from rig import OPTIONS, Rig

from planner.clouds import aws
from planner.endpoints.interface import adapter
from planner.endpoints.talking.client import ChatClient
from planner.endpoints.watching.guard import Guard
from planner.errors import CloudError, UsageError

if TYPE_CHECKING:
    from planner.plan import Plan

NAME = "llama-2-70b"
DELETE = replace(OPTIONS, guard=Guard(idle=timedelta(hours=2), idle_action="delete"))
LATER, ALMOST = timedelta(hours=2, minutes=31), timedelta(hours=1, minutes=50)


def there(plan: Plan) -> bool:
    found = adapter("sagemaker").find(NAME, plan.region)
    return found is not None and found.native_state == "InService"


def ask(plan: Plan) -> None:
    made = adapter("sagemaker")
    found = made.find(NAME, plan.region)
    assert found is not None
    client = ChatClient(made.transport(found), NAME)
    client.ask([{"role": "user", "content": "hello"}], max_tokens=8)


@pytest.mark.long
def test_what_nobody_asks_is_deleted_and_the_rest_is_swept_up(sandbox: Rig, plan: Plan) -> None:
    sandbox.deploy(plan, DELETE)
    sandbox.world.clock.advance(ALMOST)
    assert there(plan)
    sandbox.world.clock.advance(LATER)
    assert not there(plan)
    sandbox.destroy(NAME, plan.region)
    assert sandbox.left(plan.region) == []


@pytest.mark.long
def test_what_is_asked_stays(sandbox: Rig, plan: Plan) -> None:
    sandbox.deploy(plan, DELETE)
    for _ in range(4):
        sandbox.world.clock.advance(ALMOST)
        assert there(plan)
        ask(plan)
    sandbox.world.clock.advance(LATER)
    assert not there(plan)


def test_what_is_being_created_for_longer_than_that_is_not_deleted(
    sandbox: Rig, plan: Plan
) -> None:
    sandbox.deploy(plan, replace(DELETE, wait=False))
    store = sandbox.world.notes["sagemaker"][plan.region].endpoints[NAME]
    store.status, store.arrived = "Creating", None
    store.ready = sandbox.world.now() + timedelta(hours=3)
    sandbox.world.clock.advance(timedelta(hours=2, minutes=50))
    adapter("sagemaker").find(NAME, plan.region)
    assert store.status == "Creating"
    sandbox.world.clock.advance(timedelta(minutes=20))
    assert there(plan)  # in service for ten minutes, though nobody ever asked it


@pytest.mark.long
def test_a_new_endpoint_of_the_name_of_a_deleted_one_has_its_own_time(
    sandbox: Rig, plan: Plan
) -> None:
    sandbox.deploy(plan, DELETE)
    sandbox.world.clock.advance(LATER)
    assert not there(plan)
    sandbox.deploy(plan, DELETE)
    sandbox.world.clock.advance(ALMOST)
    assert there(plan)
    machines = aws.client("stepfunctions", plan.region).list_state_machines()["stateMachines"]
    assert len(machines) == 1


@pytest.mark.long
def test_without_the_state_machine_nothing_is_deleted(sandbox: Rig, plan: Plan) -> None:
    sandbox.deploy(plan, DELETE)
    client = aws.client("stepfunctions", plan.region)
    (machine,) = client.list_state_machines()["stateMachines"]
    client.delete_state_machine(stateMachineArn=machine["stateMachineArn"])
    sandbox.world.clock.advance(LATER)
    assert there(plan)


@pytest.mark.long
def test_all_parts_carry_tags_and_go_with_the_endpoint(sandbox: Rig, plan: Plan) -> None:
    sandbox.deploy(plan, DELETE)
    client = aws.client("stepfunctions", plan.region)
    (machine,) = client.list_state_machines()["stateMachines"]
    tags = client.list_tags_for_resource(resourceArn=machine["stateMachineArn"])["tags"]
    assert {"key": "planner:endpoint", "value": NAME} in tags
    sandbox.destroy(NAME, plan.region)
    assert client.list_state_machines()["stateMachines"] == []
    assert sandbox.left(plan.region) == []


def test_a_failed_deploy_takes_them_back(sandbox: Rig, plan: Plan) -> None:
    sandbox.scenario(endpoint_failure="gated")
    with pytest.raises(CloudError):
        sandbox.deploy(plan, DELETE)
    assert sandbox.left(plan.region) == []


@pytest.mark.long
def test_moving_the_expiry_leaves_the_watch_of_its_use_alone(sandbox: Rig, plan: Plan) -> None:
    sandbox.deploy(plan, DELETE)
    made = adapter("sagemaker")
    found = made.find(NAME, plan.region)
    assert found is not None
    assert found.guarded
    made.extend(found, None)
    found = made.find(NAME, plan.region)
    assert found is not None
    assert not found.guarded
    sandbox.world.clock.advance(LATER)
    assert not there(plan)


@pytest.mark.parametrize(
    "changes", [{"most_instances": 3}, {"least_instances": 0}, {"idle": timedelta(minutes=5)}]
)
def test_what_cannot_work_is_refused(changes: dict[str, Any], sandbox: Rig, plan: Plan) -> None:
    guard = replace(DELETE.guard, **changes)
    with pytest.raises(UsageError):
        sandbox.deploy(plan, replace(OPTIONS, guard=guard))
    assert not any("Create" in operation for operation in sandbox.faults.operations)
