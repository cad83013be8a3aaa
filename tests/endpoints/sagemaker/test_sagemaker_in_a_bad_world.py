"""Deploys on SageMaker where AWS behaves as badly as it does: each knob, each way to fail."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from rig import OPTIONS, SHAPES, fault

from planner.clouds import aws
from planner.endpoints.deploying import lifecycle
from planner.endpoints.deploying.lifecycle import RollbackIncompleteError
from planner.endpoints.deploying.preflight import PreflightError, Status
from planner.endpoints.interface import adapter
from planner.endpoints.sagemaker import roles
from planner.errors import OutOfTouchError, PlannerError
from planner.ledger import Ledger
from planner.sandbox.faults import Kind

if TYPE_CHECKING:
    from collections.abc import Callable

    from rig import Rig

    from planner.endpoints.deploying.deployment import Options
    from planner.endpoints.model import Endpoint
    from planner.plan import Plan

NAME = "llama-2-70b"
LATE = {"read_lag_s": 30, "list_lag_s": 60}
LONG = {"endpoint_startup_s": 1200}
OUTAGE = {**LONG, "outage_after_s": 120, "outage_s": 300}
HOME = "us-east-1"


@pytest.fixture(autouse=True)
def _no_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK waits seconds between its attempts; the simulated cloud needs no rest."""
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _: None))


def failure(sandbox: Rig, plan: Plan, options: Options = OPTIONS, **rest: Any) -> PlannerError:
    with pytest.raises(PlannerError) as caught:
        sandbox.deploy(plan, options, **rest)
    return caught.value


def taking_away(sandbox: Rig, action: str) -> Callable[[str], None]:
    """Return what takes a right away once preflight is over."""
    return lambda _: sandbox.scenario(denied_actions=(action,))


def shown(plan: Plan) -> Endpoint:
    found = adapter("sagemaker").find(NAME, plan.region)
    assert found is not None
    return found


@pytest.mark.long
@pytest.mark.parametrize("shape", SHAPES)
def test_new_roles_are_waited_for(shape: str, sandbox: Rig, plan: Plan) -> None:
    sandbox.scenario(identity_lag_s=75)
    assert sandbox.deploy(plan, SHAPES[shape]).reply is not None


@pytest.mark.long
@pytest.mark.parametrize("shape", SHAPES)
def test_a_deploy_lives_with_reads_that_are_behind(shape: str, sandbox: Rig, plan: Plan) -> None:
    sandbox.scenario(**LATE)
    assert sandbox.deploy(plan, SHAPES[shape]).reply is not None
    sandbox.destroy(NAME, plan.region)
    assert sandbox.left(plan.region) == []
    # What is still described of the first is not taken for the second's.
    assert sandbox.deploy(plan, SHAPES[shape]).changed


@pytest.mark.long
def test_what_failed_is_taken_back_though_nothing_shows_it_yet(sandbox: Rig, plan: Plan) -> None:
    sandbox.scenario(**LATE, endpoint_failure="out-of-memory")
    assert "rollback" not in str(failure(sandbox, plan))
    assert sandbox.left(plan.region) == []


@pytest.mark.long
def test_an_endpoint_whose_creation_got_no_answer_is_taken_back_once_it_shows(
    sandbox: Rig, plan: Plan
) -> None:
    sandbox.deploy(plan)
    creation = sandbox.faults.operations.index("sagemaker:CreateEndpoint")
    sandbox.destroy(NAME, plan.region)
    sandbox.world.clock.advance(timedelta(minutes=2))
    # With the roles there, the calls before it are the same.
    sandbox.faults.expect(None)
    sandbox.deploy(plan)
    creation = sandbox.faults.operations.index("sagemaker:CreateEndpoint")
    sandbox.destroy(NAME, plan.region)
    sandbox.world.clock.advance(timedelta(minutes=2))
    sandbox.scenario(**LATE)
    sandbox.faults.expect(fault(creation, Kind.LOST))
    error = failure(sandbox, plan)
    assert "rollback" not in str(error)
    assert sandbox.left(plan.region) == []


@pytest.mark.long
def test_where_the_endpoint_cannot_be_deleted_all_that_it_needs_stays(
    sandbox: Rig, plan: Plan
) -> None:
    sandbox.scenario(endpoint_failure="out-of-memory")
    error = failure(sandbox, plan, on_step=taking_away(sandbox, "sagemaker:DeleteEndpoint"))
    assert isinstance(error, RollbackIncompleteError)
    assert "an hour" in error.why
    left = " ".join(sandbox.left(plan.region))
    assert all(kind in left for kind in ("endpoint ", "Model", "EndpointConfig", "schedule"))
    with Ledger() as ledger:
        assert {item.kind for item in ledger.resources(endpoint=NAME)} == {
            "sagemaker:endpoint",
            "sagemaker:model",
            "sagemaker:endpoint-config",
            "sagemaker:schedule",
        }


