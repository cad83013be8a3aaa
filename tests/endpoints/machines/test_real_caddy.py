"""The way in as a machine runs it: the script and the Caddyfile of its cloud-init, and real Caddy.

Stood in for: Docker and the cloud's own commands, by small programs of the same names; the engine,
by a server that is slow when it is told to be.
"""

from __future__ import annotations

import http.server
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import borrowed
import httpx
import openai
import pytest
import yaml

from planner.endpoints.machines import boot, way_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.long
AT_ONCE = 4
PATIENCE_S = 30
SEEN = threading.Semaphore(0)
"""Pieces of a stream that have arrived: the engine sends the next one only then."""

DOCKER = """#!/usr/bin/env bash
# Docker as the script uses it: one container, in this place, with the real program in it.
set -eu
case "$1" in
  pull|rm) ;;
  run)
    for word in "$@"; do case "$word" in ADDRESS=*) echo "export $word" > "$PLACE/env" ;; esac; done
    . "$PLACE/env"
    XDG_DATA_HOME="$PLACE/data" caddy run --config "$PLACE/Caddyfile" --adapter caddyfile \\
      > "$PLACE/caddy.log" 2>&1 &
    echo $! > "$PLACE/caddy.pid" ;;
  ps) kill -0 "$(cat "$PLACE/caddy.pid")" && echo planner-ingress ;;
  exec)
    . "$PLACE/env"  # Docker hands the container's own environment on.
    caddy reload --force --config "$PLACE/Caddyfile" --adapter caddyfile \\
      --address "unix/$PLACE/run/admin.sock" 2> "$PLACE/reload.log" ;;
esac
"""
AWS = """#!/usr/bin/env bash
cat "$PLACE/stored"
"""
CURL = """#!/usr/bin/env bash
# The machine's metadata: a token, and its address.
echo 127.0.0.1
"""
NOTHING = "#!/usr/bin/env bash\n"


class _Engine(http.server.BaseHTTPRequestHandler):
    """Answers as vLLM does, and says what it has seen."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        time.sleep(float(body.get("seconds", 0)))
        if body.get("stream"):
            self._stream()
            return
        seen = {"path": self.path, "authorization": self.headers["Authorization"]}
        self._whole(json.dumps({"choices": [], "seen": seen}).encode())

    def _whole(self, text: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def _stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        for word in ("one", "two", "three"):
            piece = {"choices": [{"index": 0, "delta": {"content": word}}]}
            self.wfile.write(f"data: {json.dumps(piece)}\n\n".encode())
            self.wfile.flush()
            SEEN.acquire(timeout=PATIENCE_S)
        self.wfile.write(b"data: [DONE]\n\n")

    def log_message(self, *_: Any) -> None: ...


@dataclass
class Machine:
    """One machine whose way in is open."""

    place: Path
    port: int
    said: list[str]
    engine: http.server.ThreadingHTTPServer

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}/v1"

    def client(self, key: str = "planner-one", **options: Any) -> httpx.Client:
        trusted = ssl.create_default_context(cadata=way_in._certificate("m", self.said))
        # As Python 3.13 and later look at certificates.
        trusted.verify_flags |= ssl.VERIFY_X509_STRICT
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return httpx.Client(verify=trusted, headers=headers, timeout=20, **options)

    def ask(self, key: str = "planner-one", **body: Any) -> httpx.Response:
        with self.client(key) as client:
            return client.post(f"{self.url}/chat/completions", json=body)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def files(domain: str = "", port: int = 8000) -> dict[str, str]:
    """Return the files of EC2's cloud-init by their paths."""
    text = boot.user_data(
        "ec2.yaml.j2",
        arguments=["--model"], image="vllm", port=port, parameter="", region="us-east-1",
        expires="", tag="", access="public", domain=domain, key_name="/planner/ec2/m/r.key",
        ingress_image="caddy:2", largest_request="16MB", requests_at_once=AT_ONCE,
    )  # fmt: skip
    assert text.startswith("#cloud-config")
    return {item["path"]: item["content"] for item in yaml.safe_load(text)["write_files"]}


def until(check: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not check():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    place = tmp_path_factory.mktemp("machine")
    engine = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Engine)
    threading.Thread(target=engine.serve_forever, daemon=True).start()
    port = free_port()
    written = files(port=engine.server_address[1])
    caddyfile = written["/etc/planner/Caddyfile"].replace("{\n", f"{{\n\thttps_port {port}\n", 1)
    caddyfile = caddyfile.replace("/run/planner-ingress", f"{place}/run")
    (place / "Caddyfile").write_text(caddyfile)
    script = written["/etc/planner/ingress.sh"].replace("/run/planner-ingress", f"{place}/run")
    script = script.replace("/var/lib/planner-ingress", f"{place}/data")
    # A minute of the machine takes a second here.
    (place / "ingress.sh").write_text(script.replace("sleep 60", "sleep 1"))
    programs = {"docker": DOCKER, "aws": AWS, "curl": CURL, "systemctl": NOTHING}
    (place / "bin").mkdir()
    for name, text in programs.items():
        (place / "bin" / name).write_text(text)
        (place / "bin" / name).chmod(0o755)
    (place / "stored").write_text("planner-one")
    path = f"{place}/bin:{borrowed.caddy()}:{os.environ['PATH']}"
    environment = {**os.environ, "PLACE": str(place), "HOME": str(place), "PATH": path}
    running = subprocess.Popen(
        ["bash", str(place / "ingress.sh")],
        env=environment, stdout=subprocess.PIPE, stderr=sys.stderr, text=True,
        start_new_session=True,
    )  # fmt: skip
    said: list[str] = []
    assert running.stdout is not None
    reader = threading.Thread(target=lambda: said.extend(running.stdout or ()), daemon=True)
    reader.start()
    until((place / "run" / "open").exists)
    until(lambda: any("planner-certificate" in line for line in said))
    yield Machine(place, port, said, engine)
    os.killpg(running.pid, signal.SIGTERM)
    running.wait()
    reader.join()
    running.stdout.close()
    engine.shutdown()
    engine.server_close()


