"""Talk to an endpoint in OpenAI's form, whole or streamed, over any transport.

Streams are server-sent events. A cloud may cut them anywhere, in the middle of a line or of a
character, so pieces are put together again before they are read.
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from planner.errors import CloudError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from planner.endpoints.interface import Transport

# vLLM and Transformers say "chat template", TGI "Template error: template not found".
_NO_TEMPLATE = re.compile(r"chat[ _]template|template not found|template_error", re.IGNORECASE)
Message = dict[str, str]
"""``{"role": "user", "content": "..."}``"""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer and how long it took.

    Attributes:
        tokens: Output tokens as the engine counts them; None where it does not say.
        first_token_s: From the request to the first piece of text; None where not streamed.
    """

    text: str
    tokens: int | None
    seconds: float
    first_token_s: float | None = None

    @property
    def tokens_per_second(self) -> float | None:
        """Return output tokens per second of the whole request."""
        if not self.tokens or self.seconds <= 0:
            return None
        return self.tokens / self.seconds


class ChatClient:
    """Asks one endpoint.

    Args:
        transport: The way there.
        model: The name that the engine serves the model under.
    """

    def __init__(self, transport: Transport, model: str) -> None:
        self._transport = transport
        self._model = model
        self._has_template = True
        self.reply: Reply | None = None

    def ask(
        self, messages: Sequence[Message], *, max_tokens: int = 256, temperature: float = 0.0
    ) -> Reply:
        """Ask and return the whole answer.

        Raises:
            CloudError: The endpoint refused, or its answer cannot be read.
        """
        for _ in self.stream(messages, max_tokens=max_tokens, temperature=temperature):
            pass
        if self.reply is None:
            raise CloudError("the endpoint answered nothing")
        return self.reply

    def stream(
        self, messages: Sequence[Message], *, max_tokens: int = 256, temperature: float = 0.0
    ) -> Iterator[str]:
        """Ask and yield the answer as it comes; ``reply`` has the whole of it afterwards.

        A model that was not trained to chat has no chat template, and its engine says so;
        then it is given the messages as plain text to go on from.

        Raises:
            CloudError: The endpoint refused, or its answer cannot be read.
        """
        options = {
            "model": self._model,
            "max_tokens": max_tokens,
            "temperature": temperature,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if self._has_template:
            try:
                yield from self._run({**options, "messages": list(messages)})
            except CloudError as error:
                if not _NO_TEMPLATE.search(f"{error} {error.why}"):
                    raise
                self._has_template = False
            else:
                return
        yield from self._run({**options, "prompt": as_prompt(messages)})

    def _run(self, body: dict[str, Any]) -> Iterator[str]:
        started = time.monotonic()
        first: float | None = None
        pieces: list[str] = []
        tokens: int | None = None
        for event in events(self._transport.stream(body)):
            if "error" in event:
                raise CloudError(
                    "the endpoint reports an error",
                    why=_words(event["error"]),
                    advice="planner logs",
                )
            tokens = (event.get("usage") or {}).get("completion_tokens", tokens)
            text = text_of(event)
            if text:
                first = first if first is not None else time.monotonic() - started
                pieces.append(text)
                yield text
        self.reply = Reply("".join(pieces), tokens, time.monotonic() - started, first)


def events(pieces: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """Yield the JSON objects of a stream: server-sent events, or one plain JSON answer.

    Raises:
        CloudError: Something else came.
    """
    rest = b""
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            yield from _event(line)
    yield from _event(rest)


def text_of(event: dict[str, Any]) -> str:
    """Return the text in an answer or a piece of one: OpenAI's forms, and TGI's tokens."""
    if "token" in event:
        return str(event["token"].get("text", ""))
    for choice in event.get("choices", []):
        found = choice.get("delta", {}).get("content")
        found = found or choice.get("message", {}).get("content") or choice.get("text")
        if found:
            return str(found)
    return ""


def as_prompt(messages: Sequence[Message]) -> str:
    """Return messages as plain text, for a model without a chat template."""
    lines = [f"{item['role']}: {item['content']}" for item in messages]
    return "\n".join([*lines, "assistant:"])


def _event(line: bytes) -> Iterator[dict[str, Any]]:
    text = line.decode("utf-8", "replace").strip()
    # Comments keep the connection alive; "event:" and "id:" say nothing we need.
    if not text or text.startswith((":", "event:", "id:")):
        return
    text = text.removeprefix("data:").strip()
    if text == "[DONE]":
        return
    try:
        found = json.loads(text)
    except ValueError:
        raise CloudError("the endpoint's answer cannot be read", why=text[:200]) from None
    if isinstance(found, dict):
        yield found


def _words(error: object) -> str:
    return str(error.get("message", error)) if isinstance(error, dict) else str(error)
