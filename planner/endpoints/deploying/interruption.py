"""Ctrl-C, SIGTERM and a terminal that is closed, while resources are being made.

The first signal only sets a mark: the call under way is allowed to finish, because a call
that is cut off leaves it open whether the resource exists; the next look at the mark then
raises, and the lifecycle rolls back. The second signal leaves at once.
"""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from planner.clouds import clock
from planner.errors import InterruptedByUserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType, TracebackType

_SIGNALS = (
    signal.SIGINT,
    signal.SIGTERM,
    # Windows has none.
    *((signal.SIGHUP,) if hasattr(signal, "SIGHUP") else ()),
)


class AbandonedError(InterruptedByUserError):
    """The user would not wait for the rollback; ``advice`` is the clean-up command."""


class Interruption:
    """Catches the signals while it is entered; use it as a context manager.

    Args:
        on_first: Called once, in the signal handler, with words for the user's screen.
        cleanup: The command that removes what is left when the user will not wait.
    """

    def __init__(
        self, *, on_first: Callable[[str], None] | None = None, cleanup: str = "planner status"
    ) -> None:
        self._on_first = on_first
        self._cleanup = cleanup
        self._reason = ""
        self._event = threading.Event()
        self._rolling_back = False
        self._previous: dict[signal.Signals, object] = {}

    def __enter__(self) -> Self:
        # Signals reach the main thread only; elsewhere (a notebook's worker) there is
        # nothing to catch.
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                self._previous[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # what signal() returned
        self._previous.clear()

    @property
    def cleanup(self) -> str:
        """Return the command that removes what is left."""
        return self._cleanup

    def check(self) -> None:
        """Raise if the user has interrupted, unless the rollback is under way already.

        Raises:
            InterruptedByUserError: A signal came.
        """
        if self._reason and not self._rolling_back:
            raise InterruptedByUserError(f"interrupted {self._reason}")

    def pause(self, seconds: float) -> None:
        """Wait for a cloud, but not longer than until the first signal.

        Raises:
            InterruptedByUserError: A signal came.
        """
        if self._rolling_back:
            # The mark is set already and would end every wait; only a second signal ends it.
            clock.pause(seconds)
            return
        clock.pause(seconds, self._event)
        self.check()

    def pause_here(self, seconds: float) -> None:
        """Wait likewise for something on this machine, whose time no sandbox moves."""
        if self._rolling_back:
            threading.Event().wait(seconds)
            return
        self._event.wait(seconds)
        self.check()

    def request(self, reason: str) -> None:
        """Interrupt as the first signal does, for a reason that is none: "because ..."."""
        if not self._reason:
            self._reason = reason
            self._event.set()

    @contextmanager
    def rolling_back(self) -> Iterator[None]:
        """Count only a second signal, while something is taken back.

        A first one that comes meanwhile is found by the next look after it: where a hunt would
        go on to its next place, it ends.
        """
        self._rolling_back = True
        try:
            yield
        finally:
            self._rolling_back = False

    def _handle(self, number: int, frame: FrameType | None) -> None:
        del frame
        if self._reason:
            raise AbandonedError(
                "left without waiting for the rollback",
                why="what had been made may still be there",
                advice=self._cleanup,
            )
        self._reason = f"by {signal.Signals(number).name}"
        if self._rolling_back:
            return
        self._event.set()
        if self._on_first is not None:
            self._on_first(
                "Interrupted: rolling back what was made. "
                f"Once more leaves at once; then clean up with: {self._cleanup}"
            )
