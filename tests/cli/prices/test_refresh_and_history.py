"""``planner history`` and ``planner refresh`` as typed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from planner.cli.app import run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def planner(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        run(list(arguments))
    return int(ended.value.code or 0)


@pytest.fixture(autouse=True)
def no_refreshed_prices(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PLANNER_DATA_DIR", str(tmp_path / "data"))


@pytest.mark.long
def test_the_cut_of_2025_is_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    assert planner("history", "--instance-type", "p5.48xlarge", "--region", "us-east-1") == 0
    shown = capsys.readouterr().out
    assert "p5.48xlarge (ec2, on demand): -44.0 %" in shown
    assert "98.3200" in shown
    assert "55.0400" in shown
    assert "⠀" in shown, "the chart is drawn"


def test_changes_since_a_day_are_records(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = (
        "--since",
        "2025-06-01",
        "--region",
        "us-east-1",
        "--instance-type",
        "p4d.24xlarge",
    )
    assert planner("history", *arguments, "--format", "json") == 0
    (change,) = json.loads(capsys.readouterr().out)
    assert (change["change"], change["before_usd"], change["after_usd"]) == (
        "fell", 32.7726, 21.957642,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "code", "said"),
    [
        ("p5.48xlarge<60/hour", 7, "Alert met: p5.48xlarge<60/hour."),
        ("p5.48xlarge<50/hour", 0, "No alert is met."),
        ("p5.48xlarge<<50", 2, "is not an alert rule"),
        ("x9<50", 2, "unknown accelerator or instance type"),
    ],
)
def test_an_alert_tells_by_its_exit_code(
    rule: str, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert planner("history", "--alert", rule, "--as-of", "2026-08-01") == code
    assert said in capsys.readouterr().err


def test_nothing_found_is_told_apart_from_an_alert() -> None:
    assert planner("history", "--alert", "mi300x<1", "--cloud", "aws") == 3


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--accept", "price_did_not_jump"], 2, "is not GATE=GLOB"),
        (["--accept", "no_such_gate=*"], 2, "unknown gate"),
        (["--accept", "offers_are_unique=*"], 2, "cannot be accepted"),
        (["--accept", "price_is_positive=*"], 2, "cannot be accepted"),
        (["--region", "us-east-99"], 2, "unknown region"),
        (["--from", ".", "--save", "x"], 2, "exclude each other"),
    ],
)
def test_a_refresh_asked_wrongly_changes_nothing(
    arguments: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert planner("refresh", *arguments) == code
    assert said in capsys.readouterr().err
    assert not (tmp_path / "data").exists()


def test_a_folder_without_files_fails_and_says_how_to_get_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert planner("refresh", "--cloud", "azure", "--from", str(tmp_path)) == 1
    told = capsys.readouterr().err
    assert "holds no price files" in told or "is missing" in told
    assert "--save" in told
    assert "Failed: azure" in told


@pytest.fixture
def silent_server() -> Iterator[tuple[str, threading.Event]]:
    """Return a server that takes requests and answers none, and whether it was asked."""
    asked, stopped = threading.Event(), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.set()
            stopped.wait()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    stopped.set()
    server.shutdown()
    thread.join()
    server.server_close()


def test_ctrl_c_ends_a_refresh_that_waits_for_an_answer(
    silent_server: tuple[str, threading.Event], tmp_path: Path
) -> None:
    url, asked = silent_server
    process = subprocess.Popen(
        [sys.executable, "-m", "planner", "refresh", "--cloud", "azure"],
        env=os.environ | {"PLANNER_AZURE_PRICES_URL": url, "PLANNER_DATA_DIR": str(tmp_path)},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert asked.wait(30)
    start = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=30)
    assert process.returncode == 130
    assert time.monotonic() - start < 10
    assert "Interrupted" in told
