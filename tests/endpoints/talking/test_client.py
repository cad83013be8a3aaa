"""Streams may be cut anywhere; what is read from them may not depend on where."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.endpoints.talking.client import ChatClient, as_prompt, events, text_of
from planner.errors import CloudError

if TYPE_CHECKING:
    from collections.abc import Iterator

WORDS = ["blue", " sky", " ünïcödé", " 空", "\n"]
STREAM = b"".join(
    [
        b": keep-alive\n\n",
        *(
            b"data: "
            + json.dumps({"choices": [{"delta": {"content": w}}]}, ensure_ascii=False).encode()
            + b"\n\n"
            for w in WORDS
        ),
        b'data: {"choices": [], "usage": {"completion_tokens": 5}}\n\n',
        b"data: [DONE]\n\n",
    ]
)


@pytest.mark.long
@given(st.lists(st.integers(0, len(STREAM)), max_size=30))
def test_a_stream_reads_the_same_wherever_it_is_cut(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(STREAM)]
    pieces = [STREAM[a:b] for a, b in pairwise(edges)]
    assert "".join(text_of(event) for event in events(pieces)) == "".join(WORDS)


@pytest.mark.parametrize(
    ("event", "text"),
    [
        ({"choices": [{"delta": {"content": "a"}}]}, "a"),
        ({"choices": [{"message": {"content": "b"}}]}, "b"),
        ({"choices": [{"text": "c"}]}, "c"),
        ({"token": {"text": "d"}, "generated_text": None}, "d"),
        ({"choices": [{"delta": {"role": "assistant", "content": None}}]}, ""),
        ({"choices": []}, ""),
    ],
)
def test_every_engine_s_form_is_understood(event: dict[str, Any], text: str) -> None:
    assert text_of(event) == text


def test_something_else_than_json_is_an_error_with_its_beginning() -> None:
    with pytest.raises(CloudError) as caught:
        list(events([b"<html>Bad gateway</html>"]))
    assert "Bad gateway" in caught.value.why


class Base:
    """An engine with a base model: it has no chat template, as vLLM says."""

    words = "... you must provide a chat template ..."

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []

    def send(self, body: dict[str, Any]) -> bytes:
        raise NotImplementedError

    def stream(self, body: dict[str, Any]) -> Iterator[bytes]:
        self.bodies.append(body)
        if "messages" in body:
            raise CloudError("refused", why=self.words)
        yield b'data: {"choices": [{"text": "because"}], "usage": {"completion_tokens": 1}}\n'


def test_tgi_says_in_its_own_words_that_there_is_no_template() -> None:
    class Tgi(Base):
        words = '{"error":"Template error: template not found","error_type":"template_error"}'

    assert ChatClient(Tgi(), "m").ask([{"role": "user", "content": "x"}]).text


def test_a_model_without_a_chat_template_is_given_plain_text() -> None:
    transport = Base()
    client = ChatClient(transport, "m")
    messages = [{"role": "user", "content": "why?"}]
    assert client.ask(messages).text == "because"
    assert transport.bodies[-1]["prompt"] == as_prompt(messages) == "user: why?\nassistant:"
    client.ask(messages)
    assert len(transport.bodies) == 3  # it is not asked again what it cannot do


def test_an_error_in_the_stream_is_raised() -> None:
    class Broken(Base):
        def stream(self, body: dict[str, Any]) -> Iterator[bytes]:
            del body
            yield b'data: {"error": {"message": "out of memory"}}\n'

    with pytest.raises(CloudError) as caught:
        ChatClient(Broken(), "m").ask([{"role": "user", "content": "why?"}])
    assert caught.value.why == "out of memory"
