"""``planner serve`` as a user starts and ends it."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest
from click.testing import CliRunner

from planner.cli.serve import serve
from planner.errors import PlannerError


@pytest.mark.long
def test_it_says_where_it_is_answers_there_only_and_ends_with_ctrl_c() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "planner", "serve", "--port", "0"],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        try:
            line = process.stderr.readline()
            port = int(re.findall(r"http://localhost:(\d+)/", line)[0])
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/?model=llama-2-7b") as answer:
                assert "Llama 2 7B" in answer.read().decode()
            for address in outside_addresses():
                with pytest.raises(OSError):  # noqa: PT011 - refused or unreachable
                    socket.create_connection((address, port), timeout=2)
        finally:
            process.send_signal(signal.SIGINT)
        assert process.wait(15) == 0
        assert "Traceback" not in process.stderr.read()


def outside_addresses() -> list[str]:
    """The addresses by which other machines would reach this one."""
    found = socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)
    return [str(entry[4][0]) for entry in found if not str(entry[4][0]).startswith("127.")]


def test_a_port_in_use_is_told_with_a_way_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        with pytest.raises(PlannerError) as refused:
            CliRunner().invoke(
                serve, ["--port", str(taken.getsockname()[1])], catch_exceptions=False
            )
        assert refused.value.advice == "planner serve --port 0"
