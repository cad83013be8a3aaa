"""Endpoints on EC2 in the sandbox: subnets, shortages, failures, two at once."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from ec2_rig import OPTIONS, REGION, TOKEN, Rig
from moto.ec2.models import ec2_backends

from planner.endpoints.deploying.preflight import PreflightError
from planner.endpoints.ec2 import Adapter, networks
from planner.endpoints.model import State
from planner.endpoints.talking.client import ChatClient
from planner.errors import CapacityError, CloudError, PlannerError, QuotaShortError, UsageError
from planner.ledger import Ledger
from planner.sandbox.aws import ec2_machines
from planner.sandbox.aws.protocol import ACCOUNT

if TYPE_CHECKING:
    from pathlib import Path

    from planner.plan import Plan


def zone_of(machine: object) -> str:
    return str(machine.placement.zone)  # type: ignore[attr-defined]


@pytest.mark.long
def test_the_whole_life_of_an_endpoint(bench: Rig, plan: Plan, own_state_folder: Path) -> None:
    outcome = bench.deploy(plan)
    assert outcome.reply is not None
    assert (outcome.reply.tokens or 0) > 1
    made = Adapter()
    (shown,) = made.endpoints(REGION)
    assert (shown.state, shown.guarded, shown.model) == (State.IN_SERVICE, True, plan.model)
    assert shown.hourly_usd == plan.on_demand_hourly_usd
    reply = ChatClient(made.transport(shown), shown.model).ask(
        [{"role": "user", "content": "why?"}], max_tokens=4
    )
    assert reply.text
    assert any("ready" in line.text for line in made.logs(shown, None))
    bench.destroy(shown.name, shown.region)
    assert bench.left() == []
    bench.world.clock.advance(timedelta(minutes=2))
    assert made.endpoints(REGION) == []
    written = b"".join(file.read_bytes() for file in own_state_folder.rglob("*") if file.is_file())
    assert TOKEN.encode() not in written


@pytest.mark.long
def test_the_machine_is_closed_encrypted_and_ends_by_itself(bench: Rig, plan: Plan) -> None:
    bench.deploy(plan)
    (machine,) = ec2_machines.alive(REGION)
    assert machine.instance_initiated_shutdown_behavior == "terminate"
    assert TOKEN not in ec2_machines._user_data(machine)
    groups = ec2_backends[ACCOUNT][REGION].describe_security_groups()
    (group,) = [group for group in groups if group.name == "planner-endpoint"]
    assert group.ingress_rules == []
    assert [item.id for item in machine.nics[0].group_set] == [group.id]
    tags = {tag["key"] for tag in machine.get_tags()}
    assert {"planner:endpoint", "planner:owner", "planner:expires", "planner:run"} <= tags


@pytest.mark.long
def test_the_second_run_finds_the_endpoint_as_asked_for(bench: Rig, plan: Plan) -> None:
    bench.deploy(plan)
    assert not bench.deploy(plan).changed
    with pytest.raises(UsageError, match="cannot be changed"):
        bench.deploy(plan, replace(OPTIONS, context=2048))
    assert len(bench.left()) == 3


@pytest.mark.long
def test_the_cloud_s_order_ends_it_and_the_machine_s_own_clock_stands_behind(
    bench: Rig, plan: Plan
) -> None:
    bench.deploy(plan)
    bench.world.clock.advance(timedelta(hours=8, minutes=1))
    Adapter().endpoints(REGION)  # time is looked at
    assert ec2_machines.alive(REGION) == []
    bench.destroy(plan.model, REGION)
    bench.deploy(plan, replace(OPTIONS, name="alone"))
    for part in Adapter().look(REGION, "alone")[0].parts:
        kind, _, name = part.partition(":")
        if kind == "schedule":
            from planner.endpoints.ec2 import expiry

            expiry.delete(name, REGION)
    (shown,) = Adapter().endpoints(REGION)
    assert not shown.guarded
    bench.world.clock.advance(timedelta(hours=8, minutes=11))
    Adapter().endpoints(REGION)
    assert ec2_machines.alive(REGION) == []


@pytest.mark.long
def test_extending_moves_both(bench: Rig, plan: Plan) -> None:
    bench.deploy(plan)
    made = Adapter()
    (shown,) = made.endpoints(REGION)
    assert shown.expires_at is not None
    later = shown.expires_at + timedelta(hours=4)
    made.extend(shown, later)
    bench.world.clock.advance(timedelta(hours=9))
    (now,) = made.endpoints(REGION)
    assert (now.state, now.expires_at, now.guarded) == (State.IN_SERVICE, later, True)
    made.extend(now, None)
    bench.world.clock.advance(timedelta(hours=9))
    (kept,) = made.endpoints(REGION)
    assert (kept.expires_at, kept.guarded) == (None, False)


@pytest.mark.long
def test_a_full_zone_moves_on_to_the_next(bench: Rig, plan: Plan) -> None:
    bench.scenario(no_capacity_in=("us-east-1a", "us-east-1b"))
    bench.deploy(plan)
    assert [zone_of(machine) for machine in ec2_machines.alive(REGION)] == ["us-east-1c"]


@pytest.mark.long
def test_a_full_region_is_a_lack_of_capacity_and_names_each_zone(bench: Rig, plan: Plan) -> None:
    bench.scenario(no_capacity_in=(REGION,))
    with pytest.raises(CapacityError) as caught:
        bench.deploy(plan)
    assert all(f"us-east-1{letter}" in caught.value.why for letter in "abc")
    assert caught.value.exit_code == 6
    assert bench.left() == []
    with Ledger() as ledger:
        assert ledger.resources() == []


@pytest.mark.long
def test_zones_that_do_not_offer_the_type_are_not_asked(bench: Rig, plan: Plan) -> None:
    bench.scenario(not_offered_in=("us-east-1a",))
    assert "us-east-1a" not in {s.zone for s in networks.to_try(plan.instance_type, REGION)}


@pytest.mark.long
def test_a_quota_that_is_short_is_found_before_anything_is_made(bench: Rig, plan: Plan) -> None:
    bench.scenario(gpu_instances=0)
    with pytest.raises(PreflightError) as caught:
        bench.deploy(plan)
    assert caught.value.exit_code == QuotaShortError.exit_code
    assert bench.left() == []


@pytest.mark.long
@pytest.mark.parametrize("failure", ["out-of-memory", "gated", "disk-full"])
def test_what_the_console_says_is_translated_and_all_is_taken_back(
    bench: Rig, plan: Plan, failure: str
) -> None:
    bench.scenario(endpoint_failure=failure)
    with pytest.raises(CloudError) as caught:
        bench.deploy(plan)
    assert caught.value.code == failure
    assert "log: " in caught.value.why
    assert bench.left() == []


@pytest.mark.long
def test_of_two_deploys_at_once_one_machine_stays(bench: Rig, plan: Plan) -> None:
    bench.deploy(plan, replace(OPTIONS, name="first"))  # roles are there
    bench.destroy("first", REGION)
    errors: list[PlannerError] = []
    together = threading.Barrier(2)

    def run() -> None:
        together.wait()
        try:
            bench.deploy(plan, replace(OPTIONS, wait=False))
        except PlannerError as error:
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ec2_machines.alive(REGION)) == 1
    assert all("someone else" in str(error) for error in errors), errors


@pytest.mark.long
@pytest.mark.usefixtures("bench")
def test_a_launch_whose_answer_was_lost_is_one_machine(plan: Plan) -> None:
    token = "a" * 64
    body = {"ImageId": "ami-1", "InstanceType": plan.instance_type, "MinCount": 1, "MaxCount": 1}
    from planner.clouds import aws

    client = aws.client("ec2", REGION)
    first = client.run_instances(**body, ClientToken=token)["Instances"][0]["InstanceId"]
    again = client.run_instances(**body, ClientToken=token)["Instances"][0]["InstanceId"]
    assert first == again
    assert len(ec2_machines.alive(REGION)) == 1


@pytest.mark.long
def test_a_spot_machine_that_aws_takes_back_is_said_to_be_gone(bench: Rig, plan: Plan) -> None:
    bench.deploy(plan, made=Adapter("SPOT"))
    (machine,) = ec2_machines.alive(REGION)
    assert machine.lifecycle == "spot"
    ec2_backends[ACCOUNT][REGION].terminate_instances([machine.id])
    bench.world.clock.advance(timedelta(minutes=2))
    (left,) = Adapter().endpoints(REGION)
    assert left.state is State.LEFTOVER
    bench.destroy(left.name, REGION)
    assert bench.left() == []


@pytest.mark.long
def test_an_account_without_a_default_network_is_asked_for_subnets(
    bench: Rig, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = ec2_backends[ACCOUNT][REGION]
    own = backend.get_default_subnets()["us-east-1c"].id
    monkeypatch.setenv("PLANNER_AWS_SUBNETS", own)
    bench.deploy(plan)
    assert [machine.subnet_id for machine in ec2_machines.alive(REGION)] == [own]
    bench.destroy(plan.model, REGION)
    monkeypatch.delenv("PLANNER_AWS_SUBNETS")
    bench.scenario(not_offered_in=tuple(backend.get_default_subnets()))
    with pytest.raises(PreflightError) as caught:
        bench.deploy(plan)
    assert "PLANNER_AWS_SUBNETS" in caught.value.advice
