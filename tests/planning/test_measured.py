"""Load tests as capacities: what the points say, and the files that they come in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from planner.errors import UsageError
from planner.planning import measured, measured_files
from planner.planning.measured import Measured, Point
from planner.serving.load import Targets

FILES = Path(__file__).parents[1] / "data" / "load_tests"
TARGETS = Targets(ttft_p95_s=2.0, tpot_p95_s=0.05)
ON = {"instance_type": "p5.48xlarge", "precision": "fp8"}


def point(rate: float, at_once: float, ttft: float | None, tpot: float | None) -> Point:
    return Point(rate, at_once, ttft, tpot, 1024, 256)


def of(*points: Point) -> Measured:
    return Measured("p5.48xlarge", "fp8", points, "test")


def test_between_two_points_the_line_meets_the_target() -> None:
    found = measured.capacity(of(point(6, 64, 0.9, 0.045), point(8, 128, 1.9, 0.065)), TARGETS)
    assert found.requests_per_second == pytest.approx(6.5)
    assert found.in_flight == pytest.approx(80)
    assert (found.bound, found.is_limit) == ("tpot", True)
    assert found.tpot_s == pytest.approx(0.05)


def test_the_target_that_is_met_first_decides() -> None:
    found = measured.capacity(of(point(6, 64, 1.0, 0.02), point(8, 128, 5.0, 0.06)), TARGETS)
    assert found.bound == "ttft"
    assert found.requests_per_second == pytest.approx(6.5)


def test_a_test_that_never_came_to_the_limit_says_so() -> None:
    found = measured.capacity(of(point(6, 64, 0.9, 0.02)), TARGETS)
    assert (found.requests_per_second, found.is_limit) == (6, False)


def test_failures_are_beyond_the_limit() -> None:
    failed = Point(9, 128, 0.1, 0.01, 1024, 256, failed=True)
    found = measured.capacity(of(failed, point(6, 64, 0.9, 0.02)), TARGETS)
    assert (found.requests_per_second, found.is_limit) == (6, True)


def test_no_load_within_the_targets_is_an_error_with_the_figures() -> None:
    with pytest.raises(UsageError, match="no load of test") as caught:
        measured.capacity(of(point(6, 64, 3.0, 0.02)), TARGETS)
    assert "TTFT 3,000 ms" in (caught.value.why or "")


@given(
    st.lists(
        st.tuples(st.floats(0.1, 10), st.floats(0.01, 2), st.floats(0.001, 0.05)),
        min_size=1, max_size=6,
    ),
    st.floats(0.05, 5), st.floats(0.005, 0.2), st.floats(1, 3),
)  # fmt: skip
def test_looser_targets_never_lower_the_capacity(
    steps: list[tuple[float, float, float]], ttft: float, tpot: float, looser: float
) -> None:
    points, rate, first, each = [], 0.0, 0.0, 0.0
    for number, (more, later, slower) in enumerate(steps, 1):
        rate, first, each = rate + more, first + later, each + slower
        points.append(point(rate, 2**number, first, each))
    assume(points[0].excess(Targets(ttft, tpot)) <= 1)
    tight = measured.capacity(of(*points), Targets(ttft, tpot))
    loose = measured.capacity(of(*points), Targets(ttft * looser, tpot * looser))
    assert loose.requests_per_second >= tight.requests_per_second - 1e-9
    assert points[0].requests_per_second <= tight.requests_per_second <= rate + 1e-9


@pytest.mark.parametrize(
    ("name", "rates", "at_once", "percentile"),
    [
        ("vllm.jsonl", [6, 8], [64, 128], "p99"),
        ("guidellm.json", [2, 4], [10, 30], "p95"),
        ("inference-perf", [1, 2], [5.3, 10.6], "p95"),
        ("planner.json", [2, 10, 10.15625], [8, 64, 128], "p95"),
    ],
)
def test_the_files_of_the_tools(
    name: str, rates: list[float], at_once: list[float], percentile: str
) -> None:
    found = measured_files.read(FILES / name, **ON)
    assert [p.requests_per_second for p in found.points] == pytest.approx(rates)
    assert [p.in_flight for p in found.points] == pytest.approx(at_once)
    assert found.percentile == percentile
    assert (found.input_tokens, found.output_tokens) == (1024, 256)
    assert found.instance_type == "p5.48xlarge"


def test_times_are_seconds_whatever_the_file_has() -> None:
    first = {name: measured_files.read(FILES / name, **ON).points[0] for name in
             ("vllm.jsonl", "guidellm.json", "inference-perf", "planner.json")}  # fmt: skip
    assert first["vllm.jsonl"].ttft_s == pytest.approx(0.9)
    assert first["guidellm.json"].tpot_s == pytest.approx(0.02)
    assert first["inference-perf"].ttft_s == pytest.approx(0.3)
    assert first["planner.json"].tpot_s == pytest.approx(0.016)


def test_a_recommendation_job_names_its_best_machine() -> None:
    found = measured_files.read(FILES / "sagemaker.json")
    assert found.instance_type == "ml.p5.48xlarge"
    assert [p.requests_per_second for p in found.points] == [10]
    assert found.is_like(512, 64), "its payload is taken for the load's"


def test_a_file_that_names_no_machine_asks_for_it() -> None:
    with pytest.raises(UsageError, match="which machine") as caught:
        measured_files.read(FILES / "vllm.jsonl")
    assert "=" in (caught.value.advice or "")


@pytest.mark.parametrize(
    "text",
    ["", "[]", "3", "not json", '{"a": 1}', '{"benchmarks": 3}', '{"request_throughput": 1}',
     '{"benchmarks": []}', '{"planner_bench": 1, "loads": [{}]}',
     '{"request_throughput": 1, "completed": 0}', "\x00"],
)  # fmt: skip
def test_other_files_are_refused_in_words(text: str, tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    path.write_text(text)
    with pytest.raises(UsageError, match="is no load test") as caught:
        measured_files.read(path, **ON)
    assert "vllm bench serve" in (caught.value.advice or "")


def test_requests_that_failed_are_noticed_in_every_form(tmp_path: Path) -> None:
    guidellm = json.loads((FILES / "guidellm.json").read_text())
    guidellm["benchmarks"][0]["run_stats"] = {"requests_made": {"successful": 95, "errored": 5}}
    stage = json.loads((FILES / "inference-perf/stage_0_lifecycle_metrics.json").read_text())
    vllm = json.loads((FILES / "vllm.jsonl").read_text().splitlines()[0])
    for document in (guidellm, stage | {"failures": {"count": 1}}, vllm | {"failed": 2}):
        path = tmp_path / "failed.json"
        path.write_text(json.dumps(document))
        assert measured_files.read(path, **ON).points[0].failed


def test_a_test_of_the_sandbox_measures_nothing(tmp_path: Path) -> None:
    document = json.loads((FILES / "planner.json").read_text()) | {"simulated": True}
    path = tmp_path / "sandbox.json"
    path.write_text(json.dumps(document))
    with pytest.raises(UsageError, match="measure nothing"):
        measured_files.read(path)


def test_a_file_that_is_not_there_says_what_is_wanted(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read") as caught:
        measured_files.read(tmp_path / "no.json")
    assert caught.value.why == "No such file or directory"
    assert caught.value.advice


def test_loads_of_different_requests_are_refused(tmp_path: Path) -> None:
    rows = [json.loads(line) for line in (FILES / "vllm.jsonl").read_text().splitlines()]
    rows[1]["total_output_tokens"] *= 2
    path = tmp_path / "mixed.json"
    path.write_text(json.dumps(rows))
    with pytest.raises(UsageError, match="different lengths") as caught:
        measured_files.read(path, **ON)
    assert caught.value.why == "from 256 to 512 tokens"


def test_one_percentile_is_taken_from_all_rows(tmp_path: Path) -> None:
    rows = [json.loads(line) for line in (FILES / "vllm.jsonl").read_text().splitlines()]
    rows[0] |= {"p95_ttft_ms": 700.0, "p95_tpot_ms": 40.0}
    path = tmp_path / "mixed.json"
    path.write_text(json.dumps(rows))
    assert measured_files.read(path, **ON).percentile == "p99"
