"""Break every call of a deploy on Compute Engine in every way: nothing is left behind."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import vm_matrix
from gce_rig import OPTIONS, TOKEN, Rig, cheapest, rig

from planner.clouds import settings
from planner.endpoints.gce import Adapter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.plan import Plan
    from planner.sandbox.faults import Kind


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return cheapest()


@pytest.fixture(scope="module")
def bench() -> Iterator[Rig]:
    made = rig()
    yield made
    settings.use(None)
    made.sandbox.stop()


@pytest.mark.long
@pytest.mark.parametrize("kind", vm_matrix.ANSWERS, ids=lambda kind: kind.name.lower())
def test_a_failure_of_any_call_leaves_nothing_and_the_next_run_succeeds(
    bench: Rig, plan: Plan, kind: Kind, capsys: pytest.CaptureFixture[str]
) -> None:
    counts = vm_matrix.break_every_call(bench, plan, [kind], "instance")
    with capsys.disabled():
        print(  # noqa: T201 - the counts are to be seen
            f"\nGCE fault matrix, {kind}: {counts.calls} calls, {counts.cases} cases, "
            f"{counts.survived} survived, {counts.unreached} not reached, {counts.leaks} leaks"
        )
    assert counts.leaks == 0


@pytest.mark.long
def test_ctrl_c_and_sigterm_at_any_call_leave_nothing(
    bench: Rig, plan: Plan, capsys: pytest.CaptureFixture[str]
) -> None:
    counts = vm_matrix.interrupt_every_call(bench, plan, is_first_creation)
    with capsys.disabled():
        print(f"\nGCE fault matrix: {counts.cases} signals, {counts.leaks} leaks")  # noqa: T201 - as above
    assert counts.leaks == 0


@pytest.mark.long
def test_a_killed_deploy_leaves_nothing_that_costs_money_unguarded(
    bench: Rig,
    plan: Plan,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def unguarded() -> tuple[int, list[str]]:
        machines = bench.world.notes["gce"]
        secrets = bench.world.notes["gcp-secrets"]
        without = [key for key, item in machines.items() if not ends_by_itself(item)]
        return len(machines), without + [k for k, v in secrets.items() if not v["expireTime"]]

    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    counts = vm_matrix.kill_every_call(
        bench,
        plan,
        is_first_creation,
        tmp_path,
        unguarded=unguarded,
        preload=["planner.endpoints.gce", "requests", "google.api_core.exceptions"],
    )
    with capsys.disabled():
        print(  # noqa: T201 - as above
            f"\nGCE fault matrix: {counts.cases} kills, {counts.machines} machines left behind, "
            f"all with their expiry, {counts.leaks} unguarded leaks"
        )


def ends_by_itself(machine: dict[str, Any]) -> bool:
    scheduling = machine["scheduling"]
    life = int(scheduling.get("maxRunDuration", {}).get("seconds", 0))
    return life > 0 and scheduling.get("instanceTerminationAction") == "DELETE"


def is_first_creation(request: str) -> bool:
    return request == "POST /v1/projects/sandbox-project/secrets"


@pytest.mark.long
def test_what_a_killed_deploy_left_goes_by_itself_when_its_time_is_up(
    bench: Rig, plan: Plan
) -> None:
    settings.use(bench.settings)
    bench.faults.expect(None)
    bench.deploy(plan, replace(OPTIONS, name="forgotten"))
    assert len(bench.left("forgotten")) == 2
    bench.world.clock.advance(timedelta(hours=8, minutes=1))
    Adapter().endpoints(plan.region)  # time is looked at
    bench.world.clock.advance(timedelta(minutes=1))
    assert Adapter().find("forgotten", plan.region) is None
    assert bench.left("forgotten") == []


@pytest.mark.long
def test_a_deletion_that_fails_is_said_and_the_clean_up_command_works(
    bench: Rig, plan: Plan
) -> None:
    settings.use(bench.settings)
    bench.scenario(endpoint_failure="out-of-memory")
    bench.world.notes["gce-knobs"]["failed_deletes"] = 1
    error = vm_matrix.attempt(bench, plan, "stuck")
    bench.scenario(endpoint_failure="")
    assert error is not None
    assert "rollback is not complete" in str(error)
    assert "out of memory" in str(error)
    assert error.advice == "planner destroy stuck"
    assert bench.left("stuck") != []
    bench.destroy("stuck", plan.region)
    assert bench.left("stuck") == []