@pytest.mark.long
def test_an_update_that_fails_after_it_was_made_leaves_the_endpoint_guarded(
    sandbox: Rig, plan: Plan
) -> None:
    sandbox.deploy(plan)
    before = shown(plan)

    def on_step(told: str) -> None:
        if told.startswith("started ask it something"):
            os.kill(os.getpid(), signal.SIGINT)

    error = failure(sandbox, plan, replace(OPTIONS, context=2048), on_step=on_step)
    assert error.exit_code == 130, error
    after = shown(plan)
    assert after.settings_hash == before.settings_hash
    assert after.guarded
    assert adapter("sagemaker").guard(after).holds


class TestRoles:
    @pytest.mark.long
    def test_a_role_that_lost_its_policy_gets_it_back(self, sandbox: Rig, plan: Plan) -> None:
        sandbox.deploy(plan)
        sandbox.destroy(NAME, plan.region)
        iam = aws.client("iam", HOME)
        for role in (roles.EXPIRY, roles.EXECUTION):
            iam.delete_role_policy(RoleName=role.name, PolicyName="planner")
        sandbox.deploy(plan)
        for role in (roles.EXPIRY, roles.EXECUTION):
            assert roles.in_force(role)

    @pytest.mark.long
    def test_without_leave_to_mend_it_nothing_is_made(self, sandbox: Rig, plan: Plan) -> None:
        sandbox.deploy(plan)
        sandbox.destroy(NAME, plan.region)
        aws.client("iam", HOME).delete_role_policy(RoleName=roles.EXPIRY.name, PolicyName="planner")
        error = failure(sandbox, plan, replace(OPTIONS, create_roles=False))
        assert isinstance(error, PreflightError)
        assert "can do nothing" in error.why
        assert "--create-roles" in error.advice

    @pytest.mark.long
    def test_scripts_that_may_not_make_roles_do_not_change_them(
        self, sandbox: Rig, plan: Plan
    ) -> None:
        sandbox.deploy(plan)
        sandbox.destroy(NAME, plan.region)
        own = roles.in_force(roles.EXPIRY)
        assert own is not None
        own["Statement"].append(
            {"Sid": "Ours", "Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"}
        )
        aws.client("iam", HOME).put_role_policy(
            RoleName=roles.EXPIRY.name, PolicyName="planner", PolicyDocument=json.dumps(own)
        )
        sandbox.deploy(plan, replace(OPTIONS, create_roles=False))
        assert roles.in_force(roles.EXPIRY) == own

    @pytest.mark.long
    def test_a_bucket_that_the_role_may_not_read_is_named_before(
        self, sandbox: Rig, plan: Plan
    ) -> None:
        sandbox.deploy(plan)
        sandbox.destroy(NAME, plan.region)
        options = replace(OPTIONS, create_roles=False, weights="s3://one/llama/")
        error = failure(sandbox, plan, options)
        assert isinstance(error, PreflightError)
        assert "arn:aws:s3:::one/llama/*" in error.why
        assert "--create-roles" in error.advice

    @pytest.mark.long
    def test_an_expiry_whose_role_may_not_delete_does_nothing(
        self, sandbox: Rig, plan: Plan
    ) -> None:
        sandbox.deploy(plan)
        aws.client("iam", HOME).delete_role_policy(RoleName=roles.EXPIRY.name, PolicyName="planner")
        sandbox.world.clock.advance(timedelta(hours=9))
        assert f"endpoint {NAME}" in sandbox.left(plan.region)

    @pytest.mark.long
    def test_another_bucket_is_added_to_the_role_and_none_is_lost(
        self, sandbox: Rig, plan: Plan
    ) -> None:
        for bucket in ("one", "two"):
            name = f"from-{bucket}"
            sandbox.deploy(plan, replace(OPTIONS, name=name, weights=f"s3://{bucket}/llama/"))
        text = json.dumps(roles.in_force(roles.EXECUTION))
        assert "arn:aws:s3:::one/llama/*" in text
        assert "arn:aws:s3:::two/llama/*" in text

    @pytest.mark.long
    def test_the_logs_of_a_component_may_be_written(self, sandbox: Rig, plan: Plan) -> None:
        sandbox.deploy(plan, SHAPES["to zero"])
        assert adapter("sagemaker").logs(shown(plan), None)


