"""What is asked of a model: requests an hour over a week, their lengths, and how they grow. Pure.

A week has 168 hours; hour 0 is Monday, midnight to one, UTC. A load is given by its mean over the
week; the shape says how the hours differ from it. Shapes and where they were measured are in
``pricing_data/load_shapes.csv``.
"""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

from planner.bundled import pricing_data
from planner.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

HOURS_PER_WEEK = 168
HOURS_PER_MONTH = 730
SECONDS_PER_HOUR = 3600
FLAT = "flat"
# Lengths vary; where only the mean is given, the 95th percentile is this many times as much: the
# median of the prompts (8) and of the answers (8) of the public traces ServeGen and Azure LLM
# inference 2023 and 2024.
PROMPT_P95_OVER_MEAN = 3.3
ANSWER_P95_OVER_MEAN = 3.0
_DAY = 24


@dataclass(frozen=True, slots=True)
class Lengths:
    """Tokens of a request's prompt or answer: mean and 95th percentile.

    Between the two a log-normal distribution is assumed.
    """

    mean: float
    p95: float

    @property
    def sigma(self) -> float:
        """Return the log-normal's shape parameter: of mean and p95 the smaller solution.

        A log-normal's p95 is at most ``exp(1.645**2 / 2) = 3.87`` times its mean; beyond that
        the parameter of that limit is returned.
        """
        z = 1.6448536269514722
        ratio = math.log(self.p95 / self.mean)
        inside = z * z - 2 * ratio
        return z - math.sqrt(inside) if inside > 0 else z


@dataclass(frozen=True, slots=True)
class Load:
    """Requests a second by the hour of a week, with the lengths of prompts and answers.

    Attributes:
        rates: Mean requests a second in each of the 168 hours, in the first month.
        swell: The busiest ten minutes of each hour, as a multiple of that hour's mean.
        cached_share: Share of the prompt that the cache of prefixes already holds.
        growth: Of the rate, from one month to the next: 0.05 is 5 % more.
        months: For how long the load is planned.
        shape: Its name, for people.
        warnings: What a reader should know of how the load was read.
    """

    rates: tuple[float, ...]
    input_tokens: Lengths
    output_tokens: Lengths
    swell: tuple[float, ...] = (1.0,) * HOURS_PER_WEEK
    cached_share: float = 0.0
    growth: float = 0.0
    months: int = 12
    shape: str = FLAT
    warnings: tuple[str, ...] = ()

    @property
    def mean_rate(self) -> float:
        """Return the mean requests a second over the first month's week."""
        return sum(self.rates) / HOURS_PER_WEEK

    @property
    def peak_rate(self) -> float:
        """Return the requests a second of the first month's busiest hour."""
        return max(self.rates)

    def factor(self, month: int) -> float:
        """Return how much more is asked in a month than in the first, month 0."""
        return float((1 + self.growth) ** month)

    def requests(self, months: int | None = None) -> float:
        """Return the requests of so many months; by default of the whole horizon."""
        grown = sum(self.factor(month) for month in range(months or self.months))
        return self.mean_rate * SECONDS_PER_HOUR * HOURS_PER_MONTH * grown

    def scaled(self, share: float) -> Load:
        """Return the load with every rate multiplied."""
        return replace(self, rates=tuple(rate * share for rate in self.rates))


@dataclass(frozen=True, slots=True)
class Volume:
    """How much is asked, in one of the ways people know it; exactly one is given.

    Attributes:
        requests_per_second: Mean over the week.
        requests_per_day: Mean over the week.
        tokens_per_month: Prompts and answers together.
        users: People at work at the busiest hour, each asking ``requests_per_user_hour`` then.
    """

    requests_per_second: float | None = None
    requests_per_day: float | None = None
    tokens_per_month: float | None = None
    users: float | None = None
    requests_per_user_hour: float = 10.0

    def given(self) -> str:
        """Return the name of the one way that is given.

        Raises:
            UsageError: None is given, or more than one, or one is not a positive number.
        """
        names = ("requests_per_second", "requests_per_day", "tokens_per_month", "users")
        given = [name for name in names if getattr(self, name) is not None]
        options = ", ".join("--" + name.replace("_", "-") for name in names)
        if len(given) != 1:
            raise UsageError(
                "a load is given in one way" if given else "a load is missing",
                why="given: " + (", ".join(given).replace("_", "-") or "none"),
                advice=f"one of {options}, or --shape FILE with a trace",
            )
        for name in (given[0], "requests_per_user_hour"):
            check_positive("--" + name.replace("_", "-"), getattr(self, name))
        return given[0]


def build(
    volume: Volume,
    shape: str,
    input_tokens: Lengths,
    output_tokens: Lengths,
    *,
    peak: float | None = None,
    cached_share: float = 0.0,
    growth: float = 0.0,
    months: int = 12,
) -> Load:
    """Return the load that a volume and the name of a shape make.

    Args:
        volume: How much is asked.
        shape: ``flat`` or a name of ``load_shapes.csv``.
        input_tokens: Lengths of prompts.
        output_tokens: Lengths of answers.
        peak: The busiest hour against the mean of the week; None for the shape's own.
        cached_share: Share of each prompt that is in the cache of prefixes.
        growth: Of the rate a month.
        months: The horizon.

    Raises:
        UsageError: A number makes no sense.
        UnknownNameError: No such shape.
    """
    relative, swell = curve(shape)
    if peak is not None:
        relative = sharpened(relative, peak)
    return from_curve(
        volume,
        relative,
        input_tokens,
        output_tokens,
        swell=swell,
        shape=shape,
        cached_share=cached_share,
        growth=growth,
        months=months,
    )


