"""Find the most requests at once that an endpoint serves within latency targets. Pure.

The clients are doubled until the targets are missed, until more of them bring no more, or until
there are as many as the user allows; then the gap is halved.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.errors import CloudError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from planner.endpoints.talking.bench import Load
    from planner.serving.load import Targets

_NO_MORE = 1.03
"""Twice the clients that bring less than this much more are enough."""
_NEAR = 1.1


def find(measure: Callable[[int], Load], targets: Targets, most: int) -> list[Load]:
    """Return the loads that were tried, fewest clients first.

    Args:
        measure: Loads the endpoint with so many clients.
        targets: What 19 of 20 requests must feel.
        most: Clients at once that may be tried.

    Raises:
        CloudError: Not even one client was answered.
    """
    loads: dict[int, Load] = {}

    def in_time(clients: int) -> bool:
        try:
            loads[clients] = measure(clients)
        except CloudError:
            if not loads:
                raise
            return False  # it answers nobody any more: that is beyond what it serves
        return is_within(loads[clients], targets)

    clients, good, bad = 1, 0, 0
    while not bad and clients <= most:
        if not in_time(clients):
            bad = clients
        elif good and _speed(loads[clients]) < _NO_MORE * _speed(loads[good]):
            return _ordered(loads)
        else:
            good, clients = clients, _next(clients, most)
    while bad and bad > good * _NEAR and bad - good > 1:
        clients = (good + bad) // 2
        good, bad = (clients, bad) if in_time(clients) else (good, clients)
    return _ordered(loads)


def in_words(loads: Sequence[Load], targets: Targets, most: int) -> str:
    """Say what a search has found.

    Args:
        loads: That were tried, fewest clients first.
        targets: That they were held against.
        most: Clients at once that might be tried.
    """
    within = [load for load in loads if is_within(load, targets)]
    if not within:
        return "Not even one client at once is answered within the targets."
    best = within[-1]
    rate = _speed(best) / best.output_tokens if best.output_tokens else 0.0
    beyond = [load.concurrency for load in loads if load.concurrency > best.concurrency]
    if beyond:
        end = f"{beyond[0]} are not"
    elif best.concurrency >= most:
        end = "no more were tried (--most)"
    else:
        end = "more bring no more, or are not answered"
    return f"Within the targets: {best.concurrency} at once, {rate:.3g} requests/s; {end}."


def is_within(load: Load, targets: Targets) -> bool:
    """Tell whether a load was answered in full, and in time."""
    held = (
        (load.ttft_p95_ms, targets.ttft_p95_s),
        (load.tpot_p95_ms, targets.tpot_p95_s),
    )
    in_time = all(most is None or (time is not None and time <= 1000 * most) for time, most in held)
    return not load.failed and in_time


def _next(clients: int, most: int) -> int:
    """Return twice as many, the most once, and then one more, which ends the search."""
    return min(2 * clients, most) if clients < most else most + 1


def _speed(load: Load) -> float:
    return load.tokens_per_second or 0.0


def _ordered(loads: dict[int, Load]) -> list[Load]:
    return [loads[clients] for clients in sorted(loads)]
