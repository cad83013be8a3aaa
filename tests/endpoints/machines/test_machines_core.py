"""What all machines share, with a machine that no cloud rents out."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from planner.clouds import clock
from planner.endpoints.deploying.interruption import Interruption
from planner.endpoints.deploying.lifecycle import NotMadeError
from planner.endpoints.interface import Context
from planner.endpoints.machines import console, found, removal, steps, watch
from planner.endpoints.model import Awaited, State
from planner.errors import CapacityError, CloudError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Sequence

SPEC: Any
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


class Spec:
    """What the shared steps ask of a specification."""

    class plan:  # noqa: N801 - stands for a value
        instance_type = "big-gpu-1"
        model = "mistral-7b"
        service = "gce"

    name, region, run = "here", "us-central1", "run-1"
    startup_timeout_s = 60


SPEC = Spec()
AWAITED = Awaited("here", "gce", "us-central1", "llama-2-70b")


def context(told: list[str] | None = None) -> Context:
    notes = told if told is not None else []
    return Context(Interruption(), progress=lambda stage, _: notes.append(stage))


def machine(
    written: Sequence[str], state: State = State.IN_SERVICE, **changes: Any
) -> found.Machine:
    facts: dict[str, Any] = {
        "name": "here",
        "region": "us-central1",
        "place": "us-central1-a",
        "run": "run-1",
        "state": state,
        "native_state": "RUNNING",
        "instance_type": "big-gpu-1",
        "created_at": NOW,
        "tags": {"planner:hourly-usd": "4.5", "planner:owner": "ada"},
        "console": lambda: written,
    }
    return found.Machine(**{**facts, **changes})


def shown(made: found.Machine | None, **changes: Any) -> Any:
    whole = found.Found("here", "us-central1", made, parts=["instance:x"], **changes)
    return found.endpoint(whole, "gcp", "gce")


def test_the_console_of_a_machine_that_runs_tells_the_state() -> None:
    assert shown(machine([])).state is State.CREATING
    assert shown(machine(["planner: stage: pulling the image"])).state is State.CREATING
    ready = shown(machine(["planner: ready"], expires_at=NOW))
    assert (ready.state, ready.guarded, ready.hourly_usd) == (
        State.IN_SERVICE,
        True,
        Decimal("4.5"),
    )


def test_a_machine_whose_engine_failed_is_billed_for_as_long_as_it_runs() -> None:
    failed = shown(machine(["planner: failed: vLLM ended with code 1"]))
    assert (failed.state, failed.billed) == (State.FAILED, True)
    assert failed.problem == "failed: vLLM ended with code 1"
    stopped = shown(machine([], State.FAILED, problem="deallocated"))
    assert (stopped.billed, stopped.problem) == (False, "deallocated")


def test_the_console_of_a_machine_that_does_not_run_is_not_read() -> None:
    def unreadable() -> list[str]:
        raise AssertionError

    assert shown(machine([], State.CREATING, console=unreadable)).state is State.CREATING


def test_parts_without_a_machine_are_leftovers_or_on_their_way_out() -> None:
    assert shown(None).state is State.LEFTOVER
    assert shown(None, deleting=True).state is State.DELETING


def test_place_after_place_is_asked_until_one_has_room() -> None:
    asked, told = [], list[str]()

    def make(place: str) -> None:
        asked.append(place)
        if place != "c":
            raise CapacityError("full", why="no cards")

    places = [(letter, f"zone {letter}") for letter in "abcd"]
    assert steps.where_there_is_room(SPEC, context(told), places, make) == "c"
    assert asked == ["a", "b", "c"]
    assert told == [f"asking zone {letter} for big-gpu-1" for letter in "abc"]
    with pytest.raises(CapacityError, match="us-central1") as caught:
        steps.where_there_is_room(SPEC, context(), places[:2], make)
    assert caught.value.why == "zone a: no cards\nzone b: no cards"


def test_the_oldest_run_of_a_name_keeps_it() -> None:
    steps.claim(SPEC, ["run-1", "run-2"], "Google")
    with pytest.raises(NotMadeError, match="someone else"):
        steps.claim(SPEC, ["run-0", "run-1"], "Google")
    with pytest.raises(CloudError, match="is gone"):
        steps.claim(SPEC, ["run-2"], "Google")


def test_one_part_that_resists_keeps_none_of_the_others() -> None:
    gone = []

    def resist() -> None:
        raise CloudError("not now")

    with pytest.raises(CloudError, match="not now"):
        removal.in_turn([lambda: gone.append("machine"), resist, lambda: gone.append("secret")])
    assert gone == ["machine", "secret"]


class Watched:
    """A machine that says one more line each time it is looked at."""

    def __init__(self, *lines: str, stopped: str = "", gone: bool = False) -> None:
        self.lines, self.seen = lines, 0
        self.why, self.gone = stopped, gone

    def console(self) -> list[str]:
        self.seen += 1
        return list(self.lines[: self.seen])

    def stopped(self) -> str:
        if self.gone:
            raise watch.gone("here", "Azure")
        return self.why

    def transport(self) -> Any:
        raise NotImplementedError


def quick() -> Context:
    from planner.endpoints.interface import Pace

    return Context(Interruption(), progress=lambda *_: None, pace=Pace(poll_s=0))


def test_a_machine_is_followed_to_its_first_answer() -> None:
    seen = Watched("boot", "planner: stage: starting vLLM", "planner: ready")
    watch.follow(AWAITED, quick(), seen)
    assert seen.seen == 3


def test_a_machine_that_fails_stops_or_goes_ends_the_wait_with_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A look takes ten seconds: what is gone is believed only when it was so for a while.
    monkeypatch.setattr(clock, "monotonic", itertools.count(0.0, 10.0).__next__)
    with pytest.raises(CloudError) as caught:
        watch.follow(
            AWAITED,
            quick(),
            Watched("CUDA out of memory", "planner: failed: vLLM ended with code 1"),
        )
    assert caught.value.code == "out-of-memory"
    assert "sagemaker" not in caught.value.advice
    with pytest.raises(CloudError, match="stopped the machine"):
        watch.follow(AWAITED, quick(), Watched(stopped="the cloud has stopped the machine"))
    # It is a failed deploy, not a question for something that is not there.
    with pytest.raises(CloudError, match="is gone") as lost:
        watch.follow(AWAITED, quick(), Watched(gone=True))
    assert not isinstance(lost.value, NotFoundError)
    assert lost.value.exit_code == 1


def test_a_stage_is_named_by_the_last_mark() -> None:
    assert console.stage([]) == "starting the machine"
    assert console.stage(["planner: ready", "planner: failed: later"]).startswith("failed")