def test_an_application_is_answered_whole_and_in_pieces(machine: Machine) -> None:
    with (
        machine.client(key="") as http_client,
        openai.OpenAI(
            base_url=machine.url, api_key="planner-one", http_client=http_client
        ) as client,
    ):
        asked: Any = [{"role": "user", "content": "hello"}]
        assert client.chat.completions.create(model="m", messages=asked).choices == []
        words, began = [], time.monotonic()
        for item in client.chat.completions.create(model="m", messages=asked, stream=True):
            words.append(item.choices[0].delta.content)
            SEEN.release()
    assert words == ["one", "two", "three"]
    assert time.monotonic() - began < PATIENCE_S, "the pieces were held back"


@pytest.mark.parametrize(
    ("stream", "kind"), [(False, "application/json"), (True, "text/event-stream")]
)
def test_answers_keep_the_engine_s_own_kind(machine: Machine, kind: str, *, stream: bool) -> None:
    for _ in range(3):
        SEEN.release()
    answer = machine.ask(stream=stream)
    assert answer.headers.get_list("Content-Type") == [kind]


@pytest.mark.parametrize(
    "path", ["/v1/../metrics", "/v1/%2e%2e/metrics", "//metrics", "/v1/..%2fmetrics"]
)
def test_no_way_leads_around_the_path(machine: Machine, path: str) -> None:
    """Sent as it is: clients would tidy it up."""
    trusted = ssl.create_default_context(cadata=way_in._certificate("m", machine.said))
    raw = socket.create_connection(("127.0.0.1", machine.port), timeout=10)
    with trusted.wrap_socket(raw, server_hostname="127.0.0.1") as door:
        request = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{machine.port}\r\n"
        request += (
            "Authorization: Bearer planner-one\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
        )
        door.sendall(request.encode())
        status = door.recv(64).split(b" ")[1]
    assert status in {b"404", b"400"}


def test_the_engine_never_sees_the_key(machine: Machine) -> None:
    seen = machine.ask().json()["seen"]
    assert seen == {"path": "/v1/chat/completions", "authorization": None}


@pytest.mark.parametrize("key", ["", "planner-two", "planner-on", "planner-one2"])
def test_a_wrong_key_is_refused_in_the_api_s_own_form(machine: Machine, key: str) -> None:
    answer = machine.ask(key)
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "invalid_api_key"
    assert answer.headers.get_list("Content-Type") == ["application/json"]


@pytest.mark.parametrize("path", ["/metrics", "/docs", "/", "/v2/x", "/v1x"])
def test_nothing_but_the_api_is_served(machine: Machine, path: str) -> None:
    place = machine.url.removesuffix("/v1")
    with machine.client() as client:
        assert client.get(place + path).status_code == 404
    with machine.client("wrong") as client:
        assert client.get(place + path).status_code == 401


def test_plain_http_and_strangers_certificates_fail(machine: Machine) -> None:
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(machine.url)
    plain = httpx.get(machine.url.replace("https", "http"))
    assert plain.status_code == 400


def test_more_at_once_than_the_engine_takes_are_told_to_come_again(machine: Machine) -> None:
    answers: list[httpx.Response] = []
    threads = [
        threading.Thread(target=lambda: answers.append(machine.ask(seconds=2)))
        for _ in range(AT_ONCE + 3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    refused = [item for item in answers if item.status_code == 503]
    assert len(refused) == 3
    assert all(item.headers["Retry-After"] for item in refused)
    assert machine.ask().status_code == 200, "it has recovered"


def test_a_request_that_is_too_large_is_refused(machine: Machine) -> None:
    # Caddy before 2.7 says 502 here.
    assert machine.ask(prompt="x" * 17_000_000).status_code in {413, 502}


def test_keys_are_rotated_while_it_runs(machine: Machine) -> None:
    soon = int(time.time()) + 4
    (machine.place / "stored").write_text(f"planner-new planner-one:{soon}")
    until(lambda: machine.ask("planner-new").status_code == 200)
    assert machine.ask("planner-one").status_code == 200, "applications change over"
    until(lambda: machine.ask("planner-one").status_code == 401)
    assert time.time() >= soon
    (machine.place / "stored").write_text("planner-one")
    until(lambda: machine.ask("planner-one").status_code == 200)
    until(lambda: machine.ask("planner-new").status_code == 401)


def test_a_store_without_a_key_lets_nobody_in(machine: Machine) -> None:
    (machine.place / "stored").write_text("")
    time.sleep(2.5)
    assert machine.ask("").status_code == 401
    assert machine.ask("planner-one").status_code == 200, "the key that was read last stays"
    (machine.place / "stored").write_text("planner-one")


def test_the_certificate_comes_first_on_the_console(machine: Machine) -> None:
    assert machine.said[0].startswith("planner-certificate: ")


def test_a_domain_s_file_is_good(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text('header Authorization "Bearer x"\n')
    text = files(domain="llm.example.com")["/etc/planner/Caddyfile"]
    path = tmp_path / "Caddyfile"
    path.write_text(text.replace("/run/planner-ingress/keys", str(keys)))
    done = subprocess.run(
        [borrowed.caddy() / "caddy", "adapt", "--config", str(path), "--adapter", "caddyfile"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "llm.example.com" in done.stdout
    assert '"issuers"' not in done.stdout, "no authority of its own: the world's is asked"
