"""Hours from a Prometheus server, as its interface answers."""

from __future__ import annotations

import http.server
import json
import threading
import urllib.parse
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from planner.actuals.work import prometheus
from planner.errors import CloudError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

START, END = datetime(2026, 11, 2, 8, tzinfo=UTC), datetime(2026, 11, 2, 11, tzinfo=UTC)


class Server(http.server.BaseHTTPRequestHandler):
    """Answers range queries: counters as increase by the hour, no histogram of tokens."""

    asked: list[dict[str, str]]

    def do_GET(self) -> None:
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))
        self.asked.append(query)
        values: list[list[Any]] = []
        for name, value in (
            ("request_success_total", "120"),
            ("prompt_tokens_total", "60000"),
            ("generation_tokens_total", "12000"),
            ("time_to_first_token_seconds_bucket", "0.8"),
            ("inter_token_latency_seconds_bucket", "NaN"),
        ):
            if name in query["query"]:
                start, end = float(query["start"]), float(query["end"])
                times = range(int(start), int(end) + 1, int(query["step"]))
                values = [[at, value] for at in times]
        if "refuse" in query["query"]:
            self._send(400, {"status": "error", "error": "parse error"})
            return
        result = [{"metric": {}, "values": values}] if values else []
        self._send(200, {"status": "success", "data": {"resultType": "matrix", "result": result}})

    def _send(self, status: int, body: dict[str, Any]) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[str]:
    Server.asked = []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as made:
        thread = threading.Thread(target=made.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{made.server_port}"
        made.shutdown()
        thread.join()


def test_each_hour_tells_what_was_served_in_it(server: str) -> None:
    hours = prometheus.read(server, "chat", 'job="vllm"', START, END)
    assert [hour.hour.hour for hour in hours] == [8, 9, 10]
    assert {(h.requests, h.input_tokens, h.output_tokens) for h in hours} == {(120, 60000, 12000)}
    assert {(h.ttft_p95_s, h.tpot_p95_s, h.cached_tokens) for h in hours} == {(0.8, None, None)}
    assert all('{job="vllm"}' in query["query"] for query in Server.asked)


def test_a_refusal_says_what_the_server_said(server: str) -> None:
    with pytest.raises(CloudError, match="refuses") as caught:
        prometheus.read(server, "chat", "refuse", START, END)
    assert "parse error" in caught.value.why


def test_a_server_that_is_not_there_is_one_clear_error() -> None:
    with pytest.raises(CloudError, match="does not answer"):
        prometheus.read("http://127.0.0.1:9", "chat", "", START, END)
    with pytest.raises(UsageError, match="is no address"):
        prometheus.read("file:///etc", "chat", "", START, END)
