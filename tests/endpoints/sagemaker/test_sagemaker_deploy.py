"""Deploys against the simulated SageMaker: the whole story, and the ways it can go wrong."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from rig import OPTIONS, TOKEN, Rig, cheapest

from planner.clouds import aws, permissions
from planner.endpoints.deploying import deployment, lifecycle, templates
from planner.endpoints.deploying.interruption import Interruption
from planner.endpoints.deploying.lifecycle import NotMadeError
from planner.endpoints.deploying.preflight import PreflightError, Status
from planner.endpoints.interface import Context, adapter
from planner.endpoints.model import State
from planner.endpoints.sagemaker import checks
from planner.endpoints.talking.client import ChatClient
from planner.endpoints.watching import locate
from planner.errors import CapacityError, CloudError, PlannerError, QuotaShortError
from planner.ledger import Ledger
from planner.sandbox.aws.sagemaker_failures import FAILURES
from planner.sandbox.aws.sagemaker_store import stores

if TYPE_CHECKING:
    from pathlib import Path

    from planner.plan import Plan

NAME = "llama-2-70b"


def test_a_deploy_answers_through_a_real_engine_and_destroy_leaves_nothing(
    sandbox: Rig, plan: Plan
) -> None:
    outcome = sandbox.deploy(plan)
    assert outcome.reply is not None
    assert outcome.reply.tokens == 64
    assert "[simulated]" not in outcome.reply.text  # llama.cpp spoke, not the substitute
    found = adapter("sagemaker").find(NAME, plan.region)
    assert found is not None
    assert found.state is State.IN_SERVICE
    assert found.guarded
    assert found.hourly_usd == plan.on_demand_hourly_usd
    sandbox.destroy(NAME, plan.region)
    assert sandbox.left(plan.region) == []


def test_the_expiry_is_set_before_the_endpoint_exists(sandbox: Rig, plan: Plan) -> None:
    sandbox.deploy(plan)
    operations = sandbox.faults.operations
    schedule = next(i for i, o in enumerate(operations) if o.startswith("scheduler:POST"))
    assert schedule < operations.index("sagemaker:CreateEndpoint")


def test_the_cloud_removes_an_endpoint_when_its_time_is_up(sandbox: Rig, plan: Plan) -> None:
    sandbox.deploy(plan)
    sandbox.world.clock.advance(timedelta(hours=7, minutes=59))
    assert adapter("sagemaker").find(NAME, plan.region).state is State.IN_SERVICE
    sandbox.world.clock.advance(timedelta(minutes=2))
    left = adapter("sagemaker").endpoints(plan.region)
    assert [item.state for item in left] == [State.LEFTOVER]
    sandbox.destroy(NAME, plan.region)
    assert sandbox.left(plan.region) == []


@pytest.mark.long
def test_extending_moves_the_expiry_in_the_cloud(sandbox: Rig, plan: Plan) -> None:
    sandbox.deploy(plan)
    made = adapter("sagemaker")
    made.extend(made.find(NAME, plan.region), datetime.now(UTC) + timedelta(hours=24))
    sandbox.world.clock.advance(timedelta(hours=23))
    assert made.find(NAME, plan.region).state is State.IN_SERVICE
    sandbox.world.clock.advance(timedelta(hours=2))
    assert made.find(NAME, plan.region).state is State.LEFTOVER


@pytest.mark.long
def test_taking_the_expiry_away_is_said_by_the_tag_and_by_the_schedule(
    sandbox: Rig, plan: Plan
) -> None:
    sandbox.deploy(plan)
    made = adapter("sagemaker")
    made.extend(made.find(NAME, plan.region), None)
    found = made.find(NAME, plan.region)
    assert not found.guarded
    assert found.expires_at is None
    made.extend(found, datetime.now(UTC) + timedelta(hours=1))
    assert made.find(NAME, plan.region).guarded


@pytest.mark.long
@pytest.mark.parametrize("name", sorted(set(FAILURES) - {"stuck", "capacity"}))
def test_each_reason_to_fail_is_translated_with_its_log_and_leaves_nothing(
    name: str, sandbox: Rig, plan: Plan
) -> None:
    sandbox.scenario(endpoint_failure=name)
    with pytest.raises(CloudError) as caught:
        sandbox.deploy(plan)
    assert caught.value.code == name
    assert caught.value.advice
    assert FAILURES[name].reason[:40] in caught.value.why
    telling = [line for line in caught.value.why.splitlines() if line.startswith("log: ")]
    assert bool(telling) == bool(FAILURES[name].log)
    assert sandbox.left(plan.region) == []


@pytest.mark.long
def test_no_capacity_has_an_exit_code_of_its_own_and_leaves_nothing(
    sandbox: Rig, plan: Plan
) -> None:
    sandbox.scenario(capacity=False)
    with pytest.raises(CapacityError) as caught:
        sandbox.deploy(plan)
    assert caught.value.exit_code == 6
    assert "--to cheapest" in caught.value.advice
    assert sandbox.left(plan.region) == []


@pytest.mark.long
def test_all_obstacles_are_named_at_once_and_nothing_is_made(
    sandbox: Rig, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    sandbox.scenario(gpu_instances=0, denied_actions=("sagemaker:CreateEndpoint",))
    options = replace(OPTIONS, accept_license=False, create_roles=False, max_hourly=Decimal(1))
    with pytest.raises(PreflightError) as caught:
        sandbox.deploy(plan, options)
    bad = {f.check: f for f in caught.value.findings if f.status is Status.BAD}
    assert set(bad) == {
        "price",
        "licence",
        "token",
        "permissions",
        "execution role",
        "expiry role",
        "quota",
    }
    assert all(finding.remedy for finding in bad.values())
    assert "planner quota request llama-2-70b" in bad["quota"].remedy
    assert "sagemaker:CreateEndpoint" in bad["permissions"].text
    assert "ai.meta.com/llama/license" in bad["licence"].text
    assert caught.value.exit_code == 5
    assert not any("Create" in operation for operation in sandbox.faults.operations)


def test_a_limit_that_preflight_could_not_see_is_translated(sandbox: Rig, plan: Plan) -> None:
    made = adapter("sagemaker")
    with Ledger() as ledger, Interruption() as interruption:
        prepared = deployment.prepare(plan, OPTIONS, made, ledger)
        sandbox.scenario(gpu_instances=0)
        with pytest.raises(QuotaShortError) as caught:
            deployment.deploy(prepared, made, ledger, interruption, options=OPTIONS)
    assert "is 0 Instances" in caught.value.why
    assert f"planner quota request {NAME}" in caught.value.advice
    assert caught.value.exit_code == 4
    assert sandbox.left(plan.region) == []


@pytest.mark.long
def test_running_twice_makes_nothing_new(sandbox: Rig, plan: Plan) -> None:
    sandbox.deploy(plan)
    before = sandbox.left(plan.region)
    sandbox.faults.expect(None)
    outcome = sandbox.deploy(plan)
    assert not outcome.changed
    assert outcome.reply is not None
    assert sandbox.left(plan.region) == before
    assert not any("Create" in o or "Update" in o for o in sandbox.faults.operations)


@pytest.mark.long
def test_other_settings_are_shown_and_updated_in_place(sandbox: Rig, plan: Plan) -> None:
    sandbox.deploy(plan)
    options = replace(OPTIONS, context=2048)
    with Ledger() as ledger:
        prepared = deployment.prepare(plan, options, adapter("sagemaker"), ledger)
    assert prepared.is_update
    assert prepared.differences == (("$SM_VLLM_MAX_MODEL_LEN", "4096", "2048"),)
    sandbox.deploy(plan, options)
    assert "sagemaker:UpdateEndpoint" in sandbox.faults.operations
    left = sandbox.left(plan.region)
    assert len(left) == 4, left  # the old model, configuration and schedule are gone
    assert not sandbox.deploy(plan, options).changed


@pytest.mark.long
def test_an_update_that_fails_keeps_the_old_settings_in_service(sandbox: Rig, plan: Plan) -> None:
    sandbox.deploy(plan)
    before = sandbox.left(plan.region)
    sandbox.scenario(endpoint_failure="out-of-memory")
    with pytest.raises(CloudError) as caught:
        sandbox.deploy(plan, replace(OPTIONS, context=2048))
    assert caught.value.code == "out-of-memory"
    assert sandbox.left(plan.region) == before
    found = adapter("sagemaker").find(NAME, plan.region)
    assert found.state is State.IN_SERVICE
    sandbox.scenario(endpoint_failure="")
    assert not sandbox.deploy(plan).changed


@pytest.mark.long
def test_a_failed_endpoint_is_replaced(sandbox: Rig, plan: Plan) -> None:
    sandbox.deploy(plan)
    endpoint = stores(sandbox.world, plan.region).endpoints[NAME]
    endpoint.status = "Failed"
    assert sandbox.deploy(plan).changed
    assert len(sandbox.left(plan.region)) == 4


@pytest.mark.long
def test_of_two_deploys_of_one_name_one_wins_and_one_explains(
    sandbox: Rig, plan: Plan, tmp_path: Path
) -> None:
    made = adapter("sagemaker")
    together = threading.Barrier(2)
    results: list[object] = []

    def deploy(number: int) -> None:
        with Ledger(tmp_path / f"{number}.db") as ledger:
            prepared = deployment.prepare(plan, OPTIONS, made, ledger)
            together.wait()
            try:
                with Interruption() as interruption:
                    results.append(
                        deployment.deploy(prepared, made, ledger, interruption, options=OPTIONS)
                    )
            except PlannerError as error:
                results.append(error)

    threads = [threading.Thread(target=deploy, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (lost,) = [item for item in results if isinstance(item, PlannerError)]
    (won,) = [item for item in results if isinstance(item, deployment.Outcome)]
    assert isinstance(lost, NotMadeError)
    assert "someone else" in str(lost)
    assert won.reply is not None
    left = sandbox.left(plan.region)
    assert len(left) == 4, left
    assert all(won.spec.run in item or item == f"endpoint {NAME}" for item in left)


@pytest.mark.long
def test_an_endpoint_that_cannot_be_deleted_yet_is_waited_for(sandbox: Rig, plan: Plan) -> None:
    sandbox.scenario(endpoint_startup_s=60)
    made = adapter("sagemaker")
    with Ledger() as ledger, Interruption() as interruption:
        prepared = deployment.prepare(plan, OPTIONS, made, ledger)

        def interrupt(stage: str, lines: object) -> None:
            del lines
            if stage == "creating the machine":
                raise KeyboardInterrupt

        with pytest.raises(PlannerError) as caught:
            deployment.deploy(
                prepared,
                made,
                ledger,
                interruption,
                options=OPTIONS,
                observers=deployment.Observers(stage=interrupt),
            )
    assert caught.value.exit_code == 130
    assert sandbox.left(plan.region) == []


@pytest.mark.long
def test_a_rollback_that_fails_says_what_is_left_and_how_to_remove_it(
    sandbox: Rig, plan: Plan
) -> None:
    sandbox.scenario(endpoint_failure="gated", denied_actions=("sagemaker:DeleteModel",))
    made = adapter("sagemaker")
    with Ledger() as ledger, Interruption(cleanup=f"planner destroy {NAME}") as interruption:
        sandbox.scenario(denied_actions=())
        prepared = deployment.prepare(plan, OPTIONS, made, ledger)
        sandbox.scenario(denied_actions=("sagemaker:DeleteModel",))
        with pytest.raises(lifecycle.RollbackIncompleteError) as caught:
            deployment.deploy(prepared, made, ledger, interruption, options=OPTIONS)
        assert [item.kind for item in ledger.resources()] == ["sagemaker:model"]
    assert "create the model" in caught.value.why
    assert caught.value.advice == f"planner destroy {NAME}"
    assert [item.partition(" ")[0] for item in sandbox.left(plan.region)] == ["Model"]
    sandbox.scenario(denied_actions=())
    sandbox.destroy(NAME, plan.region)
    assert sandbox.left(plan.region) == []


def test_the_ledger_knows_each_resource_before_the_cloud_does(sandbox: Rig, plan: Plan) -> None:
    with Ledger() as ledger:
        sandbox.deploy(plan, ledger=None)
        rows = {item.kind: item for item in ledger.resources()}
    assert set(rows) == {
        f"sagemaker:{k}" for k in ("schedule", "model", "endpoint-config", "endpoint")
    }
    assert all(item.created_at > item.recorded_at for item in rows.values())
    assert rows["sagemaker:endpoint"].hourly_usd == plan.on_demand_hourly_usd
    assert rows["sagemaker:model"].hourly_usd is None


@pytest.mark.long
def test_the_token_shows_nowhere(
    sandbox: Rig, plan: Plan, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sandbox.deploy(plan)
    spec = deployment.specify(plan, OPTIONS)
    shown = [repr(spec), templates.emit(spec, "cloudformation")]
    sandbox.destroy(NAME, plan.region)
    for name in ("gated", "role"):
        sandbox.scenario(endpoint_failure=name)
        try:
            outcome: object = sandbox.deploy(plan)
        except PlannerError as error:
            outcome = f"{error} {error.why} {error.advice}"
        shown.append(repr(outcome))
    shown += [*capsys.readouterr(), *sandbox.steps]
    files = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    assert not any(TOKEN in text for text in shown)
    assert not any(TOKEN.encode() in content for content in files)


def test_the_token_reaches_the_container_and_only_it(sandbox: Rig, plan: Plan) -> None:
    sandbox.deploy(plan)
    (model,) = stores(sandbox.world, plan.region).parts["Model"].values()
    assert model["PrimaryContainer"]["Environment"]["HF_TOKEN"] == TOKEN
    assert TOKEN not in str(stores(sandbox.world, plan.region).tags)
    assert TOKEN not in str(stores(sandbox.world, plan.region).parts["EndpointConfig"])


@pytest.mark.long
def test_the_token_can_come_from_secrets_manager(
    sandbox: Rig, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    aws.client("secretsmanager", plan.region).create_secret(Name="hf", SecretString=TOKEN)
    sandbox.deploy(plan, replace(OPTIONS, token_secret="hf"))  # noqa: S106 - its name
    (model,) = stores(sandbox.world, plan.region).parts["Model"].values()
    assert model["PrimaryContainer"]["Environment"]["HF_TOKEN"] == TOKEN


@pytest.mark.long
def test_weights_in_s3_need_no_token_and_give_the_role_that_bucket(
    sandbox: Rig, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    sandbox.deploy(plan, replace(OPTIONS, weights="s3://my-bucket/llama/"))
    (model,) = stores(sandbox.world, plan.region).parts["Model"].values()
    container = model["PrimaryContainer"]
    assert container["ModelDataSource"]["S3DataSource"]["S3Uri"] == "s3://my-bucket/llama/"
    assert container["Environment"]["SM_VLLM_MODEL"] == "/opt/ml/model"
    policy = aws.client("iam", "us-east-1").get_role_policy(
        RoleName="planner-sagemaker-execution", PolicyName="planner"
    )["PolicyDocument"]
    assert "arn:aws:s3:::my-bucket/llama/*" in str(policy)


@pytest.mark.long
def test_an_endpoint_of_someone_else_is_left_alone(sandbox: Rig, plan: Plan) -> None:
    sandbox.deploy(plan)
    store = stores(sandbox.world, plan.region)
    arn = next(key for key in store.tags if ":endpoint/" in key)
    store.tags[arn].clear()
    with pytest.raises(PreflightError) as caught:
        sandbox.deploy(plan)
    assert "not made by planner" in caught.value.why
    assert f"endpoint {NAME}" in sandbox.left(plan.region)


@pytest.mark.long
def test_a_lost_ledger_loses_nothing(sandbox: Rig, plan: Plan, tmp_path: Path) -> None:
    sandbox.deploy(plan)
    with Ledger(tmp_path / "new.db") as empty:
        found = locate.one(NAME, empty)
        assert found.region == plan.region
        everywhere = locate.all_endpoints(empty, everywhere=True)
    assert [item.name for item in everywhere.endpoints] == [NAME]
    assert everywhere.endpoints[0].last_request_at is not None


@pytest.mark.long
def test_chatting_keeps_the_pieces_in_order(sandbox: Rig, plan: Plan) -> None:
    sandbox.deploy(plan)
    made = adapter("sagemaker")
    client = ChatClient(made.transport(made.find(NAME, plan.region)), NAME)
    pieces = list(client.stream([{"role": "user", "content": "hello"}], max_tokens=20))
    assert len(pieces) > 5
    assert client.reply is not None
    assert "".join(pieces) == client.reply.text
    assert client.reply.first_token_s < client.reply.seconds


@pytest.mark.long
def test_an_endpoint_that_does_not_exist_answers_nothing(sandbox: Rig, plan: Plan) -> None:
    sandbox.deploy(plan)
    made = adapter("sagemaker")
    gone = replace(made.find(NAME, plan.region), name="nobody")
    with pytest.raises(CloudError, match="nobody"):
        ChatClient(made.transport(gone), NAME).ask([{"role": "user", "content": "hello"}])


def test_more_machines_cost_and_serve_so_many_times(plan: Plan) -> None:
    one = deployment.specify(plan, OPTIONS)
    three = deployment.specify(plan, replace(OPTIONS, instances=3))
    assert three.plan.instances == 3
    assert three.plan.on_demand_hourly_usd == 3 * one.plan.on_demand_hourly_usd
    assert three.settings_hash != one.settings_hash


@pytest.mark.long
def test_removing_waits_for_the_machines_and_forgets_them(sandbox: Rig, plan: Plan) -> None:
    sandbox.deploy(plan)
    made = adapter("sagemaker")
    found = made.find(NAME, plan.region)
    with Ledger() as ledger, Interruption() as interruption:
        made.remove(found, Context(interruption, progress=lambda *_: None))
        deployment.forget(ledger, found)
        assert ledger.resources() == []
    assert made.find(NAME, plan.region) is None


def test_quantized_plans_take_a_quantized_checkpoint_without_a_token() -> None:
    plan = cheapest(precision="int4")
    spec = deployment.specify(plan, OPTIONS)
    assert spec.weights.location == "TheBloke/Llama-2-70B-Chat-AWQ"
    assert not spec.weights.gated
    assert spec.container.environment["SM_VLLM_QUANTIZATION"] == "awq"


@pytest.mark.long
def test_the_printed_policies_cover_every_call_and_no_more(sandbox: Rig, plan: Plan) -> None:
    """The HTTP methods of EventBridge Scheduler stand for its actions."""
    actions = {
        "POST": "scheduler:CreateSchedule",
        "PUT": "scheduler:UpdateSchedule",
        "DELETE": "scheduler:DeleteSchedule",
    }
    made = adapter("sagemaker")
    sandbox.deploy(plan)
    sandbox.deploy(plan, replace(OPTIONS, context=2048))
    found = made.with_use(made.find(NAME, plan.region))
    made.extend(found, datetime.now(UTC) + timedelta(hours=2))
    sandbox.destroy(NAME, plan.region)
    called = set()
    for operation in sandbox.faults.operations:
        service, _, name = operation.partition(":")
        service = {"servicequotas": "servicequotas", "monitoring": "cloudwatch"}.get(
            service, service
        )
        if service == "scheduler":
            method, _, path = name.partition(" ")
            get = "GetSchedule" if path.rstrip("/") != "/schedules" else "ListSchedules"
            called.add(actions.get(method, f"scheduler:{get}"))
        elif "invocations" in name:
            called.add("sagemaker:InvokeEndpointWithResponseStream")
        else:
            called.add(f"{service}:{name}")
    allowed = set()
    for command in ("deploy", "deploy-create-roles", "quota-check"):
        (policy,) = permissions.policies(command, ("aws",))
        for statement in json.loads(policy.text)["Statement"]:
            listed = statement["Action"]
            allowed |= {listed} if isinstance(listed, str) else set(listed)
    free = {"sts:GetCallerIdentity"}  # needs no permission
    assert called - allowed - free == set()
    # The last is of planner status --all-regions.
    deploy = set(checks.actions()) - {"sagemaker:InvokeEndpoint", "ec2:DescribeRegions"}
    assert deploy - called == set()


def test_a_reservation_is_named_and_has_a_quota_of_its_own(sandbox: Rig, plan: Plan) -> None:
    held = f"arn:aws:sagemaker:{plan.region}:123456789012:training-plan/p5-of-ours"
    options = replace(OPTIONS, reservation=held)
    sandbox.deploy(plan, options)
    client = aws.client("sagemaker", plan.region)
    config = client.describe_endpoint(EndpointName="llama-2-70b")["EndpointConfigName"]
    described = client.describe_endpoint_config(EndpointConfigName=config)
    assert described["ProductionVariants"][0]["CapacityReservationConfig"] == {
        "CapacityReservationPreference": "capacity-reservations-only",
        "MlReservationArn": held,
    }
    with Ledger() as ledger:
        made = adapter("sagemaker")
        again = deployment.prepare(plan, options, made, ledger)
        assert again.is_same
        other = replace(options, reservation="")
        assert ("reservation", held, "") in deployment.prepare(
            plan, other, made, ledger
        ).differences
        wrong = replace(options, name="b", reservation="arn:aws:sagemaker:eu-west-9:1:x/y")
        checks = {
            item.check: item for item in deployment.prepare(plan, wrong, made, ledger).findings
        }
    assert "quota" not in checks
    assert "no reservation" in checks["reservation"].text
