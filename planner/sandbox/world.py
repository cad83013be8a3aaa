"""The state that the simulated clouds share.

One lock guards it all; services hold it while they answer, so that what they do is atomic, as
the clouds' own control planes are for one quota.
"""

from __future__ import annotations

import threading
import uuid
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from planner.sandbox.lag import Lag
from planner.sandbox.scenarios import Scenario

if TYPE_CHECKING:
    from collections.abc import Callable

    from planner.sandbox.reality import Reality

QuotaKey = tuple[str, str, str, tuple[tuple[str, str], ...]]
"""(cloud, region, quota id, dimensions); region is empty for a quota of the whole account."""


class Clock:
    """The real time, moved forward by hand."""

    def __init__(self) -> None:
        self._offset = timedelta()

    def now(self) -> datetime:
        """Return the simulated time, UTC."""
        return datetime.now(UTC) + self._offset

    def advance(self, step: timedelta) -> None:
        """Move the time forward."""
        self._offset += step


@dataclass(slots=True)
class Request:
    """One quota request and how it will end.

    Attributes:
        granted: What the limit becomes; known to the simulation from the start.
        settled: True once the limit has moved.
        details: What the service wants to remember (justification, case, ...).
    """

    id: str
    key: QuotaKey
    desired: int
    old: int
    granted: int
    filed: datetime
    decided: datetime | None
    applied: datetime | None
    outcome: str
    settled: bool = False
    details: dict[str, Any] = field(default_factory=dict)

    def is_open(self, now: datetime) -> bool:
        """Tell whether the request still waits for its decision."""
        return self.decided is None or now < self.decided


class Disturbance(StrEnum):
    """What the network does to a call."""

    RESET = "reset"
    """The connection breaks before the call has any effect."""
    LOST = "lost"
    """The call has its effect; the connection breaks before the answer."""


@dataclass(slots=True)
class Line:
    """The network between the user's machine and the clouds.

    Attributes:
        calls: How many there were, an outage's own left out.
        changes: How many of them change something.
        first_change: When the first of these was.
    """

    calls: int = 0
    changes: int = 0
    first_change: datetime | None = None

    def disturbs(self, knobs: Reality, now: datetime, *, changes: bool) -> Disturbance | None:
        """Count a call and return what happens to it."""
        if self.first_change is not None and knobs.outage_s:
            past = (now - self.first_change).total_seconds() - knobs.outage_after_s
            if 0 <= past < knobs.outage_s:
                return Disturbance.RESET
        self.calls += 1
        if knobs.reset_every and self.calls % knobs.reset_every == 0:
            return Disturbance.RESET
        if not changes:
            return None
        self.changes += 1
        self.first_change = self.first_change or now
        lost = knobs.lose_every and self.changes % knobs.lose_every == 0
        return Disturbance.LOST if lost else None


class World:
    """Clock, scenario, quotas, requests and a count of the calls."""

    def __init__(self, scenario: Scenario | None = None) -> None:
        self.lock = threading.RLock()
        self.clock = Clock()
        self.on_reset: list[Callable[[], None]] = []
        self.listeners: list[Callable[[], None]] = []
        """Each closes a port that a simulated machine has opened."""
        self.reset(scenario or Scenario())

    def reset(self, scenario: Scenario) -> None:
        """Start again, empty, at the real time."""
        # Outside the lock: a port that is being closed may wait for it.
        self.close()
        with self.lock:
            self.scenario = scenario
            self.clock = Clock()
            self.limits: dict[QuotaKey, int] = {}
            self.usage: dict[QuotaKey, int] = {}
            self.requests: list[Request] = []
            self.calls: Counter[tuple[str, str]] = Counter()
            self.notes: defaultdict[str, dict[str, Any]] = defaultdict(dict)
            self.lag = Lag(self.now)
            self.line = Line()
            self._signed_in_at = self.now()
            self._throttled: Counter[tuple[str, ...]] = Counter()
            for forget in self.on_reset:
                forget()

    def close(self) -> None:
        """Close what simulated machines listen at."""
        while self.listeners:
            self.listeners.pop()()

    def now(self) -> datetime:
        """Return the simulated time."""
        return self.clock.now()

    def here(self) -> datetime:
        """Return what the clock of the user's machine shows."""
        return self.now() - timedelta(seconds=self.scenario.clock_skew_s)

    def sign_in(self) -> None:
        """Sign in anew."""
        self._signed_in_at = self.now()

    @property
    def signed_out(self) -> bool:
        """Tell whether the sign-in has run out."""
        life, again = self.scenario.sign_in_s, self.scenario.signs_in_after_s
        past = (self.now() - self._signed_in_at).total_seconds()
        if life and again and past > life + again:
            self.sign_in()
            return False
        return bool(life) and past > life

    def disturbs(self, *, changes: bool) -> Disturbance | None:
        """Count a call and return how the network disturbs it; None where it does not.

        Args:
            changes: Whether the call makes, changes or deletes something.
        """
        with self.lock:
            return self.line.disturbs(self.scenario, self.now(), changes=changes)

    def limit(self, key: QuotaKey, initial: int) -> int:
        """Return a quota's limit; ``initial`` until a request has moved it."""
        self.settle()
        return self.limits.get(key, initial)

    def file(self, key: QuotaKey, desired: int, old: int, **details: Any) -> Request:  # noqa: ANN401 - the service's own
        """Take in a request and settle, invisibly, how it will end."""
        now = self.now()
        scenario = self.scenario
        decided = applied = None
        if scenario.outcome not in {"never", "needs-human"}:
            decided = now + timedelta(seconds=scenario.decide_after_s)
            applied = decided + timedelta(seconds=scenario.apply_after_s)
        request = Request(
            id=uuid.uuid4().hex,
            key=key,
            desired=desired,
            old=old,
            granted=granted(scenario.outcome, old, desired),
            filed=now,
            decided=decided,
            applied=applied,
            outcome=scenario.outcome,
            details=details,
        )
        self.requests.append(request)
        return request

    def open_requests(self, key: QuotaKey | None = None, cloud: str = "") -> list[Request]:
        """Return the requests that wait for a decision, oldest first."""
        now = self.now()
        return [
            request
            for request in self.requests
            if request.is_open(now)
            and (key is None or request.key == key)
            and (not cloud or request.key[0] == cloud)
        ]

    def settle(self) -> None:
        """Let the decisions that are due take effect."""
        now = self.now()
        for request in self.requests:
            if not request.settled and request.applied is not None and request.applied <= now:
                request.settled = True
                if request.granted != request.old:
                    self.limits[request.key] = request.granted
            self._settle_appeal(request, now)

    def _settle_appeal(self, request: Request, now: datetime) -> None:
        """Grant, long after, what was refused: people at the cloud changed their mind."""
        after = self.scenario.appeal_after_s
        if not after or request.decided is None or request.granted >= request.desired:
            return
        if request.decided + timedelta(seconds=after) <= now:
            self.limits[request.key] = request.granted = request.desired

    def count(self, cloud: str, operation: str) -> None:
        """Count one call."""
        self.calls[cloud, operation] += 1

    def throttles(self, *what: str) -> bool:
        """Tell whether this call is one of the first, which the scenario refuses."""
        if self._throttled[what] >= self.scenario.throttle_first:
            return False
        self._throttled[what] += 1
        return True


def granted(outcome: str, old: int, desired: int) -> int:
    """Return what the limit becomes. Invented: partial is half of what was asked for."""
    if outcome == "approved":
        return desired
    if outcome == "partial":
        return old + max(1, (desired - old) // 2)
    return old
