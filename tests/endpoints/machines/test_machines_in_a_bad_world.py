"""Deploys on machines where the clouds behave as badly as they do: each knob, on each cloud."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from children import WIDEST
from vm_matrix import attempt
from vm_rig import OPTIONS

from planner.endpoints.interface import adapter
from planner.endpoints.machines import console as product_console
from planner.endpoints.model import State
from planner.endpoints.watching import failures
from planner.errors import OutOfTouchError
from planner.sandbox import console
from planner.sandbox.boot import Script
from planner.sandbox.faults import Fault, Kind
from planner.sandbox.world import World

if TYPE_CHECKING:
    from vm_rig import Rig

    from planner.plan import Plan


@pytest.fixture(autouse=True)
def _no_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS's SDK waits seconds between its attempts; the simulated cloud needs no rest."""
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _: None))


LATE = {"read_lag_s": 30, "list_lag_s": 60}


@pytest.mark.long
def test_new_identities_and_what_they_may_are_waited_for(bench: Rig, plan: Plan) -> None:
    bench.scenario(identity_lag_s=75)
    assert bench.deploy(plan).reply is not None
    (shown,) = adapter(bench.service).endpoints(plan.region)
    assert shown.guarded


@pytest.mark.long
def test_a_deploy_does_not_trust_lists_that_are_a_minute_behind(bench: Rig, plan: Plan) -> None:
    bench.scenario(**LATE)
    assert bench.deploy(plan).reply is not None
    bench.destroy(plan.model, plan.region)
    assert bench.left() == []
    # Nothing of the first is taken for the second's.
    assert bench.deploy(plan).changed


@pytest.mark.long
def test_what_failed_is_taken_back_though_nothing_shows_it_yet(bench: Rig, plan: Plan) -> None:
    bench.scenario(**LATE, endpoint_failure="out-of-memory")
    error = attempt(bench, plan, "short")
    assert error is not None
    assert "out of memory" in str(error)
    assert "rollback" not in str(error)
    assert bench.left() == []


@pytest.mark.long
def test_a_machine_whose_creation_got_no_answer_is_taken_back_once_it_shows(
    bench: Rig, plan: Plan
) -> None:
    bench.faults.expect(None)
    bench.deploy(plan, replace(OPTIONS, name="first"))
    creation = next(
        index
        for index, request in enumerate(bench.faults.requests)
        if request == "ec2:RunInstances"
        or (
            request.endswith(("/instances", "/virtualMachines/first"))
            and request.startswith(("POST", "PUT"))
        )
    )
    bench.destroy("first", plan.region)
    bench.world.clock.advance(timedelta(minutes=2))
    bench.scenario(**LATE)
    bench.faults.expect(Fault(creation, Kind.LOST))
    error = attempt(bench, plan, "quiet")
    assert error is not None
    assert any("quiet" in request or "nstances" in request for request in bench.faults.requests)
    bench.faults.expect(None)
    assert bench.left("quiet") == []


@pytest.mark.long
def test_two_deploys_at_once_end_with_one_though_lists_are_late(bench: Rig, plan: Plan) -> None:
    bench.scenario(list_lag_s=20)
    bench.deploy(plan, replace(WIDEST, wait=False))
    made = adapter(bench.service)
    # Another run, whose preflight did not see the first: its steps do.
    second = attempt(bench, plan, plan.model)
    assert second is None or "someone else" in f"{second} {second.why}"
    bench.world.clock.advance(timedelta(minutes=1))
    assert len(made.endpoints(plan.region)) == 1


@pytest.mark.long
def test_an_endpoint_stays_in_service_when_its_console_has_scrolled(bench: Rig, plan: Plan) -> None:
    bench.scenario(console_kib=64)
    bench.deploy(plan)
    bench.world.clock.advance(timedelta(hours=7))
    (shown,) = adapter(bench.service).endpoints(plan.region)
    assert shown.state is State.IN_SERVICE
    lines = [line.text for line in adapter(bench.service).logs(shown, None)]
    assert len("\n".join(lines)) <= 64 * 1024
    assert not any("cloud-init" in line for line in lines)


