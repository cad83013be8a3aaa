"""A tunnel comes to the port that was asked for, and its end is noticed."""

from __future__ import annotations

import socket
import sys

import pytest

from planner.endpoints.talking import port_forward
from planner.errors import CloudError, UsageError

# Stands for ssh, gcloud or the AWS CLI: listens where it is told, and ends at the first visitor
# that says something.
_PROGRAM = """
import socket, sys
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as server:
    while True:
        visitor, _ = server.accept()
        if visitor.recv(1):
            break
"""


def tunnel(port: int) -> list[str]:
    return [sys.executable, "-c", _PROGRAM, str(port)]


def test_it_ends_at_the_port_that_was_asked_for() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]
    port = port_forward.forward("llama", tunnel, advice="", port=free)
    assert port == free
    with socket.create_connection(("127.0.0.1", port)) as visitor:
        visitor.sendall(b"x")
        assert not port_forward.hold(), "it closed by itself, nobody interrupted"


def test_a_port_that_another_program_has_is_not_taken_for_the_tunnel() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        with pytest.raises(UsageError) as caught:
            port_forward.forward("llama", tunnel, advice="", port=taken)
    assert str(taken) in str(caught.value)
    assert caught.value.advice == "another --port"


def test_a_command_that_fails_says_why() -> None:
    with pytest.raises(CloudError) as caught:
        port_forward.forward(
            "llama",
            lambda _: [sys.executable, "-c", "import sys; sys.exit('not signed in')"],
            advice="sign in",
        )
    assert "not signed in" in caught.value.why
    assert caught.value.advice == "sign in"
