"""Break every call of a deploy on EC2 in every way: nothing is left behind."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
import vm_matrix
from ec2_rig import REGION, TOKEN, Rig, cheapest, rig

from planner.clouds import settings
from planner.endpoints.ec2 import Adapter
from planner.sandbox.aws import ec2_machines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.plan import Plan
    from planner.sandbox.faults import Kind


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """A token; and the SDK does not sleep between its attempts: the simulated cloud needs none."""
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _: None))


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
            f"\nEC2 fault matrix, {kind}: {counts.calls} calls, {counts.cases} cases, "
            f"{counts.survived} survived, {counts.unreached} not reached, {counts.leaks} leaks"
        )
    assert counts.leaks == 0


@pytest.mark.long
def test_ctrl_c_and_sigterm_at_any_call_leave_nothing(
    bench: Rig, plan: Plan, capsys: pytest.CaptureFixture[str]
) -> None:
    counts = vm_matrix.interrupt_every_call(bench, plan, is_first_creation)
    with capsys.disabled():
        print(f"\nEC2 fault matrix: {counts.cases} signals, {counts.leaks} leaks")  # noqa: T201 - as above
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
        machines = [machine.id for machine in ec2_machines.alive(REGION)]
        ends = ec2_machines.guarded(bench.world, REGION)
        return len(machines), [number for number in machines if number not in ends]

    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    counts = vm_matrix.kill_every_call(
        bench,
        plan,
        is_first_creation,
        tmp_path,
        unguarded=unguarded,
        preload=["planner.endpoints.ec2"],
    )
    with capsys.disabled():
        print(  # noqa: T201 - as above
            f"\nEC2 fault matrix: {counts.cases} kills, {counts.machines} machines left behind, "
            f"all with their end, {counts.leaks} unguarded leaks"
        )


def is_first_creation(request: str) -> bool:
    return request == "ssm:PutParameter"


@pytest.mark.long
def test_what_a_killed_deploy_left_goes_by_itself_when_its_time_is_up(
    bench: Rig, plan: Plan
) -> None:
    settings.use(bench.settings)
    bench.faults.expect(None)
    bench.deploy(plan)
    bench.world.clock.advance(timedelta(hours=8, minutes=11))
    Adapter().endpoints(REGION)  # time is looked at
    assert not any(item.startswith("instance") for item in bench.left())
    bench.destroy(plan.model, REGION)
    assert bench.left() == []
