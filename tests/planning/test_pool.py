"""The pool's queue: how many machines a rate needs."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.planning.pool import WAIT_SHARE, machines_for, most_busy, most_rate

RATES = st.floats(0.001, 500)
SLOTS = st.integers(1, 300)
LATENCIES = st.floats(0.2, 60)


def test_no_requests_need_no_machine() -> None:
    assert machines_for(0, 8, 5) == 0


@given(rate=RATES, slots=SLOTS, latency=LATENCIES)
def test_the_fewest_machines_are_enough_and_one_less_is_not(
    rate: float, slots: int, latency: float
) -> None:
    machines = machines_for(rate, slots, latency)
    assert most_rate(machines, slots, latency) >= rate * (1 - 1e-9)
    if machines > 1:
        assert most_rate(machines - 1, slots, latency) < rate


@given(rate=RATES, more=st.floats(1, 3), slots=SLOTS, latency=LATENCIES)
def test_more_requests_never_need_fewer_machines(
    rate: float, more: float, slots: int, latency: float
) -> None:
    assert machines_for(rate * more, slots, latency) >= machines_for(rate, slots, latency)


@given(slots=st.integers(1, 2000))
def test_a_larger_pool_is_used_more(slots: int) -> None:
    assert most_busy(slots + 1) / (slots + 1) >= most_busy(slots) / slots - 1e-3


@pytest.mark.long
@pytest.mark.parametrize("slots", [1, 4, 17, 90, 399, 400, 401, 900])
def test_the_busy_slots_are_the_poisson_quantile(slots: int) -> None:
    from scipy.stats import poisson

    assert poisson.sf(slots - 1, most_busy(slots)) == pytest.approx(WAIT_SHARE, rel=0.02)


def test_a_simulated_pool_makes_few_requests_wait() -> None:
    chance = random.Random(7)  # noqa: S311 - a simulation
    slots, latency = 40, 5.0
    rate = most_rate(1, slots, latency)
    now, ends, waited, requests = 0.0, [], 0, 40_000
    for _ in range(requests):
        now += chance.expovariate(rate)
        ends = [end for end in ends if end > now]
        waited += len(ends) >= slots
        # Log-normal stays of the same mean: how long each one is does not matter.
        ends.append(now + latency * math.exp(chance.gauss(-0.5, 1)))
    assert waited / requests == pytest.approx(WAIT_SHARE, abs=0.01)
