"""Break every call of a deploy in every way: nothing that costs money may be left behind."""

from __future__ import annotations

import itertools
import queue
import shutil
import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING

import forked
import pytest
import turns
from rig import SHAPES, Rig, child, fault

from planner.clouds import settings
from planner.endpoints.deploying.interruption import Interruption
from planner.endpoints.interface import Context, adapter
from planner.endpoints.watching import locate, sweeping
from planner.errors import PermissionDeniedError, PlannerError, ThrottledError
from planner.ledger import Ledger
from planner.sandbox.aws.faults import Faults
from planner.sandbox.faults import Kind

if TYPE_CHECKING:
    from pathlib import Path

    from planner.clouds.settings import CloudSettings
    from planner.endpoints.deploying.deployment import Options
    from planner.plan import Plan

# A call that is broken in these ways still succeeds: the SDK tries again.
HARMLESS = {Kind.THROTTLED_ONCE, Kind.BROKEN_ONCE, Kind.LOST_ONCE}
ANSWERS = [kind for kind in Kind if not kind.name.startswith("SIGNAL")]
# What a deploy looks at before it makes anything (preflight).
LANES = 3
NEXT_DAY = timedelta(hours=20)
FIRST_CREATE = "scheduler:POST /schedules/"


@dataclass(frozen=True)
class Case:
    index: int
    operation: str
    kind: Kind
    number: int = 0

    @property
    def name(self) -> str:
        return f"m-{self.kind.name.lower().replace('_', '-')}-{self.number}-{self.index}"


@pytest.fixture
def bench(sandbox: Rig) -> Rig:
    return sandbox


