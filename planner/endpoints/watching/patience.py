"""Live through minutes in which a cloud cannot be asked.

A deploy waits for up to an hour. In that time networks change, clouds have trouble of their own
and sign-ins end. None of it says anything about the endpoint: planner says what is the matter,
asks again, and asks for a new sign-in where that is what is missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from planner.clouds import clock, settings
from planner.errors import (
    ExpiredCredentialsError,
    NoCredentialsError,
    OutOfTouchError,
    TransientError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from planner.endpoints.interface import Pace
    from planner.errors import PlannerError

_T = TypeVar("_T")
_LONGEST_PAUSE_S = 60
_MINUTE_S = 60


class Patience:
    """Asks a cloud again for as long as it is only out of reach.

    Args:
        pace: How long to bear with what.
        pause: Waits, and ends the wait where the user interrupts.
        say: Tells the user what is the matter.
    """

    def __init__(
        self, pace: Pace, pause: Callable[[float], None], say: Callable[[str], None]
    ) -> None:
        self._pace, self._pause, self._say = pace, pause, say

    def ask(self, question: Callable[[], _T]) -> _T:
        """Return the answer to a question that may be put any number of times.

        Raises:
            OutOfTouchError: There was no answer for too long.
            PlannerError: The cloud's answer is an error.
        """
        every, told = self._pace.poll_s, ""
        # From the first failure on: a question may itself take a quarter of an hour.
        lost: float | None = None
        while True:
            try:
                answer = question()
            except TransientError as error:
                lost = clock.monotonic() if lost is None else lost
                told = self._bear(error, lost, self._pace.outage_s, told)
            except (ExpiredCredentialsError, NoCredentialsError) as error:
                lost = clock.monotonic() if lost is None else lost
                told = self._bear(error, lost, self._pace.sign_in_s, told)
                settings.forget_clients()
            else:
                if lost is not None:
                    self._say(f"the cloud answers again, after {_words(clock.monotonic() - lost)}")
                return answer
            self._pause(every)
            every = min(2 * every, _LONGEST_PAUSE_S)

    def _bear(self, error: PlannerError, lost: float, limit: float, told: str) -> str:
        """Say once what is the matter and return it, unless it has lasted for too long."""
        lasted = clock.monotonic() - lost
        if lasted > limit:
            raise OutOfTouchError(f"{error}, for {_words(lasted)}", cause=error) from error
        signed_out = not isinstance(error, TransientError)
        text = (
            f"{error}: sign in in another terminal ({error.advice}); it goes on then"
            if signed_out
            else f"{error}: asking again"
        )
        if text != told:
            self._say(f"{text}, for up to {_words(limit)}")
        return text


def _words(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 2 * _MINUTE_S else f"{seconds / _MINUTE_S:.0f} min"
