"""Talking to an endpoint and reading its log, through the installed command."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from terminal_rig import typed

from planner.clouds import aws
from planner.sandbox import process, scenarios

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from subprocess import CompletedProcess

    from planner.sandbox.server import Sandbox

    Planner = Callable[..., CompletedProcess[str]]

NAME = "llama-2-70b"
DEPLOY = ("deploy", NAME, "--yes", "--create-roles", "--accept-license", "--format", "json")


@pytest.fixture
def world(sandbox: Sandbox, own_state_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """A sandbox with quota that the installed command finds."""
    own_state_folder.mkdir(parents=True, exist_ok=True)
    monkeypatch.setenv("HF_TOKEN", "hf_x")
    monkeypatch.setenv("PLANNER_SANDBOX", "1")
    process.write_state(sandbox.endpoints)
    settings = {"endpoint_startup_s": "0"}
    sandbox.world.reset(scenarios.with_settings(scenarios.get("approved"), settings))
    return sandbox


class Recorder(BaseHTTPRequestHandler):
    """An engine in OpenAI's form that keeps what it is asked and answers with a number."""

    asked: list[dict[str, Any]]

    def do_POST(self) -> None:
        size = int(self.headers["Content-Length"])
        self.asked.append(json.loads(self.rfile.read(size)))
        text = json.dumps({"choices": [{"delta": {"content": f"answer {len(self.asked)}"}}]})
        body = f"data: {text}\n\ndata: [DONE]\n\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Be silent."""


@pytest.fixture
def engine() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """An engine that records; its address and what it was asked."""
    asked: list[dict[str, Any]] = []
    handler = type("Handler", (Recorder,), {"asked": asked})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()
        thread.join()


@pytest.mark.long
def test_each_question_of_a_talk_sees_those_before_it_and_what_the_model_shall_be(
    engine: tuple[str, list[dict[str, Any]]],
    installed_planner: Planner,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url, asked = engine
    monkeypatch.setenv("HF_TOKEN", "hf_x")
    settings = ("--scenario", "approved", "--set", "endpoint_startup_s=0")
    started = installed_planner("sandbox", "start", *settings, PLANNER_SANDBOX_ENGINE_URL=url)
    assert started.returncode == 0, started.stderr
    try:
        monkeypatch.setenv("PLANNER_SANDBOX", "1")
        assert installed_planner(*DEPLOY).returncode == 0
        asked.clear()
        done = typed("chat", NAME, "--system", "Be brief.", keys="first\nsecond\n\n")
    finally:
        installed_planner("sandbox", "stop")
    assert done.code == 0, done.err
    assert re.findall(r"answer \d", done.out) == ["answer 1", "answer 2"]
    system = {"role": "system", "content": "Be brief."}
    first = [system, {"role": "user", "content": "first"}]
    assert asked[0]["messages"] == first
    assert asked[1]["messages"] == [
        *first,
        {"role": "assistant", "content": "answer 1"},
        {"role": "user", "content": "second"},
    ]


@pytest.mark.long
def test_a_log_is_followed_until_ctrl_c(world: Sandbox, installed_planner: Planner) -> None:
    del world
    done = installed_planner(*DEPLOY)
    region = json.loads(done.stdout)["region"]
    command = Path(sys.executable).with_name("planner")
    running = subprocess.Popen(
        [command, "logs", NAME, "--follow"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert running.stdout is not None
    for line in running.stdout:
        if "GET /ping" in line:
            break
    add_to_log(region, "a new line")
    assert "a new line" in running.stdout.readline()
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=30)
    assert running.returncode == 130
    assert out == ""
    assert "Traceback" not in err


def add_to_log(region: str, text: str) -> None:
    """Write a line as the container does."""
    logs = aws.client("logs", region)
    group = f"/aws/sagemaker/Endpoints/{NAME}"
    (stream,) = logs.describe_log_streams(logGroupName=group)["logStreams"]
    event = {"timestamp": int(datetime.now(UTC).timestamp() * 1000) + 1000, "message": text}
    logs.put_log_events(
        logGroupName=group, logStreamName=stream["logStreamName"], logEvents=[event]
    )


@pytest.mark.long
def test_an_endpoint_at_zero_is_shown_asleep_and_waited_for(
    world: Sandbox, installed_planner: Planner
) -> None:
    assert installed_planner(*DEPLOY, "--min-instances", "0").returncode == 0
    world.world.clock.advance(timedelta(minutes=20))
    (shown,) = json.loads(installed_planner("status", "--format", "json").stdout)
    assert (shown["state"], shown["hourly_usd"], shown["spent_at_most"]) == ("asleep", 0, True)
    loaded = installed_planner("bench", NAME)
    assert loaded.returncode == 6
    assert "--wait" in loaded.stderr
    world.world.scenario = scenarios.with_settings(
        world.world.scenario, {"endpoint_startup_s": "60"}
    )
    refused = installed_planner("chat", NAME, "hello", "--max-tokens", "4")
    assert refused.returncode == 6
    assert "has scaled to zero machines" in refused.stderr
    answered = installed_planner("chat", NAME, "hello", "--max-tokens", "4", "--wait")
    assert answered.returncode == 0, answered.stderr
    assert answered.stdout.strip()
    assert "is being woken" in answered.stderr
    gone = installed_planner("destroy", NAME, "--yes")
    assert gone.returncode == 0, gone.stderr
