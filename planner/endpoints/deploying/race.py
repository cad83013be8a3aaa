"""Start several places at once; the first to answer stays, the others are taken back.

Each place runs in a thread of its own, with its own connection to the ledger. Signals reach
the main thread, which only waits: the threads look at its mark.
"""

from __future__ import annotations

import queue
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from planner.clouds import clock, settings
from planner.endpoints.deploying import deployment, places
from planner.endpoints.deploying.choices import Attempt, Observers, Result
from planner.endpoints.deploying.interruption import Interruption
from planner.endpoints.deploying.lifecycle import RollbackIncompleteError
from planner.endpoints.interface import adapter
from planner.errors import CapacityError, PlannerError
from planner.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.endpoints.deploying.choices import Options, Outcome, Prepared
    from planner.plan import Plan

_LOOK_S = 0.2


class OvertakenError(PlannerError):
    """Another place was first to answer."""


class Finish:
    """Where the first to arrive wins, and the race is over for the others."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.over = threading.Event()
        self.winner: Plan | None = None

    def cross(self, plan: Plan) -> str:
        """Win, or learn that another has won.

        Raises:
            OvertakenError: Another has.
        """
        with self._lock:
            if self.over.is_set():
                raise OvertakenError("another place was first")
            self.winner = plan
            self.over.set()
        return ""


class Lane(Interruption):
    """What interrupts one place: the user, or the end of the race."""

    def __init__(self, parent: Interruption, finish: Finish, plan: Plan) -> None:
        super().__init__(cleanup=parent.cleanup)
        self._parent = parent
        self._finish = finish
        self._plan = plan

    def check(self) -> None:
        """Raise if the user has interrupted or another place has won."""
        if self._rolling_back:
            return
        self._parent.check()
        if self._finish.over.is_set() and self._finish.winner is not self._plan:
            raise OvertakenError("another place was first")

    def pause(self, seconds: float) -> None:
        """Wait, but not longer than until one of both."""
        until = clock.monotonic() + seconds
        while (left := until - clock.monotonic()) > 0:
            self.check()
            clock.pause(min(left, _LOOK_S if not settings.current().simulated else left))
        self.check()


class _Race:
    """One race: which places run, which wait, and what has become of the others."""

    def __init__(
        self,
        places: Sequence[Prepared],
        interruption: Interruption,
        options: Options,
        seen: Observers,
    ) -> None:
        self.waiting = list(places)
        self.running: dict[tuple[str, str], Plan] = {}
        self.finish = Finish()
        self.results: queue.SimpleQueue[tuple[Plan, Outcome | BaseException, float]] = (
            queue.SimpleQueue()
        )
        self._interruption = interruption
        self._options = options
        self._seen = seen

    def start(self, most: int) -> None:
        """Start places until so many run; two never share a name in one region."""
        for place in list(self.waiting):
            plan = place.spec.plan
            if len(self.running) >= most or self.finish.over.is_set():
                return
            if _where(plan) in self.running:
                continue
            self.waiting.remove(place)
            self.running[_where(plan)] = plan
            # A daemon: when the user leaves at once, nothing must hold the process.
            threading.Thread(target=self._run, args=(plan,), daemon=True).start()

    def _run(self, plan: Plan) -> None:
        started = time.monotonic()
        lane = Lane(self._interruption, self.finish, plan)
        made = adapter(plan.service)
        result: Outcome | BaseException
        try:
            with Ledger() as own:
                prepared = deployment.prepare(plan, self._options, made, own, may_create_roles=True)
                result = deployment.deploy(
                    prepared,
                    made,
                    own,
                    lane,
                    options=self._options,
                    observers=_named(self._seen, plan),
                    finish=lambda: self.finish.cross(plan),
                )
        except BaseException as error:  # noqa: BLE001 - raised again by the main thread
            result = error
        self.results.put((plan, result, time.monotonic() - started))


def run(
    places: Sequence[Prepared],
    interruption: Interruption,
    failed: list[Attempt],
    *,
    options: Options,
    most: int,
    seen: Observers,
) -> Outcome:
    """Start the cheapest places at once, further ones as these fail; keep the first to answer.

    Args:
        places: In the order to start.
        interruption: The user's Ctrl-C.
        failed: The places that were given up or overtaken are added here, and one that could
            not be taken back while another had won.
        options: What the user chose; it must wait for the answer.
        most: How many may run, and be billed, at once.
        seen: Who is told; the steps carry their place.

    Raises:
        CapacityError: No place had room.
        RollbackIncompleteError: A place could not be taken back.
        PlannerError: The first failure that is not a place's own; all is rolled back.
    """
    race = _Race(places, interruption, options, seen)
    won: Outcome | None = None
    stopped: list[tuple[Plan, BaseException, float]] = []
    race.start(most)
    while race.running:
        plan, result, seconds = race.results.get()
        del race.running[_where(plan)]
        if not isinstance(result, BaseException):
            won = result
        elif (attempt := _given_up(plan, result, seconds)) is not None:
            failed.append(attempt)
            seen.attempt(attempt)
        else:
            stopped.append((plan, result, seconds))
            race.finish.over.set()
        race.start(most)
    if won is None:
        raise _first_to_tell([error for _, error, _ in stopped])
    for plan, error, seconds in stopped:
        if isinstance(error, RollbackIncompleteError):
            failed.append(Attempt(plan, error, Result.NOT_TAKEN_BACK, seconds))
    return won


def _first_to_tell(errors: Sequence[BaseException]) -> BaseException:
    """Return what the user must know first: that something may still be billed."""
    for error in errors:
        if isinstance(error, RollbackIncompleteError):
            return error
    return errors[0] if errors else CapacityError("no place had room")


def _given_up(plan: Plan, error: BaseException, seconds: float) -> Attempt | None:
    """Return the record of a place that ended as places may, or None where all must stop."""
    if isinstance(error, OvertakenError):
        return Attempt(plan, error, Result.OVERTAKEN, seconds)
    if isinstance(error, PlannerError) and places.is_places_own(error):
        return places.given_up_because(plan, error, seconds)
    return None


def _where(plan: Plan) -> tuple[str, str]:
    return plan.service, plan.region


def _named(seen: Observers, plan: Plan) -> Observers:
    """Return observers that say of which place they tell."""
    place = f"{plan.instance_type} in {plan.region}"
    return replace(
        seen,
        step=lambda phase, title, detail: seen.step(phase, f"{place}: {title}", detail),
        stage=lambda stage, lines: seen.stage(f"{place}: {stage}", lines),
    )
