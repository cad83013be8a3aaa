"""What watches an endpoint beside its expiry, in the simulated clouds."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from rig import OPTIONS, Rig

from planner.clouds import aws
from planner.endpoints.watching.guard import Guard
from planner.errors import CloudError, UsageError

if TYPE_CHECKING:
    from planner.plan import Plan

TOPIC = "arn:aws:sns:us-west-2:123456789012:bills"
ALL = Guard(
    idle=timedelta(hours=3),
    notify=TOPIC,
    budget_usd=500,
    most_instances=3,
    off_hours="0 20 * * ? *",
    on_hours="0 6 * * ? *",
)


def there(region: str) -> dict[str, int]:
    """Count the guards in the cloud."""
    alarms = aws.client("cloudwatch", region).describe_alarms()["MetricAlarms"]
    budgets = aws.client("budgets", "us-east-1").describe_budgets(AccountId=aws.account())
    scaling = aws.client("application-autoscaling", region)
    targets = scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
    actions = scaling.describe_scheduled_actions(ServiceNamespace="sagemaker")["ScheduledActions"]
    return {
        "alarms": len(alarms),
        "budgets": len(budgets["Budgets"]),
        "targets": len(targets),
        "actions": len(actions),
    }


NONE = dict.fromkeys(("alarms", "budgets", "targets", "actions"), 0)


@pytest.mark.long
def test_all_guards_are_set_and_removed_with_the_endpoint(sandbox: Rig, plan: Plan) -> None:
    sandbox.deploy(plan, replace(OPTIONS, guard=ALL))
    assert there(plan.region) == {"alarms": 1, "budgets": 1, "targets": 1, "actions": 2}
    (alarm,) = aws.client("cloudwatch", plan.region).describe_alarms()["MetricAlarms"]
    assert (alarm["Period"], alarm["EvaluationPeriods"]) == (3600, 3)
    assert alarm["TreatMissingData"] == "breaching"
    sandbox.destroy("llama-2-70b", plan.region)
    left = there(plan.region)
    # AWS removes scheduled actions with their target ("deregister-scalable-target"); moto not.
    assert {**left, "actions": 0} == NONE
    assert sandbox.left(plan.region) == []


@pytest.mark.long
def test_guards_are_rolled_back_with_a_failed_deploy(sandbox: Rig, plan: Plan) -> None:
    sandbox.scenario(endpoint_failure="gated")
    with pytest.raises(CloudError):
        sandbox.deploy(plan, replace(OPTIONS, guard=ALL))
    assert there(plan.region) == NONE


@pytest.mark.parametrize(
    "guard",
    [
        Guard(idle=timedelta(hours=2)),
        Guard(idle=timedelta(hours=2), notify="me@example.com"),
        Guard(idle=timedelta(minutes=5), notify=TOPIC),
        Guard(budget_usd=5),
        Guard(most_instances=3, off_hours="0 20 * * ? *"),
        Guard(off_hours="0 20 * * ? *", on_hours="0 6 * * ? *"),
    ],
)
def test_a_guard_that_cannot_work_is_refused_before_anything_is_made(
    guard: Guard, sandbox: Rig, plan: Plan
) -> None:
    with pytest.raises(UsageError):
        sandbox.deploy(plan, replace(OPTIONS, guard=guard))
    assert not any("Create" in operation for operation in sandbox.faults.operations)
