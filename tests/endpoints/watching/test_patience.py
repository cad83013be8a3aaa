"""A cloud that cannot be asked is asked again, for as long as it may be and no longer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from planner.clouds import clock
from planner.endpoints.interface import Pace
from planner.endpoints.watching.patience import Patience
from planner.errors import (
    CloudError,
    ExpiredCredentialsError,
    OutOfTouchError,
    PlannerError,
    ThrottledError,
    TransientError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

PACE = Pace(poll_s=15, outage_s=600, sign_in_s=3600)


class Clouds:
    """Time that passes when someone waits, and answers that fail until it is late enough."""

    def __init__(self, error: PlannerError, until: float, *, slow_s: float = 0) -> None:
        self.time, self.said, self.asked = 0.0, list[str](), 0
        self._error, self._until, self._slow_s = error, until, slow_s

    def pause(self, seconds: float) -> None:
        self.time += seconds

    def question(self) -> str:
        self.asked += 1
        self.time += self._slow_s
        if self.time < self._until:
            raise self._error
        return "here"


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> Callable[[Clouds], str]:
    def answer(clouds: Clouds) -> str:
        monkeypatch.setattr(clock, "monotonic", lambda: clouds.time)
        return Patience(PACE, clouds.pause, clouds.said.append).ask(clouds.question)

    return answer


@pytest.mark.parametrize("kind", [TransientError, ThrottledError])
def test_it_is_asked_again_and_says_so_once(
    kind: type[CloudError], ask: Callable[[Clouds], str]
) -> None:
    clouds = Clouds(kind("it cannot be reached"), until=300)
    assert ask(clouds) == "here"
    first, last = clouds.said
    assert "for up to 10 min" in first
    assert "answers again, after" in last
    assert clouds.asked < 10  # the pauses grow


def test_a_sign_in_is_waited_for_longer_and_how_to_is_said(ask: Callable[[Clouds], str]) -> None:
    clouds = Clouds(ExpiredCredentialsError("signed out", advice="az login"), until=1800)
    assert ask(clouds) == "here"
    assert "az login" in clouds.said[0]


def test_too_long_is_an_error_with_the_exit_code_of_its_cause(
    ask: Callable[[Clouds], str],
) -> None:
    with pytest.raises(OutOfTouchError) as caught:
        ask(Clouds(ExpiredCredentialsError("signed out"), until=1e6))
    assert caught.value.exit_code == 5
    # The first look after ten minutes, a pause of a minute later at most.
    with pytest.raises(OutOfTouchError, match="for 11 min"):
        ask(Clouds(TransientError("down"), until=1e6))


def test_what_the_cloud_refuses_is_not_asked_again(ask: Callable[[Clouds], str]) -> None:
    clouds = Clouds(CloudError("no", code="400"), until=1e6)
    with pytest.raises(CloudError, match="no"):
        ask(clouds)
    assert clouds.asked == 1


def test_the_time_that_a_question_takes_does_not_count(ask: Callable[[Clouds], str]) -> None:
    # The first question ends after 700 s, which is longer than an outage may last.
    assert ask(Clouds(TransientError("down"), until=900, slow_s=700)) == "here"
