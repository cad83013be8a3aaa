"""What answers behind a simulated endpoint: a real engine where one is there, else marked text.

In this order:

* ``PLANNER_SANDBOX_ENGINE_URL``: an OpenAI-compatible server that runs already (vLLM);
* llama.cpp through ``xllamacpp``, serving the tiny Llama of :mod:`planner.sandbox.tiny_llama`;
* text that says that it is simulated.

The engine sees what the container would see: the body of the request.
"""

from __future__ import annotations

import atexit
import json
import os
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

URL_VARIABLE = "PLANNER_SANDBOX_ENGINE_URL"
_TIMEOUT_S = 120
_TEXT = (
    "[simulated] This text comes from no model: install an engine into the sandbox with "
    "pip install 'gpu-planner[engine]' to get words from a real one."
)


class RefusedError(Exception):
    """The engine refuses the request.

    Args:
        status: Of HTTP.
        message: The engine's words.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Engine(Protocol):
    """Answers requests in OpenAI's form."""

    name: str

    def answer(self, body: bytes) -> Iterator[bytes]:
        """Return the answer, in the pieces in which it comes; the first request decides.

        Raises:
            RefusedError: Before the first piece.
        """


class HttpEngine:
    """An engine that listens on loopback and speaks OpenAI's API."""

    def __init__(self, name: str, url: str, *, invocations: bool = False) -> None:
        self.name = name
        self._url = url.rstrip("/")
        self._invocations = invocations

    def answer(self, body: bytes) -> Iterator[bytes]:
        """Pass the request on; SageMaker's own path where the engine has it."""
        import urllib.error
        import urllib.request

        path = "/invocations" if self._invocations else _path(body)
        request = urllib.request.Request(  # noqa: S310 - loopback
            self._url + path, data=body, headers={"Content-Type": "application/json"}
        )
        try:
            response = urllib.request.urlopen(request, timeout=_TIMEOUT_S)  # noqa: S310 - loopback
        except urllib.error.HTTPError as error:
            with error:
                raise RefusedError(error.code, error.read().decode("utf-8", "replace")) from error
        except OSError as error:
            raise RefusedError(503, str(error)) from error
        return _Pieces(response)


class LlamaCpp(HttpEngine):
    """llama.cpp with the tiny Llama, in this process."""

    def __init__(self) -> None:
        import xllamacpp

        from planner.sandbox import tiny_llama

        folder = tempfile.TemporaryDirectory(prefix="planner-tiny-llama-")
        atexit.register(folder.cleanup)
        path = Path(folder.name) / "tiny.gguf"
        tiny_llama.write(path)
        parameters = xllamacpp.CommonParams()
        parameters.model.path = str(path)
        parameters.hostnames = ["127.0.0.1"]
        parameters.port = 0
        parameters.n_ctx = 32768
        parameters.n_parallel = 4
        parameters.warmup = False
        parameters.cpuparams.n_threads = 1
        parameters.verbosity = -1
        self._server = xllamacpp.Server(parameters)
        super().__init__(
            "llama.cpp, a tiny Llama with random weights", self._server.listening_address
        )


class SimulatedText:
    """No engine: words that say so, in the form in which an engine would answer."""

    name = "no engine: simulated text"

    def answer(self, body: bytes) -> Iterator[bytes]:
        """Return the text, whole or as server-sent events."""
        request = _json(body)
        model = request.get("model", "")
        limit = int(request.get("max_tokens") or 256)
        words = _TEXT.split()[:limit]
        usage = {"prompt_tokens": 1, "completion_tokens": len(words)}
        if not request.get("stream"):
            message = {"role": "assistant", "content": " ".join(words)}
            answer = {"model": model, "choices": [{"message": message}], "usage": usage}
            yield json.dumps(answer).encode()
            return
        for word in words:
            yield _event({"model": model, "choices": [{"delta": {"content": f"{word} "}}]})
        yield _event({"model": model, "choices": [], "usage": usage})
        yield b"data: [DONE]\n\n"


_lock = threading.Lock()
_made: list[Engine] = []


def engine() -> Engine:
    """Return the engine of this process, started on first use."""
    with _lock:
        if not _made:
            _made.append(_start())
        return _made[0]


def _start() -> Engine:
    url = os.environ.get(URL_VARIABLE)
    if url:
        return HttpEngine(f"the engine at {url}", url, invocations=True)
    try:
        return LlamaCpp()
    except ImportError:
        return SimulatedText()


class _Pieces:
    """The pieces of an answer; whoever stops in the middle, or before it, closes it."""

    def __init__(self, response: Any) -> None:  # noqa: ANN401 - urllib's response
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        piece: bytes = self._response.read1(65536)
        if not piece:
            self.close()
            raise StopIteration
        time.sleep(0)
        return piece

    def close(self) -> None:
        """Close the connection to the engine; WSGI servers call it in any case."""
        self._response.close()


def _path(body: bytes) -> str:
    chat = "messages" in _json(body)
    return "/v1/chat/completions" if chat else "/v1/completions"


def _json(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        raise RefusedError(400, "the body is not JSON") from None
    if not isinstance(found, dict):
        raise RefusedError(400, "the body is not a JSON object")
    return found


def _event(data: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(data).encode() + b"\n\n"
