"""The knobs of reality: each is explained, and time, lag and the network do what they say."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.clouds import clock, settings
from planner.errors import UnknownNameError
from planner.sandbox import reality, scenarios
from planner.sandbox.lag import Lag
from planner.sandbox.world import Disturbance, Line, World

if TYPE_CHECKING:
    from planner.sandbox.server import Sandbox


def test_each_knob_says_what_it_does_and_who_says_so() -> None:
    for name, item in reality.about().items():
        assert item.what, name
        assert item.source, name
        assert item.mild == getattr(reality.Reality(), name)
        assert item.calm != item.bad or name == "identity", name


def test_a_world_turns_all_knobs_at_once_and_one_more_can_be_turned_after() -> None:
    bad = scenarios.with_settings(scenarios.get("approved"), {"world": "bad", "outage_s": "12"})
    assert bad.read_lag_s == reality.about()["read_lag_s"].bad
    assert bad.outage_s == 12
    assert bad.gpu_instances == scenarios.get("approved").gpu_instances
    with pytest.raises(UnknownNameError):
        scenarios.with_settings(scenarios.get("approved"), {"world": "terrible"})


def test_a_pause_moves_the_simulated_clock_and_takes_no_time(sandbox: Sandbox) -> None:
    before, started = sandbox.world.now(), clock.monotonic()
    clock.pause(3600)
    assert timedelta(hours=1) <= sandbox.world.now() - before < timedelta(hours=1, minutes=5)
    assert 3600 <= clock.monotonic() - started < 3900


def test_with_skew_this_machine_s_clock_is_behind_that_of_the_clouds(sandbox: Sandbox) -> None:
    sandbox.world.scenario = replace(sandbox.world.scenario, clock_skew_s=200)
    behind = sandbox.world.now() - settings.now()
    assert timedelta(seconds=190) < behind < timedelta(seconds=201)


@pytest.mark.long
@given(delay=st.floats(0, 100), past=st.floats(0, 200))
def test_a_reader_sees_the_past_until_the_delay_is_over(delay: float, past: float) -> None:
    world = World()
    start = world.now()
    now = [start]
    lag = Lag(lambda: now[0])
    lag.changing(("thing",), "a", None)
    now[0] = start + timedelta(seconds=past)
    seen = lag.seen(("thing",), "a", "made", delay)
    assert seen == ("made" if now[0] - timedelta(seconds=delay) >= start else None)


def test_what_was_deleted_is_still_listed_for_a_while() -> None:
    world = World()
    things = {"a": 1, "b": 2}
    world.lag.changing(("thing",), "a", things.pop("a"))
    assert world.lag.all_seen(("thing",), things, 30) == {"a": 1, "b": 2}
    world.clock.advance(timedelta(seconds=31))
    assert world.lag.all_seen(("thing",), things, 30) == {"b": 2}


def test_the_network_breaks_calls_as_the_knobs_say() -> None:
    now = World().now()
    line = Line()
    knobs = reality.Reality(lose_every=2, reset_every=5, outage_after_s=60, outage_s=12)
    told = [line.disturbs(knobs, now, changes=True) for _ in range(5)]
    assert told == [None, Disturbance.LOST, None, Disturbance.LOST, Disturbance.RESET]
    for after, cut in ((59, False), (61, True), (71, True), (73, False)):
        later = now + timedelta(seconds=after)
        assert (line.disturbs(knobs, later, changes=False) is Disturbance.RESET) is cut


def test_a_sign_in_ends_and_signing_in_helps() -> None:
    world = World(replace(scenarios.get("approved"), sign_in_s=3600))
    assert not world.signed_out
    world.clock.advance(timedelta(hours=1, seconds=1))
    assert world.signed_out
    world.sign_in()
    assert not world.signed_out
