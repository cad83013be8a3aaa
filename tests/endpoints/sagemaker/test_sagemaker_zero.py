"""Endpoints that scale to zero machines, in the simulated SageMaker."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from rig import OPTIONS, Rig

from planner.clouds import aws
from planner.endpoints.deploying import deployment
from planner.endpoints.deploying.preflight import PreflightError, Status
from planner.endpoints.interface import adapter
from planner.endpoints.model import State
from planner.endpoints.sagemaker import requests
from planner.endpoints.talking.client import ChatClient
from planner.endpoints.watching.guard import Guard
from planner.errors import AsleepError, CapacityError, CloudError, UsageError
from planner.ledger import Ledger
from planner.sandbox.aws.sagemaker_store import stores

if TYPE_CHECKING:
    from planner.plan import Plan

NAME = "llama-2-70b"
ZERO = replace(OPTIONS, guard=Guard(least_instances=0, most_instances=2))
HELLO = [{"role": "user", "content": "hello"}]
IDLE = timedelta(minutes=16)


def ask(plan: Plan) -> str:
    made = adapter("sagemaker")
    client = ChatClient(made.transport(made.find(NAME, plan.region)), NAME)
    return client.ask(HELLO, max_tokens=8).text


@pytest.mark.long
def test_it_answers_goes_to_zero_and_comes_back(sandbox: Rig, plan: Plan) -> None:
    outcome = sandbox.deploy(plan, ZERO)
    assert outcome.reply is not None
    assert outcome.reply.text
    made = adapter("sagemaker")
    assert made.find(NAME, plan.region).instances == 1
    sandbox.world.clock.advance(IDLE)
    found = made.find(NAME, plan.region)
    assert found.asleep
    assert found.state is State.IN_SERVICE
    sandbox.scenario(endpoint_startup_s=60)
    for _ in range(2):
        with pytest.raises(AsleepError) as caught:
            ask(plan)
        assert "--wait" in caught.value.advice
        assert caught.value.exit_code == CapacityError.exit_code
    assert made.find(NAME, plan.region).instances == 1  # the machine is on its way
    sandbox.world.clock.advance(timedelta(seconds=61))
    assert ask(plan)


@pytest.mark.long
def test_what_is_used_stays(sandbox: Rig, plan: Plan) -> None:
    sandbox.deploy(plan, ZERO)
    for _ in range(3):
        sandbox.world.clock.advance(timedelta(minutes=10))
        assert ask(plan)


@pytest.mark.long
@pytest.mark.parametrize("broken", ["alarm", "policy"])
def test_the_simulated_endpoint_never_wakes_where_a_piece_of_the_recipe_is_missing(
    broken: str, sandbox: Rig, plan: Plan
) -> None:
    spec = sandbox.deploy(plan, ZERO).spec
    name = requests.part_name(spec)
    if broken == "alarm":
        aws.client("cloudwatch", plan.region).delete_alarms(AlarmNames=[f"planner-{name}-wake"])
    else:
        del stores(sandbox.world, plan.region).scaling[name].policies["planner-waking"]
    sandbox.world.clock.advance(IDLE)
    for _ in range(2):
        with pytest.raises(AsleepError):
            ask(plan)
        sandbox.world.clock.advance(timedelta(minutes=1))
    assert adapter("sagemaker").find(NAME, plan.region).asleep


@pytest.mark.long
def test_all_parts_are_in_the_ledger_tagged_and_removed_in_order(sandbox: Rig, plan: Plan) -> None:
    spec = sandbox.deploy(plan, ZERO).spec
    with Ledger() as ledger:
        kinds = [item.kind.partition(":")[2] for item in ledger.resources()]
    assert sorted(kinds) == sorted(
        ["schedule", "schedule", "model", "endpoint-config", "endpoint", "component", "scaling"]
    )
    name = requests.part_name(spec)
    arn = f"arn:aws:sagemaker:{plan.region}:123456789012:inference-component/{name}"
    assert stores(sandbox.world, plan.region).tags[arn]["planner:endpoint"] == NAME
    sandbox.faults.expect(None)
    sandbox.destroy(NAME, plan.region)
    deletes = [o.partition(":")[2] for o in sandbox.faults.operations]
    order = ("DeregisterScalableTarget", "DeleteInferenceComponent", "DeleteEndpoint")
    assert [deletes.index(item) for item in order] == sorted(deletes.index(i) for i in order)
    assert sandbox.left(plan.region) == []
    assert alarms(plan.region) == []


@pytest.mark.long
def test_the_cloud_removes_endpoint_and_component_when_their_time_is_up(
    sandbox: Rig, plan: Plan
) -> None:
    sandbox.deploy(plan, ZERO)
    sandbox.world.clock.advance(timedelta(hours=8, minutes=1))
    (left,) = adapter("sagemaker").endpoints(plan.region)
    assert left.state is State.LEFTOVER
    assert not any(
        item.startswith(("endpoint ", "component")) for item in sandbox.left(plan.region)
    )
    sandbox.destroy(NAME, plan.region)
    assert sandbox.left(plan.region) == []


@pytest.mark.long
def test_extending_moves_both_expiries(sandbox: Rig, plan: Plan) -> None:
    sandbox.deploy(plan, ZERO)
    made = adapter("sagemaker")
    for span in (None, timedelta(hours=24)):
        until = None if span is None else datetime.now(UTC) + span
        made.extend(made.find(NAME, plan.region), until)
    sandbox.world.clock.advance(timedelta(hours=23))
    assert made.find(NAME, plan.region).state is State.IN_SERVICE
    sandbox.world.clock.advance(timedelta(hours=2))
    assert made.find(NAME, plan.region).state is State.LEFTOVER


@pytest.mark.long
def test_a_component_that_outlived_its_endpoint_is_found_and_removed(
    sandbox: Rig, plan: Plan
) -> None:
    sandbox.deploy(plan, ZERO)
    aws.client("sagemaker", plan.region).delete_endpoint(EndpointName=NAME)
    sandbox.world.clock.advance(timedelta(seconds=1))
    sandbox.scenario(read_lag_s=0, list_lag_s=0)
    (left,) = adapter("sagemaker").endpoints(plan.region)
    assert left.state is State.LEFTOVER
    assert any(part.startswith("component:") for part in left.parts)
    sandbox.destroy(NAME, plan.region)
    assert sandbox.left(plan.region) == []


@pytest.mark.long
@pytest.mark.parametrize("name", ["gated", "out-of-memory", "capacity"])
def test_each_failure_is_translated_and_leaves_nothing(name: str, sandbox: Rig, plan: Plan) -> None:
    sandbox.scenario(endpoint_failure=name)
    with pytest.raises((CloudError, CapacityError)) as caught:
        sandbox.deploy(plan, ZERO)
    assert caught.value.advice
    assert sandbox.left(plan.region) == []
    assert alarms(plan.region) == []


def test_a_region_without_it_is_named(sandbox: Rig, plan: Plan) -> None:
    sandbox.scenario(no_scale_to_zero_in=(plan.region,))
    with pytest.raises(UsageError) as caught:
        sandbox.deploy(plan, ZERO)
    assert plan.region in str(caught.value)
    assert "--region" in caught.value.advice
    assert sandbox.left(plan.region) == []


@pytest.mark.long
def test_a_machine_without_a_model_is_billed_and_replaced(sandbox: Rig, plan: Plan) -> None:
    sandbox.deploy(plan, ZERO)
    stores(sandbox.world, plan.region).components.clear()
    found = adapter("sagemaker").find(NAME, plan.region)
    assert (found.state, found.billed) == (State.FAILED, True)
    assert "planner destroy" in found.problem
    assert sandbox.deploy(plan, ZERO).reply is not None


@pytest.mark.long
def test_running_twice_makes_nothing_new(sandbox: Rig, plan: Plan) -> None:
    sandbox.deploy(plan, ZERO)
    before = sandbox.left(plan.region)
    outcome = sandbox.deploy(plan, ZERO)
    assert not outcome.changed
    assert outcome.reply is not None
    assert sandbox.left(plan.region) == before


@pytest.mark.long
@pytest.mark.parametrize(("first", "then"), [(ZERO, OPTIONS), (OPTIONS, ZERO)])
def test_it_is_not_changed_in_place(
    first: deployment.Options, then: deployment.Options, sandbox: Rig, plan: Plan
) -> None:
    sandbox.deploy(plan, first)
    before = sandbox.left(plan.region)
    with pytest.raises(PreflightError) as caught:
        sandbox.deploy(plan, then)
    assert "planner destroy" in caught.value.advice
    assert sandbox.left(plan.region) == before


def test_preflight_says_what_to_expect(sandbox: Rig, plan: Plan) -> None:
    del sandbox
    with Ledger() as ledger:
        prepared = deployment.prepare(plan, ZERO, adapter("sagemaker"), ledger)
    (finding,) = [item for item in prepared.findings if item.check == "scale to zero"]
    assert finding.status is Status.WARNING
    assert "ten minutes" in finding.text


@pytest.mark.long
def test_off_hours_close_it_and_on_hours_open_it(sandbox: Rig, plan: Plan) -> None:
    guard = replace(ZERO.guard, off_hours="0 20 * * ? *", on_hours="0 6 * * ? *")
    spec = sandbox.deploy(plan, replace(ZERO, guard=guard)).spec
    actions = stores(sandbox.world, plan.region).scaling[requests.part_name(spec)].actions
    most = [item["ScalableTargetAction"]["MaxCapacity"] for item in actions.values()]
    assert most == [0, 2]


@pytest.mark.parametrize(
    "guard",
    [
        Guard(least_instances=2),
        Guard(least_instances=1),
        Guard(least_instances=0, idle=timedelta(hours=2), notify="arn:aws:sns:a:b:c"),
    ],
)
def test_a_minimum_that_cannot_work_is_refused(guard: Guard, sandbox: Rig, plan: Plan) -> None:
    with pytest.raises(UsageError):
        sandbox.deploy(plan, replace(OPTIONS, guard=guard))
    assert not any("Create" in operation for operation in sandbox.faults.operations)


def alarms(region: str) -> list[str]:
    found = aws.client("cloudwatch", region).describe_alarms()["MetricAlarms"]
    return [item["AlarmName"] for item in found]
