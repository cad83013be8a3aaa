"""Someone is told when a request changes."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest

from planner.errors import PlannerError
from planner.ledger import QuotaRequest
from planner.quotas.notify import message, notify

if TYPE_CHECKING:
    from pathlib import Path

REQUEST = QuotaRequest(
    cloud="aws",
    account="123456789012",
    region="us-east-1",
    service="ec2",
    quota_id="L-417A185B",
    quota_name="Running On-Demand P instances",
    unit="vCPU",
    desired=96,
    filed_at=datetime.now(UTC),
    state="APPROVED",
    reason="the limit is 96",
)


def test_a_command_sees_the_message(tmp_path: Path) -> None:
    told = tmp_path / "told"
    notify(f'printf "%s" "$PLANNER_STATE $PLANNER_MESSAGE" > {told}', message(REQUEST))
    text = told.read_text()
    assert text.startswith("APPROVED planner: Running On-Demand P instances in us-east-1")
    assert "123456789012" not in text


def test_a_webhook_gets_json() -> None:
    bodies: list[dict[str, object]] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            size = int(self.headers["Content-Length"])
            bodies.append(json.loads(self.rfile.read(size)))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Hook) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        notify(f"http://127.0.0.1:{server.server_port}/", message(REQUEST))
        thread.join()
    assert bodies[0]["state"] == "APPROVED"
    assert bodies[0]["state_before"] == "PENDING"
    assert "123456789012" not in json.dumps(bodies)


@pytest.mark.parametrize("target", ["exit 3", "http://127.0.0.1:9/"])
def test_what_cannot_be_delivered_is_an_error(target: str) -> None:
    with pytest.raises(PlannerError, match="could not be delivered"):
        notify(target, message(REQUEST))
