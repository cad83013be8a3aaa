"""Laws of the lifecycle, whatever the steps do and wherever they fail."""

from __future__ import annotations

import os
import signal
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.endpoints.deploying import lifecycle
from planner.endpoints.deploying.interruption import AbandonedError, Interruption
from planner.endpoints.deploying.lifecycle import NotMadeError, RollbackIncompleteError, Step
from planner.errors import CapacityError, CloudError, InterruptedByUserError
from planner.ledger import Ledger, Resource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def resource(name: str) -> Resource:
    return Resource(name, "e", "aws", "1", "r", "kind", datetime(2026, 1, 1, tzinfo=UTC))


class World:
    """Things that steps make and take away."""

    def __init__(self, ledger: Ledger) -> None:
        self.things: list[str] = []
        self.ledger = ledger
        self.undone: list[str] = []

    def step(
        self,
        name: str,
        *,
        fails: str = "",
        undo_fails: bool = False,
        also: Callable[[], None] | None = None,
    ) -> Step:
        def do() -> str:
            recorded = [item.id for item in self.ledger.resources()]
            assert name in recorded, "a resource must be in the ledger before it is made"
            if also:
                also()
            if fails == "before":
                raise CloudError(f"{name} broke")
            if fails == "taken":
                raise NotMadeError(f"{name} is someone else's")
            self.things.append(name)
            if fails == "after":
                raise CloudError(f"{name} broke after it was made")
            return name

        def undo() -> None:
            self.undone.append(name)
            if undo_fails:
                raise CloudError(f"{name} cannot be undone")
            if name in self.things:
                self.things.remove(name)

        return Step(f"make {name}", do, undo, resource(name))

    def run(self, steps: list[Step], interruption: Interruption | None = None) -> None:
        lifecycle.run(
            steps,
            ledger=self.ledger,
            interruption=interruption or Interruption(cleanup="planner destroy e"),
            observe=lambda *_: None,
        )


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("ledger") / "ledger.db"
    Ledger(path).close()
    return path


@pytest.fixture
def world(book: Path, tmp_path: Path) -> Iterator[World]:
    copy = tmp_path / "ledger.db"
    copy.write_bytes(book.read_bytes())
    with Ledger(copy) as ledger:
        yield World(ledger)


def test_all_steps_are_done_in_order_and_recorded(world: World) -> None:
    world.run([world.step(name) for name in "abc"])
    assert world.things == ["a", "b", "c"]
    assert [r.native_id for r in world.ledger.resources()] == ["a", "b", "c"]
    assert world.undone == []


@given(
    failing=st.integers(0, 4),
    how=st.sampled_from(["before", "after", "taken"]),
    count=st.just(5),
)
def test_a_failure_undoes_what_was_begun_in_reverse(
    failing: int, how: str, count: int, book: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    copy = tmp_path_factory.mktemp("law") / "ledger.db"
    copy.write_bytes(book.read_bytes())
    with Ledger(copy) as ledger:
        world = World(ledger)
        steps = [world.step(str(n), fails=how if n == failing else "") for n in range(count)]
        with pytest.raises((CloudError, NotMadeError)):
            world.run(steps)
        assert world.things == []
        assert ledger.resources() == []
        begun = failing if how == "taken" else failing + 1
        assert world.undone == [str(n) for n in reversed(range(begun))]


def test_what_someone_else_made_is_not_undone(world: World) -> None:
    world.things.append("b")
    with pytest.raises(NotMadeError):
        world.run([world.step("a"), world.step("b", fails="taken")])
    assert world.things == ["b"]


def test_an_undo_that_fails_does_not_stop_the_others(world: World) -> None:
    steps = [world.step("a"), world.step("b", undo_fails=True), world.step("c", fails="after")]
    with pytest.raises(RollbackIncompleteError) as caught:
        world.run(steps)
    assert world.things == ["b"]
    assert [r.id for r in world.ledger.resources()] == ["b"]
    assert "make b" in caught.value.why
    assert caught.value.advice == "planner destroy e"
    assert isinstance(caught.value.cause, CloudError)


def test_the_exit_code_of_an_incomplete_rollback_is_that_of_its_cause(world: World) -> None:
    def short() -> str:
        raise CapacityError("no machine")

    steps = [world.step("a", undo_fails=True), Step("start", short)]
    with pytest.raises(RollbackIncompleteError) as caught:
        world.run(steps)
    assert caught.value.exit_code == CapacityError.exit_code


def test_an_unexpected_error_is_rolled_back_too(world: World) -> None:
    def broken() -> str:
        raise ZeroDivisionError("oops")

    with pytest.raises(lifecycle.PlannerError, match="unexpectedly") as caught:
        world.run([world.step("a"), Step("divide", broken)])
    assert world.things == []
    assert "ZeroDivisionError: oops" in caught.value.why


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_lets_the_call_finish_and_then_rolls_back(
    world: World, number: signal.Signals
) -> None:
    told: list[str] = []
    with Interruption(on_first=told.append, cleanup="planner destroy e") as interruption:
        steps = [
            world.step("a", also=lambda: os.kill(os.getpid(), number)),
            world.step("b"),
        ]
        with pytest.raises(InterruptedByUserError, match=number.name) as caught:
            world.run(steps, interruption)
    assert not isinstance(caught.value, AbandonedError)
    assert world.things == []
    assert world.undone == ["a"]
    assert "planner destroy e" in told[0]


def test_a_second_signal_leaves_at_once_with_the_clean_up_command(world: World) -> None:
    def stop() -> None:
        os.kill(os.getpid(), signal.SIGINT)

    with Interruption(cleanup="planner destroy e --region r") as interruption:

        def undo() -> None:
            stop()
            raise AssertionError("the rollback went on")

        steps = [Step("a", lambda: "", undo), world.step("b", also=stop)]
        with pytest.raises(AbandonedError) as caught:
            world.run(steps, interruption)
    assert caught.value.advice == "planner destroy e --region r"
    assert caught.value.exit_code == 130


@pytest.mark.parametrize("during", [True, False])
def test_a_signal_counts_after_a_rollback_too(world: World, *, during: bool) -> None:
    """Where a hunt goes on after a place without room, it must still be stoppable."""

    def stop() -> None:
        os.kill(os.getpid(), signal.SIGINT)

    with Interruption() as interruption:
        undo = stop if during else (lambda: None)
        steps = [Step("a", lambda: "", undo), world.step("b", fails="before")]
        with pytest.raises(CloudError):
            world.run(steps, interruption)
        if not during:
            stop()
        with pytest.raises(InterruptedByUserError):
            world.run([world.step("c")], interruption)
    assert world.things == []


def test_a_pause_ends_with_the_first_signal(world: World) -> None:
    del world
    with Interruption() as interruption:
        signal.setitimer(signal.ITIMER_REAL, 0)
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(InterruptedByUserError):
            interruption.pause(60)


def test_signals_are_the_process_s_own_again_afterwards() -> None:
    before = signal.getsignal(signal.SIGINT)
    with Interruption():
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before
