"""Break every call of a deploy on Azure in every way: nothing is left behind."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
import vm_matrix
from azure_rig import TOKEN, Rig, cheapest, machines, rig, store

from planner.clouds import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.plan import Plan
    from planner.sandbox.faults import Kind


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clients wait between their attempts; the simulated cloud needs no rest."""
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    rest = SimpleNamespace(sleep=lambda _: None, time=lambda: 0.0)
    monkeypatch.setattr("urllib3.util.retry.time", rest)
    monkeypatch.setattr("azure.core.pipeline.transport.RequestsTransport.sleep", lambda *_: None)


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
    counts = vm_matrix.break_every_call(bench, plan, [kind], "group")
    with capsys.disabled():
        print(  # noqa: T201 - the counts are to be seen
            f"\nAzure fault matrix, {kind}: {counts.calls} calls, {counts.cases} cases, "
            f"{counts.survived} survived, {counts.unreached} not reached, {counts.leaks} leaks"
        )
    assert counts.leaks == 0


@pytest.mark.long
def test_ctrl_c_and_sigterm_at_any_call_leave_nothing(
    bench: Rig, plan: Plan, capsys: pytest.CaptureFixture[str]
) -> None:
    counts = vm_matrix.interrupt_every_call(bench, plan, is_first_creation)
    with capsys.disabled():
        print(f"\nAzure fault matrix: {counts.cases} signals, {counts.leaks} leaks")  # noqa: T201 - as above
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
        """A machine is guarded by a Logic App that may delete its group."""
        kept = store(bench.world)
        without = []
        for machine in machines(bench):
            group = machine["id"].split("/")[4]
            apps = kept.of_kind("Microsoft.Logic/workflows", group)
            roles = kept.of_kind("Microsoft.Authorization/roleAssignments", group)
            able = {role["properties"]["principalId"] for role in roles}
            if not any(app["identity"]["principalId"] in able for app in apps):
                without.append(machine["id"])
        return len(machines(bench)), without

    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    counts = vm_matrix.kill_every_call(
        bench,
        plan,
        is_first_creation,
        tmp_path,
        unguarded=unguarded,
        preload=[
            *("planner.endpoints.azure_vm", "planner.clouds.azure_pipeline", "requests"),
            *("azure.mgmt.compute.models", "azure.mgmt.network.models"),
            "azure.mgmt.resource.resources",
        ],
    )
    with capsys.disabled():
        print(  # noqa: T201 - as above
            f"\nAzure fault matrix: {counts.cases} kills, {counts.machines} machines left "
            f"behind, all with their expiry, {counts.leaks} unguarded leaks"
        )


@pytest.mark.long
def test_a_deletion_that_fails_is_said_and_the_clean_up_command_works(
    bench: Rig, plan: Plan
) -> None:
    settings.use(bench.settings)
    bench.faults.expect(None)
    bench.scenario(endpoint_failure="out-of-memory")
    bench.world.notes["azure-knobs"]["failed_deletes"] = 1
    error = vm_matrix.attempt(bench, plan, "stuck")
    bench.scenario(endpoint_failure="")
    assert error is not None
    assert "rollback is not complete" in str(error)
    assert "out of memory" in str(error)
    assert error.advice == "planner destroy stuck"
    assert bench.left("stuck") != []
    bench.destroy("stuck", plan.region)
    assert bench.left("stuck") == []


def is_first_creation(request: str) -> bool:
    return request.startswith("PUT ")
