"""Scenarios and their knobs."""

from __future__ import annotations

import pytest

from planner.errors import UnknownNameError, UsageError
from planner.sandbox import scenarios
from planner.sandbox.world import granted


def test_each_scenario_says_what_happens() -> None:
    for name, scenario in scenarios.SCENARIOS.items():
        assert scenario.name == name
        assert scenario.summary
        assert scenario.outcome in scenarios.OUTCOMES


def test_knobs_are_turned_by_text() -> None:
    base = scenarios.get("new-account")
    changed = scenarios.with_settings(
        base,
        {
            "latency_s": "0.25",
            "gpu_instances": "3",
            "capacity": "no",
            "disabled_regions": "eu-south-1, me-south-1",
            "outcome": "denied",
        },
    )
    assert changed.latency_s == 0.25
    assert changed.gpu_instances == 3
    assert changed.capacity is False
    assert changed.disabled_regions == ("eu-south-1", "me-south-1")
    assert changed.outcome == "denied"


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"latenzy_s": "1"}, UnknownNameError),
        ({"outcome": "perhaps"}, UnknownNameError),
        ({"capacity": "maybe"}, UsageError),
        ({"gpu_instances": "many"}, UsageError),
    ],
)
def test_a_wrong_knob_is_one_clear_error(settings: dict[str, str], error: type[Exception]) -> None:
    with pytest.raises(error):
        scenarios.with_settings(scenarios.get("new-account"), settings)


@pytest.mark.parametrize("outcome", scenarios.OUTCOMES)
def test_what_is_granted_lies_between_old_and_desired(outcome: str) -> None:
    for old, desired in ((0, 1), (0, 96), (8, 9), (10, 1000)):
        assert old <= granted(outcome, old, desired) <= desired
