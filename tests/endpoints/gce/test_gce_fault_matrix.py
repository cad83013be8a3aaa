"""Break every call of a deploy on Compute Engine in every way: nothing is left behind."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from gce_rig import OPTIONS, TOKEN, Rig, cheapest, child, rig

from planner.clouds import settings
from planner.endpoints.gce import Adapter
from planner.errors import PermissionDeniedError, PlannerError, ThrottledError
from planner.sandbox.faults import Fault, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.plan import Plan

ANSWERS = [kind for kind in Kind if not kind.name.startswith("SIGNAL")]
FIRST_CREATE = "POST /v1/projects/sandbox-project/secrets"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clients wait between their attempts; the simulated cloud needs no rest."""
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    rest = SimpleNamespace(sleep=lambda _: None, time=lambda: 0.0)
    monkeypatch.setattr("urllib3.util.retry.time", rest)
    monkeypatch.setattr("planner.clouds.gcp.time", rest)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return cheapest()


@pytest.fixture(scope="module")
def bench() -> Iterator[Rig]:
    made = rig()
    yield made
    settings.use(None)
    made.sandbox.stop()


def calls_of_a_deploy(bench: Rig, plan: Plan) -> list[str]:
    """Deploy unbroken, with what is shared there already, and return the requests."""
    settings.use(bench.settings)
    for _ in range(2):
        bench.faults.expect(None)
        bench.deploy(plan)
        requests = list(bench.faults.requests)
        bench.destroy("llama-2-70b", plan.region)
    assert bench.left() == []
    return requests


def attempt(bench: Rig, plan: Plan, name: str) -> PlannerError | None:
    try:
        bench.deploy(plan, replace(OPTIONS, name=name))
    except PlannerError as error:
        return error
    return None


def test_a_failure_of_any_call_leaves_nothing_and_the_next_run_succeeds(
    bench: Rig, plan: Plan, capsys: pytest.CaptureFixture[str]
) -> None:
    requests = calls_of_a_deploy(bench, plan)
    cases = leaks = survived = 0
    for (index, _), kind in itertools.product(enumerate(requests), ANSWERS):
        name = f"m-{index}-{kind.name.lower().replace('_', '-')}"
        cases += 1
        bench.faults.expect(Fault(index, kind))
        error = attempt(bench, plan, name)
        case = (bench.faults.requests[index], kind, error, error and error.why)
        bench.faults.expect(None)
        left = bench.left(name)
        if error is None:
            survived += 1
            assert any(item.startswith("instance") for item in left), case
        else:
            leaks += len(left)
            assert left == [], case
            assert TOKEN not in f"{error} {error.why} {error.advice}", case
            assert error.exit_code in {
                PermissionDeniedError.exit_code,
                ThrottledError.exit_code,
            }, case
            assert attempt(bench, plan, name) is None, case
        bench.destroy(name, plan.region)
        assert bench.left() == [], case
    with capsys.disabled():
        print(  # noqa: T201 - the counts are to be seen
            f"\nGCE fault matrix: {len(requests)} calls, {cases} failures and throttles, "
            f"{survived} survived, {leaks} leaks"
        )
    assert cases == len(requests) * len(ANSWERS)
    assert leaks == 0


def test_ctrl_c_and_sigterm_at_any_call_leave_nothing(
    bench: Rig, plan: Plan, capsys: pytest.CaptureFixture[str]
) -> None:
    requests = calls_of_a_deploy(bench, plan)
    cases = leaks = 0
    indexes = range(requests.index(FIRST_CREATE), len(requests))
    kinds = (Kind.SIGNAL_BEFORE, Kind.SIGNAL_AFTER)
    for index, kind, number in itertools.product(indexes, kinds, (signal.SIGINT, signal.SIGTERM)):
        name = f"s-{index}-{number}-{kind.name.lower().replace('_', '-')}"
        cases += 1
        bench.faults.expect(Fault(index, kind, number, os.getpid()))
        error = attempt(bench, plan, name)
        bench.faults.expect(None)
        left = bench.left(name)
        assert error is not None, (requests[index], name)
        assert error.exit_code == 130, (requests[index], name, error, error.why)
        leaks += len(left)
        assert left == [], (requests[index], name)
    with capsys.disabled():
        print(f"\nGCE fault matrix: {cases} signals, {leaks} leaks")  # noqa: T201 - as above
    assert leaks == 0


def test_a_killed_deploy_leaves_nothing_that_costs_money_unguarded(
    bench: Rig,
    plan: Plan,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    requests = calls_of_a_deploy(bench, plan)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["gce_rig", "requests", "google.api_core.exceptions"])
    cases = unguarded = machines = 0
    for index in range(requests.index(FIRST_CREATE), len(requests)):
        for kind in (Kind.SIGNAL_BEFORE, Kind.SIGNAL_AFTER):
            name = f"k-{index}-{kind.name.lower().replace('_', '-')}"
            here, there = context.Pipe()
            process = context.Process(
                target=child, args=(there, bench.settings, plan, name, str(tmp_path / name))
            )
            process.start()
            bench.faults.expect(Fault(index, kind, signal.SIGKILL, process.pid or 0))
            here.send("go")
            process.join(60)
            bench.faults.expect(None)
            assert process.exitcode == -signal.SIGKILL, (requests[index], kind)
            cases += 1
            for key, item in bench.world.notes["gce"].items():
                machines += 1
                scheduling = item["scheduling"]
                guarded = (
                    int(scheduling.get("maxRunDuration", {}).get("seconds", 0)) > 0
                    and scheduling.get("instanceTerminationAction") == "DELETE"
                )
                unguarded += not guarded
                assert guarded, key
            for item in bench.world.notes["gcp-secrets"].values():
                assert item["expireTime"]
            bench.destroy(name, plan.region)
            assert bench.left() == [], (requests[index], kind)
    with capsys.disabled():
        print(  # noqa: T201 - the counts are to be seen
            f"\nGCE fault matrix: {cases} kills, {machines} machines left behind, all with their "
            f"expiry, {unguarded} unguarded leaks"
        )
    assert machines > 0
    assert unguarded == 0


def test_what_a_killed_deploy_left_goes_by_itself_when_its_time_is_up(
    bench: Rig, plan: Plan
) -> None:
    settings.use(bench.settings)
    bench.faults.expect(None)
    bench.deploy(plan, replace(OPTIONS, name="forgotten"))
    assert len(bench.left("forgotten")) == 2
    bench.world.clock.advance(timedelta(hours=8, minutes=1))
    assert Adapter().find("forgotten", plan.region) is None
    assert bench.left("forgotten") == []


def test_a_deletion_that_fails_is_said_and_the_clean_up_command_works(
    bench: Rig, plan: Plan
) -> None:
    settings.use(bench.settings)
    bench.scenario(endpoint_failure="out-of-memory")
    bench.world.notes["gce-knobs"]["failed_deletes"] = 1
    error = attempt(bench, plan, "stuck")
    bench.scenario(endpoint_failure="")
    assert error is not None
    assert "rollback is not complete" in str(error)
    assert "out of memory" in str(error)
    assert error.advice == "planner destroy stuck"
    assert bench.left("stuck") != []
    bench.destroy("stuck", plan.region)
    assert bench.left("stuck") == []
