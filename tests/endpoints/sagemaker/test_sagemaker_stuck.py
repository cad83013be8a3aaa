"""Endpoints that stay in Creating for ever, in the simulated SageMaker."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from planner.endpoints.deploying.lifecycle import RollbackIncompleteError
from planner.endpoints.interface import adapter
from planner.errors import CloudError

if TYPE_CHECKING:
    from rig import Rig

    from planner.plan import Plan

NAME = "llama-2-70b"


@pytest.mark.long
def test_it_is_given_up_after_its_time_and_leaves_nothing(sandbox: Rig, plan: Plan) -> None:
    sandbox.scenario(endpoint_failure="stuck", delete_while_creating=True)
    with pytest.raises(CloudError, match="not ready in time") as caught:
        sandbox.deploy(plan)
    assert "still Creating" in caught.value.why
    assert "planner logs" in caught.value.advice
    assert sandbox.left(plan.region) == []


@pytest.mark.long
def test_where_it_cannot_be_deleted_the_cloud_is_told_to_do_it_as_soon_as_it_can(
    sandbox: Rig, plan: Plan
) -> None:
    sandbox.scenario(endpoint_failure="stuck", delete_while_creating=False)
    with pytest.raises(RollbackIncompleteError) as caught:
        sandbox.deploy(plan)
    assert NAME in str(caught.value)
    made = adapter("sagemaker")
    found = made.find(NAME, plan.region)
    assert found is not None
    assert found.guarded
    sandbox.scenario(delete_while_creating=True)
    sandbox.world.clock.advance(timedelta(minutes=20))
    gone = made.find(NAME, plan.region)
    assert gone is None or gone.native_state == ""
