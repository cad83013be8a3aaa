"""Break every call of a deploy on a virtual machine in every way; on any cloud."""

from __future__ import annotations

import itertools
import os
import signal
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import forked
import turns
from children import WIDEST
from vm_rig import CATCH_UP, TOKEN, Rig, vm_child

from planner.clouds import pacing, settings
from planner.errors import PermissionDeniedError, PlannerError, ThrottledError
from planner.sandbox.faults import Fault, Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from planner.plan import Plan

ANSWERS = [kind for kind in Kind if not kind.is_signal]
SIGNALS = (Kind.SIGNAL_BEFORE, Kind.SIGNAL_AFTER)


@dataclass
class Counts:
    """What a matrix came to; printed by the tests.

    Attributes:
        unreached: Cases whose run made fewer calls: how often it looks until something shows
            depends on how far reads are behind.
    """

    calls: int = 0
    cases: int = 0
    survived: int = 0
    unreached: int = 0
    leaks: int = 0
    machines: int = 0


def begin(bench: Rig, fault: Fault | None) -> None:
    """Begin a run in a world that knows all of the one before."""
    bench.world.clock.advance(CATCH_UP)
    bench.faults.expect(fault)


def reached(bench: Rig, index: int) -> str:
    """Return the call that was broken; empty where the run did not come to it."""
    made = bench.faults.requests
    return made[index] if index < len(made) else ""


def calls_of_a_deploy(bench: Rig, plan: Plan) -> list[str]:
    """Deploy unbroken, with what is shared there already, and return the requests."""
    settings.use(bench.settings)
    for _ in range(2):
        begin(bench, None)
        bench.deploy(plan, WIDEST)
        requests = list(bench.faults.requests)
        bench.destroy("llama-2-70b", plan.region)
    assert bench.left() == []
    return requests


def attempt(bench: Rig, plan: Plan, name: str) -> PlannerError | None:
    pacing.reset()  # the simulated cloud takes calls at any rate
    try:
        bench.deploy(plan, replace(WIDEST, name=name))
    except PlannerError as error:
        return error
    return None


def break_every_call(bench: Rig, plan: Plan, kinds: Sequence[Kind], machine: str) -> Counts:
    """Break each call in each way: nothing is left, or all is there.

    Args:
        bench: The sandbox.
        plan: What to deploy.
        kinds: The ways; in a short run they take turns (``turns``).
        machine: How a machine is called in what is there.
    """
    requests = calls_of_a_deploy(bench, plan)
    counts = Counts(calls=len(requests))
    for index, kind in itertools.product(range(len(requests)), kinds):
        if not turns.taken(index, kind):
            continue
        name = f"m-{index}-{kind.name.lower().replace('_', '-')}"
        counts.cases += 1
        begin(bench, Fault(index, kind))
        error = attempt(bench, plan, name)
        case = (reached(bench, index), kind, error, error and error.why)
        counts.unreached += not case[0]
        bench.faults.expect(None)
        left = bench.left(name)
        if error is None:
            counts.survived += 1
            assert any(item.startswith(machine) for item in left), case
        else:
            counts.leaks += len(left)
            assert left == [], case
            assert TOKEN not in f"{error} {error.why} {error.advice}", case
            assert error.exit_code in {
                PermissionDeniedError.exit_code,
                ThrottledError.exit_code,
            }, case
            assert attempt(bench, plan, name) is None, case
        bench.destroy(name, plan.region)
        assert bench.left() == [], case
    assert counts.cases >= len(requests) * len(kinds) // (1 if turns.whole() else turns.EVERY)
    return counts


def interrupt_every_call(bench: Rig, plan: Plan, first: Callable[[str], bool]) -> Counts:
    """Send SIGINT and SIGTERM before and after each call, from the first creation on."""
    requests = calls_of_a_deploy(bench, plan)
    counts = Counts(calls=len(requests))
    numbers = (signal.SIGINT, signal.SIGTERM)
    for index, kind, number in itertools.product(_from(requests, first), SIGNALS, numbers):
        if not turns.taken(index, kind, int(number)):
            continue
        name = f"s-{index}-{number}-{kind.name.lower().replace('_', '-')}"
        counts.cases += 1
        begin(bench, Fault(index, kind, number, os.getpid()))
        error = attempt(bench, plan, name)
        if not reached(bench, index):
            counts.unreached += 1
            bench.destroy(name, plan.region)
            continue
        bench.faults.expect(None)
        left = bench.left(name)
        assert error is not None, (requests[index], name)
        assert error.exit_code == 130, (requests[index], name, error, error.why)
        counts.leaks += len(left)
        assert left == [], (requests[index], name)
    return counts


def kill_every_call(
    bench: Rig,
    plan: Plan,
    first: Callable[[str], bool],
    folder: Path,
    *,
    unguarded: Callable[[], tuple[int, list[str]]],
    preload: Sequence[str] = (),
) -> Counts:
    """Kill the deploy before and after each call, from the first creation on.

    Args:
        bench: The sandbox.
        plan: What to deploy.
        first: Tells the first creation.
        folder: Where the processes keep their ledgers.
        unguarded: Looks at what was left: the number of machines, and those whose expiry the
            cloud does not keep.
        preload: What the server of the processes imports besides.
    """
    requests = calls_of_a_deploy(bench, plan)
    counts = Counts(calls=len(requests))
    forked.start_server(*preload)
    for index, kind in itertools.product(_from(requests, first), SIGNALS):
        if not turns.taken(index, kind):
            continue
        name = f"k-{index}-{kind.name.lower().replace('_', '-')}"
        here, there = forked.CONTEXT.Pipe()
        process = forked.CONTEXT.Process(
            target=vm_child,
            args=(there, bench.settings, bench.service, plan, name, str(folder / name)),
        )
        process.start()
        begin(bench, Fault(index, kind, signal.SIGKILL, process.pid or 0))
        here.send("go")
        process.join(60)
        if not reached(bench, index):
            counts.unreached += 1
            bench.destroy(name, plan.region)
            continue
        bench.world.clock.advance(CATCH_UP)
        bench.faults.expect(None)
        assert process.exitcode == -signal.SIGKILL, (requests[index], kind)
        counts.cases += 1
        machines, without = unguarded()
        counts.machines += machines
        counts.leaks += len(without)
        assert without == [], (requests[index], kind)
        bench.destroy(name, plan.region)
        assert bench.left() == [], (requests[index], kind)
    assert counts.machines > 0
    return counts


def _from(requests: list[str], first: Callable[[str], bool]) -> Iterator[int]:
    """Yield the indexes from the first creation on."""
    begin = next(index for index, request in enumerate(requests) if first(request))
    return iter(range(begin, len(requests)))