@pytest.fixture
def _no_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK waits seconds between its attempts; the simulated cloud needs no rest."""
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _: None))


def calls_of_a_deploy(bench: Rig, plan: Plan, options: Options) -> list[str]:
    """Deploy once, unbroken, with the roles there already, and return its calls."""
    settings.use(bench.settings)
    bench.faults.expect(None)
    bench.deploy(plan, options)
    bench.destroy("llama-2-70b", plan.region)
    bench.faults.expect(None)
    bench.deploy(plan, options)
    operations = list(bench.faults.operations)
    bench.faults.expect(None)
    bench.destroy("llama-2-70b", plan.region)
    assert bench.left(plan.region) == []
    return operations


def own_calls(shape: str, operations: list[str], bench: Rig, plan: Plan) -> list[int]:
    """Return the calls to break: all of the plain deploy, of another what the plain has not.

    What they have in common is done by the same code; ``make matrix`` breaks all.
    """
    if shape == "plain" or turns.whole():
        return list(range(len(operations)))
    plain = set(calls_of_a_deploy(bench, plan, SHAPES["plain"]))
    return [index for index, name in enumerate(operations) if name not in plain]


@pytest.mark.long
@pytest.mark.usefixtures("_no_sleep")
@pytest.mark.parametrize("shape", SHAPES)
def test_a_failure_of_any_call_leaves_nothing_and_the_next_run_succeeds(
    shape: str, bench: Rig, plan: Plan, capsys: pytest.CaptureFixture[str]
) -> None:
    options = SHAPES[shape]
    operations = calls_of_a_deploy(bench, plan, options)
    cases = leaks = succeeded = 0
    for index, kind in itertools.product(own_calls(shape, operations, bench, plan), ANSWERS):
        if not turns.taken(index, kind):
            continue
        operation = operations[index]
        case = Case(index, operation, kind)
        cases += 1
        bench.faults.expect(fault(index, kind))
        error = attempt(bench, plan, replace(options, name=case.name))
        # Preflight's calls go out at once, in any order; and how often a run looks until something
        # is known differs, so that one may come to fewer calls.
        made = bench.faults.operations
        case = replace(case, operation=made[index] if index < len(made) else "")
        bench.faults.expect(None)
        left = bench.left(plan.region)
        if error is None:
            succeeded += 1
            assert f"endpoint {case.name}" in left, case
        else:
            leaks += len(left)
            assert left == [], (case, error)
            names_the_cause(error, case)
            assert attempt(bench, plan, replace(options, name=case.name)) is None, case
        assert kind not in HARMLESS or error is None, (case, error, error and error.why)
        bench.destroy(case.name, plan.region)
        assert bench.left(plan.region) == [], case
    with capsys.disabled():
        print(  # noqa: T201 - the counts are what it must show
            f"\nfault matrix ({shape}): {len(operations)} calls, {cases} failures and throttles, "
            f"{succeeded} survived, {leaks} leaks"
        )
    asked = len(ANSWERS) * (len(operations) if shape == "plain" else 3)
    assert cases >= asked // (1 if turns.whole() else turns.EVERY)
    assert leaks == 0


def attempt(bench: Rig, plan: Plan, options: Options) -> PlannerError | None:
    try:
        bench.deploy(plan, options)
    except PlannerError as error:
        return error
    return None


def names_the_cause(error: PlannerError, case: Case) -> None:
    text = f"{error} {error.why}"
    if case.kind is Kind.REFUSED:
        assert case.operation.partition(":")[0] in text, case
        assert error.exit_code == PermissionDeniedError.exit_code, (case, error)
    elif case.kind is Kind.THROTTLED:
        assert "fewer calls" in text, (case, text)
        assert error.exit_code == ThrottledError.exit_code
    else:
        assert "broken" in text or "InternalFailure" in text, (case, text)
    assert error.advice or error.why, case


@pytest.mark.long
@pytest.mark.parametrize("shape", SHAPES)
def test_a_signal_at_any_call_leaves_nothing_that_costs_money_unguarded(
    shape: str,
    bench: Rig,
    plan: Plan,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    options = SHAPES[shape]
    operations = calls_of_a_deploy(bench, plan, options)
    first = operations.index(next(o for o in operations if o.startswith(FIRST_CREATE)))
    # Before it there is nothing to leave behind: its ends and its middle stand for the rest.
    own = set(own_calls(shape, operations, bench, plan))
    around = [0, first // 2, *range(first - 1, len(operations))]
    indexes = [index for index in around if index in own]
    cases = [
        Case(index, operations[index], kind, int(number))
        for index in indexes
        for kind in (Kind.SIGNAL_BEFORE, Kind.SIGNAL_AFTER)
        for number in signals_for(index, kind)
    ]
    forked.start_server()
    lanes: queue.Queue[tuple[Faults, CloudSettings]] = queue.Queue()
    for _ in range(LANES):
        faults = Faults(bench.faults.app)
        url = bench.sandbox._serve(faults)
        lanes.put((faults, replace(bench.settings, aws_endpoint=url)))
    with ThreadPoolExecutor(LANES) as pool:
        codes = list(pool.map(lambda case: run_case(lanes, plan, options, case, tmp_path), cases))
    settings.use(bench.settings)
    unguarded = unreached = 0
    for case, (code, begun, reached) in zip(cases, codes, strict=True):
        if not reached:
            # It polled less often than the run whose calls were counted: the signal never came.
            assert code == 0, case
            bench.destroy(case.name, plan.region)
            unreached += 1
            continue
        left = bench.left(plan.region, case.name)
        if case.number == signal.SIGKILL:
            assert code == -signal.SIGKILL, case
            billed = [item for item in left if item.startswith("endpoint")]
            guards = [item for item in left if item.startswith("schedule")]
            unguarded += len(billed) if not guards else 0
        else:
            # SIGTERM during preflight ends the process as it always does.
            assert code == 130 or (code == -signal.SIGTERM and not begun), (case, code)
            assert left == [], case
    bench.world.clock.advance(NEXT_DAY)
    swept = sweep(plan.region, tmp_path / "another-computer.db")
    for case in cases[-8::3]:
        assert attempt(bench, plan, replace(options, name=case.name)) is None, case
        bench.destroy(case.name, plan.region)
    with capsys.disabled():
        print(  # noqa: T201 - as above
            f"\nfault matrix ({shape}): {len(cases)} signals, {unguarded} unguarded leaks, "
            f"{swept} swept from an empty ledger"
        )
    assert unguarded == 0
    assert unreached <= len(cases) // 10, "the signals are to come"
    assert bench.left(plan.region) == []


def sweep(region: str, empty: Path) -> int:
    """Remove what is left over as ``planner sweep --remove`` does, where the ledger is empty.

    The endpoints themselves are gone by then: their expiries have acted.
    """
    with Ledger(empty) as ledger, Interruption() as interruption:
        found = locate.all_endpoints(ledger, regions=[region])
        assert not [item for item in found.endpoints if item.billed]
        due = sweeping.findings(found.endpoints, (), locate.now)
        assert all(item.removable and not item.known for item in due)
        for item in due:
            context = Context(interruption, progress=lambda *_: None)
            adapter(item.endpoint.service).remove(item.endpoint, context)
    return len(due)


def signals_for(index: int, kind: Kind) -> tuple[signal.Signals, ...]:
    """SIGINT and SIGTERM have one handler: they take turns, unless all is asked for."""
    if turns.whole():
        return (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
    turn = (index + (kind is Kind.SIGNAL_AFTER)) % 2
    return ((signal.SIGINT, signal.SIGTERM)[turn], signal.SIGKILL)


def run_case(
    lanes: queue.Queue[tuple[Faults, CloudSettings]],
    plan: Plan,
    options: Options,
    case: Case,
    tmp_path: Path,
) -> tuple[int | None, bool, bool]:
    """Deploy in a process of its own, behind faults of its own.

    Returns:
        Its exit code, whether it had asked for anything to be made, and whether it got as far as
        the call of the signal. Preflight's calls go
        out at once, and their number may differ by one: an index alone does not tell.
    """
    faults, chosen = lanes.get()
    folder = tmp_path / case.name
    shutil.copytree(tmp_path / "state", folder)
    here, there = forked.CONTEXT.Pipe()
    chosen_options = replace(options, name=case.name)
    process = forked.CONTEXT.Process(
        target=child, args=(there, chosen, plan, chosen_options, str(folder))
    )
    process.start()
    faults.expect(fault(case.index, case.kind, case.number, process.pid or 0))
    here.send("go")
    process.join(60)
    begun = any(operation.startswith(FIRST_CREATE) for operation in faults.operations)
    reached = len(faults.operations) > case.index
    lanes.put((faults, chosen))
    return process.exitcode, begun, reached
