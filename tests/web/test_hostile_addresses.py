"""What an address can ask of the explorer: bounded work, no default in place of a 0."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest
from starlette.testclient import TestClient

from planner.errors import UsageError
from planner.reports import series
from planner.web.query import State

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.applications import Starlette

MOST_BYTES = 3_000_000


@pytest.fixture(scope="module")
def client(app: Starlette) -> TestClient:
    return TestClient(app, base_url="http://localhost:8765", raise_server_exceptions=False)


@pytest.mark.long
@pytest.mark.parametrize(
    ("field", "value"),
    [
        *((name, "0") for name in ("hours", "utilization", "concurrency", "context", "ttft")),
        *((name, "-5") for name in ("hours", "utilization", "concurrency", "output_tokens")),
        *((name, "nan") for name in ("hours", "utilization", "ttft", "tpot")),
        *((name, "Infinity") for name in ("hours", "utilization", "tpot")),
        *((name, "1e-9") for name in ("hours", "utilization", "ttft", "tpot")),
        *((name, "1e11") for name in ("hours", "utilization", "tpot")),
        *((name, "99999999999") for name in ("concurrency", "input_tokens", "context")),
    ],
)
def test_a_number_out_of_bounds_is_refused_in_the_form_s_words(
    client: TestClient, field: str, value: str
) -> None:
    with pytest.raises(UsageError):
        State.of({field: value}).request()
    answer = client.get(f"/fragment?{field}={value}")
    assert answer.status_code == 400
    assert "--" not in answer.text
    assert f"cannot be &#39;{value}&#39;" in answer.text


@pytest.mark.parametrize("query", ["hours=1", "hours=1&utilization=1", "hours=5&geo=all"])
def test_a_small_share_of_a_month_makes_no_large_page(client: TestClient, query: str) -> None:
    answer = client.get(f"/fragment?{query}")
    assert answer.status_code == 200
    assert len(answer.content) < MOST_BYTES


@pytest.mark.parametrize("most", [0, 1, 24, 25, 26, 1000, 10**12])
def test_the_machines_that_a_chart_draws_are_bounded(most: int) -> None:
    counts = series._machine_counts(most)
    assert counts == sorted(set(counts))
    assert len(counts) <= 48
    assert counts[:24] == list(range(1, min(most, 24) + 1))
    assert not counts or counts[-1] == most


@pytest.mark.parametrize("path", ["/", "/fragment", "/report.xlsx", "/static/report.js"])
@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_site_s_page_gets_nothing(client: TestClient, path: str, site: str) -> None:
    answer = client.get(path, headers={"sec-fetch-site": site})
    assert answer.status_code == 403
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert len(answer.content) < 200


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_the_page_itself_and_a_typed_address_are_answered(client: TestClient, site: str) -> None:
    assert client.get("/fragment", headers={"sec-fetch-site": site}).status_code == 200


@pytest.mark.long
@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_serve_ends_when_it_is_told_to(tmp_path: Path, sign: signal.Signals) -> None:
    command = [sys.executable, "-m", "planner", "serve", "--port", "0"]
    env = os.environ | {"HOME": str(tmp_path)}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=env) as served:
        assert served.stderr is not None
        killer = threading.Timer(120, served.kill)  # a test that hangs says nothing
        killer.start()
        said = served.stderr.readline()
        served.send_signal(sign)
        rest = served.stderr.read()
        code = served.wait()
        killer.cancel()
    assert "planner explorer: http://localhost:" in said
    assert "Traceback" not in rest
    assert code in {0, -sign, 128 + sign}
