"""A deploy is taken up from what the cloud shows alone; the end of an endpoint is proved."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from rig import OPTIONS, SHAPES

from planner.clouds import aws
from planner.endpoints.deploying import proving
from planner.endpoints.deploying.interruption import Interruption
from planner.endpoints.interface import Context, adapter
from planner.endpoints.model import State
from planner.endpoints.sagemaker import roles
from planner.endpoints.watching import locate
from planner.errors import CloudError, NotFoundError, PlannerError
from planner.ledger import Ledger

if TYPE_CHECKING:
    from rig import Rig

    from planner.endpoints.model import Endpoint
    from planner.endpoints.talking.client import Reply
    from planner.plan import Plan

NAME = "llama-2-70b"
QUIET = replace(OPTIONS, wait=False)


def found(plan: Plan) -> Endpoint:
    there = adapter("sagemaker").find(NAME, plan.region)
    assert there is not None
    return there


def resume(endpoint: Endpoint) -> Reply:
    with Interruption() as interruption:
        context = Context(interruption, progress=lambda *_: None)
        return proving.resume(endpoint, adapter("sagemaker"), context)


def lose_the_policy() -> None:
    """Take its policy from the role of the expiry, as an administrator may."""
    aws.client("iam", "us-east-1").delete_role_policy(
        RoleName=roles.EXPIRY.name, PolicyName="planner"
    )


class TestResume:
    @pytest.mark.long
    @pytest.mark.parametrize("shape", SHAPES)
    def test_what_nobody_waited_for_is_waited_for(
        self, shape: str, sandbox: Rig, plan: Plan
    ) -> None:
        sandbox.scenario(endpoint_startup_s=900)
        sandbox.deploy(plan, replace(SHAPES[shape], wait=False))
        there = found(plan)
        assert there.state in {State.CREATING, State.IN_SERVICE}
        assert resume(there).text

    @pytest.mark.long
    def test_it_lives_through_an_outage(self, sandbox: Rig, plan: Plan) -> None:
        sandbox.scenario(endpoint_startup_s=1200)
        sandbox.deploy(plan, QUIET)
        sandbox.scenario(outage_after_s=60, outage_s=300)
        assert resume(found(plan)).text

    @pytest.mark.long
    def test_a_failure_is_told_and_nothing_is_taken_away(self, sandbox: Rig, plan: Plan) -> None:
        sandbox.scenario(endpoint_startup_s=900, endpoint_failure="out-of-memory")
        sandbox.deploy(plan, QUIET)
        with pytest.raises(CloudError) as caught:
            resume(found(plan))
        assert "out of memory" in str(caught.value)
        assert f"planner destroy {NAME} --region" in caught.value.advice
        assert f"endpoint {NAME}" in sandbox.left(plan.region)
        with pytest.raises(CloudError, match="has failed") as told:
            resume(found(plan))
        assert "goes on" not in told.value.why  # a failed endpoint of SageMaker runs no machine

    def test_parts_without_a_machine_are_named(self, sandbox: Rig, plan: Plan) -> None:
        sandbox.deploy(plan)
        aws.client("sagemaker", plan.region).delete_endpoint(EndpointName=NAME)
        sandbox.world.clock.advance(timedelta(minutes=1))
        found(plan)
        sandbox.world.clock.advance(timedelta(minutes=1))
        with pytest.raises(NotFoundError) as caught:
            resume(found(plan))
        assert "planner destroy" in caught.value.advice


class TestGuard:
    def test_it_is_proved_by_the_deploy_before_the_long_wait(
        self, sandbox: Rig, plan: Plan
    ) -> None:
        sandbox.deploy(plan)
        steps = [told.split(" ", 1)[1].strip() for told in sandbox.steps if "done" in told]
        assert steps.index("prove that its end is ordered") < steps.index(
            "wait until it is in service"
        )
        proof = adapter("sagemaker").guard(found(plan))
        assert (proof.by, proof.may_act) == ("EventBridge Scheduler", True)
        assert proof.acts_at == found(plan).expires_at

    @pytest.mark.long
    @pytest.mark.parametrize("shape", SHAPES)
    def test_a_role_that_may_not_delete_is_seen(self, shape: str, sandbox: Rig, plan: Plan) -> None:
        sandbox.deploy(plan, SHAPES[shape])
        lose_the_policy()
        sandbox.world.clock.advance(timedelta(minutes=1))
        proof = adapter("sagemaker").guard(found(plan))
        assert proof.may_act is False
        assert "sagemaker:Delete" in proof.why
        with Ledger() as ledger:
            (shown,) = locate.all_endpoints(ledger, regions=[plan.region]).endpoints
        assert not shown.guarded
        assert "would not happen" in shown.problem

    def test_a_schedule_that_is_switched_off_is_seen(self, sandbox: Rig, plan: Plan) -> None:
        sandbox.deploy(plan)
        client = aws.client("scheduler", plan.region)
        (name,) = [item["Name"] for item in client.list_schedules()["Schedules"]]
        there = client.get_schedule(Name=name)
        keep = ("Name", "ScheduleExpression", "FlexibleTimeWindow", "Target", "StartDate")
        client.update_schedule(**{key: there[key] for key in keep}, State="DISABLED")
        proof = adapter("sagemaker").guard(found(plan))
        assert proof.may_act is False
        assert "switched off" in proof.why

    @pytest.mark.long
    def test_what_may_not_be_asked_is_not_known(self, sandbox: Rig, plan: Plan) -> None:
        sandbox.scenario(denied_actions=("iam:SimulatePrincipalPolicy",))
        sandbox.deploy(plan)
        proof = adapter("sagemaker").guard(found(plan))
        assert proof.may_act is None
        assert proof.holds

    @pytest.mark.long
    def test_a_deploy_whose_end_nobody_may_bring_is_taken_back(
        self, sandbox: Rig, plan: Plan
    ) -> None:
        def on_step(told: str) -> None:
            if told.startswith(f"started create the endpoint {NAME}"):
                lose_the_policy()

        sandbox.scenario(identity_lag_s=0)
        with pytest.raises(PlannerError, match="nothing would end"):
            sandbox.deploy(plan, on_step=on_step)
        assert sandbox.left(plan.region) == []
