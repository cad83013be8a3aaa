"""The user's own measurements: kept, read again, and shown beside predictions."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from planner.cli.compare.command import compare
from planner.cli.throughput import throughput
from planner.endpoints.model import Endpoint, State
from planner.endpoints.talking import bench, own_measurements
from planner.endpoints.talking.bench import Load
from planner.errors import DataError, NotFoundError, PlannerError

if TYPE_CHECKING:
    from pathlib import Path

    from planner.sandbox.server import Sandbox
    from planner.serving.speed.measurements import Measurement

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
ENDPOINT = Endpoint(
    "llama",
    "gcp",
    "gce",
    "us-central1",
    State.IN_SERVICE,
    model="llama-3.1-8b",
    precision="bf16",
    instance_type="g2-standard-12",
)
LOAD = Load(16, 64, 0, 498.4, 251.0, 310.25, 420.0, 800.0, 48.5)
SETUP: dict[str, Any] = {
    "model": "llama-3.1-8b",
    "accelerator": "L4",
    "count": 1,
    "precision": "bf16",
}


def row(**changes: Any) -> Measurement:
    return replace(bench.measurement(ENDPOINT, LOAD, NOW), **changes)


def kept(*rows: Measurement) -> Path:
    path = own_measurements.own_file()
    own_measurements.store(path, rows)
    return path


def test_what_is_kept_is_read_again_over_several_runs() -> None:
    path = kept(row())
    kept(row(concurrency=1, ttft_ms=None), row(source='a "quoted", odd source'))
    assert own_measurements.read(path) == (
        row(),
        row(concurrency=1, ttft_ms=None),
        row(source='a "quoted", odd source'),
    )


def test_nothing_kept_yet_is_no_error(tmp_path: Path) -> None:
    assert own_measurements.read(tmp_path / "none.csv") == ()


def test_figures_of_simulated_clouds_are_never_kept(sandbox: Sandbox, tmp_path: Path) -> None:
    del sandbox
    path = tmp_path / "data" / "measurements.csv"
    with pytest.raises(PlannerError, match="simulated"):
        own_measurements.store(path, [row()])
    assert not path.exists()


@pytest.mark.parametrize("text", ["model,accelerator\nllama,L4\n", "\xff", "nonsense\n\x00\n"])
def test_a_damaged_file_is_one_clear_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "measurements.csv"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(DataError, match="your own measurements") as caught:
        own_measurements.read(path)
    assert str(path) in caught.value.advice


def test_the_newest_of_each_load_counts_and_other_setups_do_not() -> None:
    rows = (
        row(tokens_per_second=1.0),
        row(tokens_per_second=2.0),
        row(concurrency=1),
        row(accelerator="A10G"),
        row(accelerator_count=2),
        row(precision="int4"),
        row(model="llama-2-7b"),
    )
    found = own_measurements.of_setup(rows, **SETUP)
    assert [(item.concurrency, item.tokens_per_second) for item in found] == [(1, 310.25), (16, 2)]
    fp16 = own_measurements.of_setup(rows, **SETUP | {"precision": "fp16"})
    assert fp16 == found


def test_a_bench_says_how_far_off_the_prediction_was() -> None:
    expected = bench.predict(ENDPOINT, 16, 512, 256)
    assert expected is not None
    slower = replace(LOAD, predicted=expected, tokens_per_second=0.9 * expected.tokens_per_second)
    assert slower.off_percent == pytest.approx(-10)
    assert LOAD.off_percent is None


def test_a_machine_without_figures_is_not_kept() -> None:
    with pytest.raises(NotFoundError, match="no figures"):
        bench.measurement(replace(ENDPOINT, instance_type="unheard-of"), LOAD, NOW)


ASK = ["llama-3.1-8b", "--accelerator", "L4", "--precision", "bf16"]


def test_throughput_shows_what_was_measured_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    before = CliRunner().invoke(throughput, [*ASK, "--format", "json"], catch_exceptions=False)
    assert json.loads(before.stdout)["measured_here"] == []
    kept(row())
    after = CliRunner().invoke(throughput, [*ASK, "--format", "json"], catch_exceptions=False)
    found = json.loads(after.stdout)
    assert [item["tokens_per_second"] for item in found["measured_here"]] == [310.25]
    # One load's figure is no figure for another: the prediction stays what it was.
    assert found["tokens_per_second"] == json.loads(before.stdout)["tokens_per_second"]
    table = CliRunner().invoke(throughput, ASK, catch_exceptions=False).stdout
    assert "310 tokens/s, 16 at once, 498 in, 251 out" in table
    assert max(map(len, table.splitlines())) <= 80
    other = CliRunner().invoke(throughput, [*ASK, "--count", "2"], catch_exceptions=False)
    assert "Measured here" not in other.stdout


def test_compare_shows_what_was_measured_here() -> None:
    kept(row())
    asked = ["llama-3.1-8b", "--cloud", "gcp", "--context", "4096", "--concurrency", "1"]
    asked += ["--accelerator", "L4"]
    text = CliRunner().invoke(compare, asked, catch_exceptions=False).output
    said = "Measured here on 1x L4 at bf16, 2026-11-23: 310 tokens/s, 16 at once"
    assert " ".join(text.split()).count(said) == 1
    done = CliRunner().invoke(compare, [*asked, "--format", "json"], catch_exceptions=False)
    plans = json.loads(done.stdout)["plans"]
    for plan in plans:
        alone = plan["accelerator_count"] * plan["instances"] == 1
        assert bool(plan["measured_here"]) is alone
    assert any(plan["measured_here"] for plan in plans)