class TestPermissions:
    POLICIES = ("deploy", "deploy-create-roles", "quota-check")

    def finding(self, sandbox: Rig, plan: Plan) -> tuple[Status, str]:
        from planner.endpoints.deploying import deployment

        with Ledger() as ledger:
            found = deployment.prepare(plan, OPTIONS, adapter("sagemaker"), ledger).findings
        (item,) = [item for item in found if item.check == "permissions"]
        del sandbox
        return item.status, item.text

    @pytest.mark.long
    def test_the_printed_policies_are_enough(self, sandbox: Rig, plan: Plan) -> None:
        sandbox.scenario(identity=self.POLICIES)
        assert self.finding(sandbox, plan)[0] is Status.GOOD

    def test_a_missing_one_is_named(self, sandbox: Rig, plan: Plan) -> None:
        sandbox.scenario(identity=self.POLICIES[1:])
        status, text = self.finding(sandbox, plan)
        assert status is Status.BAD
        assert "iam:PassRole" in text

    @pytest.mark.long
    def test_where_it_cannot_be_asked_it_is_not_known(self, sandbox: Rig, plan: Plan) -> None:
        sandbox.scenario(denied_actions=("iam:SimulatePrincipalPolicy",))
        status, text = self.finding(sandbox, plan)
        assert status is Status.UNKNOWN
        assert "iam:SimulatePrincipalPolicy" in text
        assert sandbox.deploy(plan).reply is not None

    @pytest.mark.long
    def test_a_log_that_may_not_be_read_stops_nothing(self, sandbox: Rig, plan: Plan) -> None:
        taken = taking_away(sandbox, "logs:FilterLogEvents")
        assert sandbox.deploy(plan, on_step=taken).reply is not None


class TestOutages:
    @pytest.mark.long
    @pytest.mark.parametrize("seconds", [12, 300])
    def test_a_line_that_breaks_while_it_starts_ends_nothing(
        self, seconds: int, sandbox: Rig, plan: Plan
    ) -> None:
        sandbox.scenario(**{**OUTAGE, "outage_s": seconds})
        assert sandbox.deploy(plan).reply is not None
        assert shown(plan).guarded

    @pytest.mark.long
    def test_a_sign_in_that_ends_is_waited_for(self, sandbox: Rig, plan: Plan) -> None:
        sandbox.scenario(**LONG, sign_in_s=600, signs_in_after_s=240)
        assert sandbox.deploy(plan).reply is not None

    @pytest.mark.long
    def test_a_line_that_stays_broken_leaves_what_is_guarded(
        self, sandbox: Rig, plan: Plan
    ) -> None:
        sandbox.scenario(**{**OUTAGE, "outage_s": 4 * 3600})
        error = failure(sandbox, plan)
        assert isinstance(error, OutOfTouchError)
        assert "its end is ordered for" in error.why
        assert "planner resume llama-2-70b" in error.advice
        sandbox.scenario(outage_s=0)
        assert shown(plan).guarded

    @pytest.mark.long
    def test_a_line_that_breaks_during_the_rollback_delays_it(
        self, sandbox: Rig, plan: Plan
    ) -> None:
        sandbox.scenario(
            **{**OUTAGE, "endpoint_startup_s": 125, "outage_after_s": 130},
            endpoint_failure="out-of-memory",
        )
        assert "rollback" not in str(failure(sandbox, plan))
        assert sandbox.left(plan.region) == []

    @pytest.mark.long
    def test_calls_that_break_now_and_then_are_repeated(self, sandbox: Rig, plan: Plan) -> None:
        sandbox.scenario(lose_every=7, reset_every=5)
        assert sandbox.deploy(plan).reply is not None
        sandbox.destroy(NAME, plan.region)
        assert sandbox.left(plan.region) == []


@pytest.mark.long
def test_a_ledger_that_cannot_be_written_does_not_end_the_rollback(
    sandbox: Rig, plan: Plan
) -> None:
    sandbox.scenario(endpoint_failure="out-of-memory")
    with Ledger() as ledger, closing(sqlite3.connect(ledger.path, isolation_level=None)) as other:
        ledger._db.execute("PRAGMA busy_timeout = 0")

        def lock(told: str) -> None:
            if told.startswith("undoing") and not other.in_transaction:
                other.execute("BEGIN IMMEDIATE")

        error = failure(sandbox, plan, ledger=ledger, on_step=lock)
        assert other.in_transaction
    assert not isinstance(error, RollbackIncompleteError)
    assert sandbox.left(plan.region) == []


def test_an_undo_that_breaks_in_an_unexpected_way_does_not_end_the_others() -> None:
    from planner.endpoints.deploying.interruption import Interruption

    undone: list[str] = []
    steps = [
        lifecycle.Step("first", lambda: "", lambda: undone.append("first")),
        lifecycle.Step("second", lambda: "", lambda: {}["nothing"]),
        lifecycle.Step("third", lambda: 1 / 0),  # type: ignore[arg-type, return-value]
    ]
    with pytest.raises(RollbackIncompleteError) as caught, Ledger() as ledger:
        lifecycle.run(steps, ledger=ledger, interruption=Interruption(), observe=lambda *_: None)
    assert undone == ["first"]
    assert "KeyError" in caught.value.why
