"""The search for the most clients within the targets, on engines that are easy to foresee."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.endpoints.model import Endpoint, State
from planner.endpoints.talking import capacity_search, kept_benches
from planner.endpoints.talking.bench import Load
from planner.errors import CloudError, UsageError
from planner.planning import measured_files
from planner.serving.load import Targets

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TARGETS = Targets(ttft_p95_s=2.0, tpot_p95_s=0.05)
NOW = datetime(2026, 11, 27, tzinfo=UTC)


def engine(most: int, full: int = 10_000) -> Callable[[int], Load]:
    """Return an engine that is in time up to so many clients, and no faster beyond ``full``."""

    def measure(clients: int) -> Load:
        in_time = clients <= most
        return Load(
            clients, 4 * clients, 0, 512, 256, 30.0 * min(clients, full), 100, 200,
            20.0, 40.0 if in_time else 60.0,
        )  # fmt: skip

    return measure


@given(st.integers(1, 700), st.integers(1, 512))
def test_it_comes_near_the_limit_and_tries_few_loads(limit: int, most: int) -> None:
    loads = capacity_search.find(engine(limit), TARGETS, most)
    within = [load.concurrency for load in loads if capacity_search.is_within(load, TARGETS)]
    assert len(loads) <= 2 + 2 * most.bit_length()
    assert max(load.concurrency for load in loads) <= most
    assert [load.concurrency for load in loads] == sorted({load.concurrency for load in loads})
    reachable = min(limit, most)
    assert max(within) > reachable / capacity_search._NEAR - 1.01
    assert max(within) <= reachable


def test_an_engine_that_is_never_in_time_is_loaded_once() -> None:
    loads = capacity_search.find(engine(0), TARGETS, 512)
    assert [load.concurrency for load in loads] == [1]


def test_it_ends_where_more_clients_bring_no_more() -> None:
    loads = capacity_search.find(engine(10_000, full=16), TARGETS, 512)
    assert loads[-1].concurrency == 32


def test_requests_without_an_answer_are_beyond_the_limit() -> None:
    def measure(clients: int) -> Load:
        failed = 1 if clients > 5 else 0
        return Load(clients, 4, failed, 512, 256, 30.0 * clients, 100, 200, 20.0, 40.0)

    loads = capacity_search.find(measure, TARGETS, 64)
    assert max(load.concurrency for load in loads if not load.failed) == 5


def test_an_engine_that_answers_nobody_any_more_keeps_what_was_found() -> None:
    def measure(clients: int) -> Load:
        if clients > 5:
            raise CloudError("llama answered none of 32 requests")
        return engine(100)(clients)

    loads = capacity_search.find(measure, TARGETS, 64)
    assert [load.concurrency for load in loads] == [1, 2, 4, 5]


@pytest.mark.parametrize(
    ("limit", "full", "most", "says"),
    [
        (5, 10_000, 64, "Within the targets: 5 at once, 0.586 requests/s; 6 are not."),
        (0, 10_000, 64, "Not even one client at once"),
        (999, 10_000, 4, "4 at once, 0.469 requests/s; no more were tried (--most)."),
        (999, 4, 64, "8 at once, 0.469 requests/s; more bring no more"),
    ],
)
def test_what_was_found_is_said(limit: int, full: int, most: int, says: str) -> None:
    loads = capacity_search.find(engine(limit, full), TARGETS, most)
    assert says in capacity_search.in_words(loads, TARGETS, most)


def test_an_engine_that_never_answers_is_an_error() -> None:
    def measure(clients: int) -> Load:
        raise CloudError(f"llama answered none of {4 * clients} requests")

    with pytest.raises(CloudError, match="none of 4"):
        capacity_search.find(measure, TARGETS, 64)


def test_what_was_found_is_a_measurement_for_a_fleet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    endpoint = Endpoint(
        "llama", "aws", "ec2", "us-east-1", State.IN_SERVICE, model="llama-3.1-70b",
        precision="fp8", instance_type="p5.48xlarge",
    )  # fmt: skip
    with pytest.raises(UsageError, match="no load test of llama"):
        kept_benches.path_of("llama")
    kept_benches.keep(endpoint, capacity_search.find(engine(37), TARGETS, 512), NOW)
    path = kept_benches.path_of("llama")
    assert json.loads(path.read_text())["planner_bench"] == 1
    found = measured_files.read(path)
    assert (found.instance_type, found.precision, found.percentile) == ("p5.48xlarge", "fp8", "p95")
    with pytest.raises(UsageError, match="no load test of other") as caught:
        kept_benches.path_of("other")
    assert "llama" in (caught.value.why or "")