@pytest.mark.parametrize(
    ("script", "stage"),
    [
        (Script(), "starting the machine"),  # as it was: said once, and a line for each request
        (Script(logs_requests=False, ready_every_s=60), product_console.READY),
    ],
)
def test_the_simulated_console_shows_what_scrolling_does_to_a_script(
    script: Script, stage: str
) -> None:
    world = World()
    world.scenario = replace(world.scenario, endpoint_startup_s=0, console_kib=64)
    machine = console.Machine(world.now() - timedelta(hours=5), ("planner: stage: disks",), script)
    assert product_console.stage(console.text(world, machine).splitlines()) == stage


def test_a_script_that_reads_its_token_once_fails_in_the_sandbox_as_it_would_in_the_cloud() -> None:
    world = World()
    world.scenario = replace(world.scenario, endpoint_startup_s=0)
    late = world.now() + timedelta(seconds=8)
    once = console.Machine(world.now(), (), Script(reads_token=True), late)
    assert console.start(world, once)[-1].startswith("planner: failed")
    again = replace(once, script=Script(reads_token=True, reads_again=True))
    assert not console.is_ready(console.start(world, again))
    world.clock.advance(timedelta(seconds=9))
    assert console.is_ready(console.start(world, again))


def test_the_templates_are_scripts_that_live_through_both(bench: Rig, plan: Plan) -> None:
    del plan
    from planner.bundled import deploy_templates

    template = f"{bench.service}.yaml.j2"
    text = (deploy_templates() / "cloud-init" / template).read_text()
    script = Script.of(text)
    assert (script.reads_token, script.reads_again, script.ready_every_s) == (True, True, 60)


def test_an_expired_sign_in_is_an_error_of_access(bench: Rig, plan: Plan) -> None:
    bench.scenario(sign_in_s=1)
    bench.world.clock.advance(timedelta(seconds=5))
    error = attempt(bench, plan, "late")
    assert error is not None
    assert error.exit_code == 5


@pytest.mark.long
@pytest.mark.parametrize("seconds", [12, 300])
def test_a_line_that_breaks_while_it_starts_ends_nothing(
    seconds: int, bench: Rig, plan: Plan
) -> None:
    bench.scenario(endpoint_startup_s=1200, outage_after_s=120, outage_s=seconds)
    assert bench.deploy(plan).reply is not None


@pytest.mark.long
def test_a_line_that_stays_broken_leaves_what_is_guarded(bench: Rig, plan: Plan) -> None:
    bench.scenario(endpoint_startup_s=1200, outage_after_s=120, outage_s=4 * 3600)
    error = attempt(bench, plan, "alone")
    assert isinstance(error, OutOfTouchError)
    assert "its end is ordered for" in error.why
    assert "planner resume alone" in error.advice
    bench.scenario(outage_s=0)
    (left,) = adapter(bench.service).endpoints(plan.region)
    assert left.guarded


@pytest.mark.long
def test_a_sign_in_that_ends_is_waited_for(bench: Rig, plan: Plan) -> None:
    bench.scenario(endpoint_startup_s=1200, sign_in_s=600, signs_in_after_s=240)
    assert bench.deploy(plan).reply is not None


@pytest.mark.long
def test_calls_that_break_now_and_then_are_repeated(bench: Rig, plan: Plan) -> None:
    bench.scenario(lose_every=7, reset_every=5)
    assert bench.deploy(plan).reply is not None
    bench.destroy(plan.model, plan.region)
    assert bench.left() == []


def test_new_lines_are_found_in_a_console_that_has_scrolled() -> None:
    seen = ["a", "b", "c"]
    assert product_console.new_lines(seen, ["a", "b", "c", "d"]) == ["d"]
    assert product_console.new_lines(seen, ["b", "c", "d", "e"]) == ["d", "e"]
    assert product_console.new_lines(seen, ["x", "y"]) == ["x", "y"]
    assert product_console.new_lines([], ["a"]) == ["a"]


def test_the_sandbox_says_secure_boot_where_a_driver_has_no_signature() -> None:
    words = ["modprobe: ERROR: could not insert 'nvidia': Key was rejected by service"]
    found = failures.diagnose("failed: line 24 of start.sh", words, service="azure-vm")
    assert found.cause == "no-driver"
    assert "Secure Boot" in found.text
