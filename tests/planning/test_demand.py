"""A load: volumes, shapes, peaks, lengths, and what makes no sense."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.errors import UnknownNameError, UsageError
from planner.planning import demand
from planner.planning.demand import HOURS_PER_WEEK, Lengths, Load, Volume

PROMPT, ANSWER = Lengths(1024, 3000), Lengths(256, 700)


def load(volume: Volume, shape: str = "flat", **options: float) -> Load:
    return demand.build(volume, shape, PROMPT, ANSWER, **options)  # type: ignore[arg-type]


def test_a_rate_and_a_day_of_it_are_the_same_load() -> None:
    assert load(Volume(requests_per_second=10)).rates == pytest.approx(
        load(Volume(requests_per_day=864_000)).rates
    )


def test_tokens_of_a_month_are_prompts_and_answers() -> None:
    tokens = 10 * (1024 + 256) * 730 * 3600
    assert load(Volume(tokens_per_month=tokens)).mean_rate == pytest.approx(10)


def test_users_are_at_work_in_the_busiest_hour() -> None:
    office = load(Volume(users=360, requests_per_user_hour=10), "office")
    assert office.peak_rate == pytest.approx(1)
    assert office.mean_rate < 0.4


@pytest.mark.parametrize("shape", ["flat", "office", "consumer"])
def test_a_shape_keeps_the_mean_of_the_week(shape: str) -> None:
    made = load(Volume(requests_per_second=3), shape)
    assert len(made.rates) == len(made.swell) == HOURS_PER_WEEK
    assert made.mean_rate == pytest.approx(3)


def test_an_office_is_quiet_at_the_weekend_and_consumers_less_so() -> None:
    office, consumer = (load(Volume(requests_per_second=1), s) for s in ("office", "consumer"))

    def weekend(made: Load) -> float:
        return sum(made.rates[120:]) / 48

    assert weekend(office) < 0.5 < weekend(consumer) < 1


@given(peak=st.floats(1.05, 20), shape=st.sampled_from(["flat", "office", "consumer"]))
def test_a_peak_is_met_and_the_mean_kept(peak: float, shape: str) -> None:
    made = load(Volume(requests_per_second=2), shape, peak=peak)
    assert made.peak_rate / made.mean_rate == pytest.approx(peak, rel=1e-3)
    assert made.mean_rate == pytest.approx(2)
    assert min(made.rates) >= 0


def test_growth_compounds_by_month() -> None:
    made = load(Volume(requests_per_second=1), growth=0.1, months=3)
    assert made.factor(2) == pytest.approx(1.21)
    assert made.requests() == pytest.approx(730 * 3600 * (1 + 1.1 + 1.21))
    assert made.requests(1) == pytest.approx(730 * 3600)


@given(mean=st.floats(10, 5000), ratio=st.floats(1, 3.8))
def test_lengths_are_log_normal_between_mean_and_p95(mean: float, ratio: float) -> None:
    sigma = Lengths(mean, ratio * mean).sigma
    mu = math.log(mean) - sigma**2 / 2
    assert math.exp(mu + 1.6448536269514722 * sigma) == pytest.approx(ratio * mean, rel=1e-6)


@pytest.mark.parametrize(
    "volume",
    [
        Volume(),
        Volume(requests_per_second=1, users=5),
        Volume(requests_per_second=0),
        Volume(requests_per_day=-4),
        Volume(tokens_per_month=math.inf),
        Volume(users=math.nan),
        Volume(users=3, requests_per_user_hour=0),
    ],
)
def test_a_volume_is_one_positive_number(volume: Volume) -> None:
    with pytest.raises(UsageError):
        load(volume)


@pytest.mark.parametrize(
    "options",
    [
        {"peak": 0.5},
        {"peak": 24},
        {"cached_share": 1},
        {"cached_share": -0.1},
        {"growth": 2},
        {"months": 0},
        {"months": 61},
    ],
)
def test_nonsense_is_refused_with_the_way_out(options: dict[str, float]) -> None:
    with pytest.raises(UsageError) as caught:
        load(Volume(requests_per_second=1), **options)
    assert caught.value.why
    assert caught.value.advice or "months" in options


def test_a_p95_below_half_the_mean_is_refused() -> None:
    with pytest.raises(UsageError, match="--output-tokens"):
        demand.build(Volume(requests_per_second=1), "flat", PROMPT, Lengths(256, 100))


def test_an_unknown_shape_names_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match="offise") as caught:
        load(Volume(requests_per_second=1), "offise")
    assert "office" in str(caught.value.advice)