def from_curve(
    volume: Volume,
    relative: Sequence[float],
    input_tokens: Lengths,
    output_tokens: Lengths,
    *,
    swell: Sequence[float] = (1.0,) * HOURS_PER_WEEK,
    shape: str = "file",
    cached_share: float = 0.0,
    growth: float = 0.0,
    months: int = 12,
    warnings: Sequence[str] = (),
) -> Load:
    """Return the load that a volume makes over a curve of 168 hours, in any unit.

    Raises:
        UsageError: A number makes no sense.
    """
    _check(input_tokens, output_tokens, cached_share, growth, months)
    mean = sum(relative) / HOURS_PER_WEEK
    unit = [value / mean for value in relative]
    rate = _mean_rate(volume, input_tokens, output_tokens, max(unit))
    return Load(
        tuple(value * rate for value in unit),
        input_tokens,
        output_tokens,
        tuple(swell),
        cached_share,
        growth,
        months,
        shape,
        tuple(warnings),
    )


def _mean_rate(volume: Volume, prompt: Lengths, answer: Lengths, peak: float) -> float:
    """Return the mean requests a second; ``peak`` is the busiest hour against the mean."""
    given = volume.given()
    amount = float(getattr(volume, given))
    if given == "requests_per_second":
        return amount
    if given == "requests_per_day":
        return amount / (_DAY * SECONDS_PER_HOUR)
    if given == "tokens_per_month":
        return amount / (prompt.mean + answer.mean) / (HOURS_PER_MONTH * SECONDS_PER_HOUR)
    return amount * volume.requests_per_user_hour / SECONDS_PER_HOUR / peak


@cache
def shapes() -> dict[str, tuple[tuple[float, ...], tuple[float, ...]]]:
    """Return the measured shapes by name: relative rates and swells of the 168 hours."""
    found: dict[str, list[tuple[float, float]]] = {}
    with (pricing_data() / "load_shapes.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            pair = (float(row["relative_to_mean"]), float(row["busiest_ten_minutes"]))
            found.setdefault(row["shape"], []).append(pair)
    return {
        name: (tuple(rate for rate, _ in rows), tuple(swell for _, swell in rows))
        for name, rows in found.items()
    }


def curve(shape: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return a shape's relative rates and swells.

    Raises:
        UnknownNameError: No such shape.
    """
    if shape == FLAT:
        return (1.0,) * HOURS_PER_WEEK, (1.0,) * HOURS_PER_WEEK
    if shape not in shapes():
        names = (FLAT, *shapes())
        raise UnknownNameError(
            "shape", shape, names, advice=f"--shape {'|'.join(names)}, or a CSV file"
        )
    return shapes()[shape]


def sharpened(relative: Sequence[float], peak: float) -> tuple[float, ...]:
    """Return the curve with another ratio of its busiest hour to its mean, its order kept.

    Each hour is raised to one power. A flat week has no order: there the busiest hour is the
    fourteenth of each day, and the others share the rest.

    Raises:
        UsageError: No curve of 168 hours has such a peak.
    """
    if not 1 <= peak < _DAY:
        raise UsageError(
            "--peak is the busiest hour against the mean of the week",
            why=f"it is {peak:g}; possible is 1 to less than {_DAY}",
            advice="--peak 2.5",
        )
    if max(relative) - min(relative) < 1e-9:  # noqa: PLR2004 - equal but for rounding
        rest = (_DAY - peak) / (_DAY - 1)
        return tuple(
            peak if hour % _DAY == 14 else rest  # noqa: PLR2004 - early afternoon
            for hour in range(HOURS_PER_WEEK)
        )
    low, high = 0.0, 64.0
    for _ in range(80):
        middle = (low + high) / 2
        if _peak_of(relative, middle) < peak:
            low = middle
        else:
            high = middle
    powered = [value**high for value in relative]
    mean = sum(powered) / HOURS_PER_WEEK
    return tuple(value / mean for value in powered)


def _peak_of(relative: Iterable[float], power: float) -> float:
    powered: list[float] = [value**power for value in relative]
    return max(powered) * len(powered) / sum(powered)


def check_positive(name: str, value: float | None) -> None:
    """Raise UsageError where a number that must be positive is not."""
    if value is not None and not (value > 0 and math.isfinite(value)):
        raise UsageError(f"{name} must be a positive number", why=f"it is {value}")


def _check(
    prompt: Lengths, answer: Lengths, cached_share: float, growth: float, months: int
) -> None:
    for name, lengths in (("--input-tokens", prompt), ("--output-tokens", answer)):
        check_positive(name, lengths.mean)
        if lengths.p95 < lengths.mean * 0.5 or not math.isfinite(lengths.p95):
            raise UsageError(
                f"{name}: a 95th percentile of {lengths.p95:g} does not go with a mean of "
                f"{lengths.mean:g}",
                why="one request in twenty is longer than the 95th percentile",
                advice=f"{name}-p95 {3 * lengths.mean:.0f}",
            )
    if not 0 <= cached_share < 1:
        raise UsageError(
            "--cached is a share of the prompt, 0 or more and below 1",
            why=f"it is {cached_share:g}",
            advice="--cached 0.3",
        )
    if not -0.9 <= growth <= 1:  # noqa: PLR2004 - to a tenth, to the double
        raise UsageError(
            "--growth is the growth of a month, -0.9 to 1",
            why=f"it is {growth:g}",
            advice="--growth 0.05, which is 5 % a month",
        )
    if not 1 <= months <= 60:  # noqa: PLR2004 - five years
        raise UsageError(
            "--horizon is 1 to 60 months", why=f"it is {months}", advice="--horizon 12"
        )
