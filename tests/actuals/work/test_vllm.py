"""What happened between two looks at vLLM's metrics page."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.actuals import collecting
from planner.actuals.work import recorded, vllm
from planner.errors import CloudError, NotFoundError
from planner.ledger import Ledger, MetricSample, ServedHour

if TYPE_CHECKING:
    from pathlib import Path

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)  # a Monday


def page(requests: int, prompt: int = 1000, answer: int = 200, model: str = "llama") -> str:
    """Return a metrics page after so many requests of such lengths, each with 0.3 s to wait."""
    label = f'model_name="{model}"'
    total = requests * prompt
    lines = [
        "# HELP vllm:prompt_tokens_total Number of prefill tokens processed.",
        "# TYPE vllm:prompt_tokens_total counter",
        f"vllm:prompt_tokens_total{{{label}}} {float(total)}",
        "# TYPE vllm:generation_tokens_total counter",
        f"vllm:generation_tokens_total{{{label}}} {float(requests * answer)}",
        "# TYPE vllm:request_success_total counter",
        f'vllm:request_success_total{{finished_reason="stop",{label}}} {float(requests)}',
        f'vllm:request_success_total{{finished_reason="length",{label}}} 0.0',
        "# TYPE vllm:prefix_cache_hits_total counter",
        f"vllm:prefix_cache_hits_total{{{label}}} {total / 4}",
        "# TYPE vllm:time_to_first_token_seconds histogram",
        f'vllm:time_to_first_token_seconds_bucket{{le="0.25",{label}}} 0.0',
        f'vllm:time_to_first_token_seconds_bucket{{le="0.5",{label}}} {float(requests)}',
        f'vllm:time_to_first_token_seconds_bucket{{le="+Inf",{label}}} {float(requests)}',
        f"vllm:time_to_first_token_seconds_count{{{label}}} {float(requests)}",
        f"vllm:time_to_first_token_seconds_sum{{{label}}} {0.3 * requests}",
        "# TYPE vllm:num_requests_running gauge",
        f"vllm:num_requests_running{{{label}}} 3.0",
    ]
    return "\n".join(lines) + "\n"


def sample(at: datetime, text: str) -> MetricSample:
    return MetricSample("chat", at, vllm.counters(text))


def test_two_looks_tell_what_was_served() -> None:
    done = vllm.between(vllm.counters(page(10)), vllm.counters(page(110)))
    assert (done.requests, done.input_tokens, done.output_tokens) == (100, 100_000, 20_000)
    assert done.cached_tokens == 25_000
    assert done.ttft_p95_s == pytest.approx(0.25 + 0.25 * 0.95)
    assert done.tpot_p95_s is None


def test_an_engine_that_was_started_anew_counts_from_zero() -> None:
    done = vllm.between(vllm.counters(page(1000)), vllm.counters(page(5)))
    assert (done.requests, done.output_tokens) == (5, 1000)


def test_several_engines_on_a_page_are_added_up() -> None:
    both = vllm.counters(page(10) + page(30, model="other"))
    assert both[vllm.ANSWER_TOKENS] == 8000


@pytest.mark.parametrize("text", ["", "<html>404</html>", "node_cpu_seconds_total 1.0\n"])
def test_a_page_of_something_else_is_one_clear_error(text: str) -> None:
    with pytest.raises(CloudError, match="metrics page"):
        vllm.counters(text)


def test_a_span_of_hours_is_spread_over_them() -> None:
    first = sample(NOON + timedelta(minutes=30), page(0))
    last = sample(NOON + timedelta(hours=2), page(90))
    hours = vllm.hours(first, last)
    assert [(h.hour.hour, h.seconds, h.requests) for h in hours] == [(12, 1800, 30), (13, 3600, 60)]


@pytest.mark.long
@given(
    st.lists(
        st.tuples(st.integers(60, 20_000), st.integers(0, 500), st.booleans()),
        min_size=1,
        max_size=12,
    )
)
def test_nothing_served_is_lost_or_counted_twice(
    tmp_path_factory: pytest.TempPathFactory, looks: list[tuple[int, int, bool]]
) -> None:
    with Ledger(tmp_path_factory.mktemp("ledger") / "ledger.db") as ledger:
        now, shown, served = NOON, 0, 0
        collecting.look("chat", page(shown), now, ledger)
        for seconds, more, anew in looks:
            now += timedelta(seconds=seconds)
            # An engine that starts anew and then serves as much as before cannot be told from
            # one that did nothing; no test can be, either.
            shown = more if anew and more < shown else shown + more
            served += more
            collecting.look("chat", page(shown), now, ledger)
        hours = ledger.served(endpoint="chat")
    assert sum(h.requests or 0.0 for h in hours) == pytest.approx(served)
    assert sum(h.output_tokens or 0.0 for h in hours) == pytest.approx(served * 200)
    assert sum(h.seconds for h in hours) == pytest.approx((now - NOON).total_seconds())
    assert all(h.seconds <= 3600 for h in hours)


def week_of_hours(days: int, asleep: range = range(8)) -> list[ServedHour]:
    """Return hours of 360 requests, and of none at night."""
    start = datetime(2026, 11, 2, tzinfo=UTC)
    times = (start + timedelta(hours=number) for number in range(24 * days))
    return [
        ServedHour(
            "chat",
            at,
            "Prometheus",
            3600.0,
            requests=0.0 if at.hour in asleep else 360.0,
            input_tokens=0.0 if at.hour in asleep else 360_000.0,
            output_tokens=0.0 if at.hour in asleep else 72_000.0,
        )
        for at in times
    ]


def test_recorded_hours_are_a_week_to_plan_with() -> None:
    load = recorded.week(week_of_hours(7))
    assert load.rates[9] == pytest.approx(0.1)
    assert load.rates[3] == 0
    assert load.input_tokens is not None
    assert load.output_tokens is not None
    assert (load.input_tokens.mean, load.output_tokens.mean) == (1000, 200)


def test_hours_that_nobody_saw_are_like_the_same_hour_of_other_days() -> None:
    load = recorded.week(week_of_hours(2))
    assert load.rates[5 * 24 + 9] == pytest.approx(0.1)
    assert load.rates[5 * 24 + 3] == 0
    assert any("less than a week" in text for text in load.warnings)


def test_an_hour_that_two_sources_tell_is_no_double_load() -> None:
    told = week_of_hours(7)
    requests_only = [
        replace(hour, source="CloudWatch", input_tokens=None, output_tokens=None) for hour in told
    ]
    assert recorded.week([*told, *requests_only]).rates == recorded.week(told).rates


def test_no_record_is_one_clear_error() -> None:
    with pytest.raises(NotFoundError, match="no request is recorded"):
        recorded.week([])


def test_the_ledger_keeps_hours_and_counters(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.db") as ledger:
        hour = week_of_hours(1)[9]
        ledger.save_served(hour)
        ledger.save_served(hour)
        assert ledger.served() == [hour]
        assert ledger.served(endpoint="other") == []
        assert ledger.served(since=hour.hour + timedelta(hours=1)) == []
        kept = sample(NOON, page(3))
        ledger.save_sample(kept)
        assert ledger.sample("chat") == kept
        assert ledger.sample("other") is None
