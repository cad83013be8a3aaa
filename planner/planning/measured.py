"""What a machine was measured to serve, in place of what is predicted for it. Pure.

A load test has points: a rate, and the times that its requests took. The capacity is the highest
rate at which the times are within the targets; between two points it is where the straight line
meets the target. Times bend upwards with the load, so the line meets it a little early.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from planner.errors import UsageError

if TYPE_CHECKING:
    from planner.serving.capacity import Bound
    from planner.serving.layouts import Layout
    from planner.serving.load import Targets

_ALIKE = 0.1
"""So far a length may be from the load's without a correction."""


@dataclass(frozen=True, slots=True)
class Point:
    """One load, and what it gave.

    Attributes:
        requests_per_second: That were answered.
        in_flight: Requests at once, on average; 0 where not told.
        ttft_s, tpot_s: The times that are held against the targets; None where not measured.
        input_tokens, output_tokens: Of a request, on average; 0 where not told: as in the load.
        failed: Whether some requests got no answer.
    """

    requests_per_second: float
    in_flight: float
    ttft_s: float | None
    tpot_s: float | None
    input_tokens: float
    output_tokens: float
    failed: bool = False

    def excess(self, targets: Targets) -> float:
        """Return how far the worse of the times is from its target: 1 is just within."""
        if self.failed:
            return float("inf")
        held = ((self.ttft_s, targets.ttft_p95_s), (self.tpot_s, targets.tpot_p95_s))
        return max((time / most for time, most in held if time and most), default=0.0)


@dataclass(frozen=True, slots=True)
class Measured:
    """A load test of one machine.

    Attributes:
        instance_type: Of the machine, the whole of which was loaded.
        precision: Of the weights.
        points: In any order.
        source: What people call it: a file, an endpoint.
        percentile: Of the times: ``p95``; ``p99`` is stricter, ``median`` says less.
        model: As the file calls it; empty where it does not say.
    """

    instance_type: str
    precision: str
    points: tuple[Point, ...]
    source: str
    percentile: str = "p95"
    model: str = ""

    def has_times_for(self, targets: Targets) -> bool:
        """Tell whether every target has a time in every point to be held against."""
        return all(
            time is not None or most is None
            for point in self.points
            for time, most in (
                (point.ttft_s, targets.ttft_p95_s),
                (point.tpot_s, targets.tpot_p95_s),
            )
        )

    @property
    def input_tokens(self) -> float:
        """Return the prompt of its requests, on average."""
        return sum(point.input_tokens for point in self.points) / len(self.points)

    @property
    def output_tokens(self) -> float:
        """Return their answer."""
        return sum(point.output_tokens for point in self.points) / len(self.points)

    def is_like(self, input_tokens: float, output_tokens: float) -> bool:
        """Tell whether it was loaded with requests of such lengths."""
        pairs = ((self.input_tokens, input_tokens), (self.output_tokens, output_tokens))
        return all(not mine or abs(mine / theirs - 1) <= _ALIKE for mine, theirs in pairs)


@dataclass(frozen=True, slots=True)
class Capacity:
    """The most that a machine serves within the targets.

    Attributes:
        is_limit: Whether a point beyond it was outside them; else it may serve more.
        bound: Which target ends it, ``ttft`` or ``tpot``; empty where that is not known.
    """

    requests_per_second: float
    in_flight: float
    ttft_s: float | None
    tpot_s: float | None
    is_limit: bool
    bound: Bound | None = None


def capacity(measured: Measured, targets: Targets) -> Capacity:
    """Return what the points say of a machine.

    Raises:
        UsageError: Not even the lightest load was within the targets.
    """
    points = sorted(measured.points, key=lambda point: point.in_flight)
    within = [point for point in points if point.excess(targets) <= 1]
    if not within:
        raise UsageError(
            f"no load of {measured.source} was within the targets",
            why=_lightest(points[0], measured.percentile),
            advice="larger targets (--ttft, --tpot), or a test with fewer requests at once",
        )
    best = max(within, key=lambda point: point.requests_per_second)
    beyond = [point for point in points if point.in_flight > best.in_flight]
    if not beyond:
        return _of(best, is_limit=False)
    after = beyond[0]
    if after.failed or after.requests_per_second <= best.requests_per_second:
        return _of(best, is_limit=True)
    return _between(best, after, targets)


def _of(point: Point, *, is_limit: bool) -> Capacity:
    rate, at_once = point.requests_per_second, point.in_flight
    return Capacity(rate, at_once, point.ttft_s, point.tpot_s, is_limit)


def _between(good: Point, bad: Point, targets: Targets) -> Capacity:
    """Return where the line from a point within the targets to one outside meets them."""
    held: tuple[tuple[Bound, float | None, float | None, float | None], ...] = (
        ("ttft", good.ttft_s, bad.ttft_s, targets.ttft_p95_s),
        ("tpot", good.tpot_s, bad.tpot_s, targets.tpot_p95_s),
    )
    shares = [
        ((most - low) / (high - low), name)
        for name, low, high, most in held
        if low is not None and high is not None and most is not None and high > most
    ]
    if not shares:  # the point outside has a time that the other lacks
        return _of(good, is_limit=True)
    share, bound = min(shares)

    def at(low: float | None, high: float | None) -> float | None:
        return None if low is None or high is None else low + share * (high - low)

    rate = good.requests_per_second + share * (bad.requests_per_second - good.requests_per_second)
    at_once = good.in_flight + share * (bad.in_flight - good.in_flight)
    times = at(good.ttft_s, bad.ttft_s), at(good.tpot_s, bad.tpot_s)
    return Capacity(rate, at_once, *times, is_limit=True, bound=bound)


def applied(layout: Layout, found: Capacity, factor: float = 1.0) -> Layout:
    """Return a layout that serves what was measured.

    Args:
        layout: As predicted for the load.
        found: As measured.
        factor: What the load's requests are worth against the measured ones: from the predictions
            for both.
    """
    rate = found.requests_per_second * factor
    tokens = layout.tokens_per_second
    before = layout.capacity_requests_per_second
    alike = factor == 1.0 and found.in_flight > 0
    scaled = tokens * rate / before if tokens and before else None
    return replace(
        layout,
        within_targets=True,
        capacity_requests_per_second=rate,
        capacity_low=rate,
        capacity_high=rate,
        concurrent_requests=max(1, round(found.in_flight)) if alike else layout.concurrent_requests,
        tokens_per_second=scaled,
        tokens_per_second_low=scaled,
        tokens_per_second_high=scaled,
        ttft_p95_s=found.ttft_s if alike else layout.ttft_p95_s,
        tpot_p95_s=found.tpot_s if alike else layout.tpot_p95_s,
        bound=found.bound or layout.bound,
        basis="measured",
    )


def _lightest(point: Point, percentile: str) -> str:
    times = [
        f"{name} {seconds * 1000:,.0f} ms"
        for name, seconds in (("TTFT", point.ttft_s), ("TPOT", point.tpot_s))
        if seconds is not None
    ]
    told = f"{percentile} of {' and '.join(times)}" if times else "no times"
    return f"{point.in_flight:g} at once had {told}" + (", and failures" if point.failed else "")
