"""What lies in the store while keys are rotated."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from planner.endpoints import api_keys

if TYPE_CHECKING:
    from planner.endpoints.model import Secret

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
STEPS = st.lists(
    st.tuples(st.integers(0, 10_000), st.integers(0, 10_000)), max_size=6
)  # seconds that pass, seconds of overlap


def good(stored: Secret, at: datetime) -> set[str]:
    """Return the keys that open the door, as the machine reads them."""
    entries = (entry.partition(":") for entry in stored.reveal().split())
    return {key for key, _, until in entries if not until or int(until) > at.timestamp()}


def test_keys_are_long_and_not_alike() -> None:
    made = {api_keys.new().reveal() for _ in range(50)}
    assert len(made) == 50
    assert all(len(key) > 40 and ":" not in key and " " not in key for key in made)


@given(STEPS)
def test_the_newest_is_always_good_and_each_before_for_its_overlap(
    steps: list[tuple[int, int]],
) -> None:
    now, newest = NOW, api_keys.new()
    stored, ends = newest, {}
    for passed, overlap in steps:
        now += timedelta(seconds=passed)
        if not overlap:
            ends.clear()
        ends[newest.reveal()] = now + timedelta(seconds=overlap)
        newest = api_keys.new()
        stored = api_keys.rotated(stored, newest, now, timedelta(seconds=overlap))
        assert api_keys.current(stored).reveal() == newest.reveal()
        living = {key for key, end in ends.items() if end > now}
        assert good(stored, now) == {newest.reveal()} | living


def test_what_is_stored_does_not_grow_for_ever() -> None:
    stored, now = api_keys.new(), NOW
    for _ in range(50):
        now += timedelta(hours=2)
        stored = api_keys.rotated(stored, api_keys.new(), now, timedelta(hours=1))
    assert len(stored.reveal().split()) == 2
