"""Carry requests over plain HTTP to an engine that speaks OpenAI's API.

For endpoints on this machine, and for those whose port a tunnel brings here.
"""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from planner.errors import CloudError

if TYPE_CHECKING:
    from collections.abc import Iterator

_TIMEOUT_S = 600
_PIECE = 65536


class HttpTransport:
    """Sends to one engine.

    Args:
        name: The endpoint's, for errors.
        url: Of the engine: ``http://127.0.0.1:8000``.
        headers: Sent with each request.
    """

    def __init__(self, name: str, url: str, headers: dict[str, str] | None = None) -> None:
        self._name = name
        self._url = url.rstrip("/")
        self._headers = {"Content-Type": "application/json", **(headers or {})}
        # Proxies are for the way out; these go to loopback.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    @property
    def url(self) -> str:
        """Return where the engine is, without a path."""
        return self._url

    def send(self, body: dict[str, Any]) -> bytes:
        """Send a request and return the whole answer."""
        return b"".join(self.stream(body))

    def stream(self, body: dict[str, Any]) -> Iterator[bytes]:
        """Send a request and yield the answer in pieces, as they come.

        Raises:
            CloudError: The engine refused, or does not answer.
        """
        path = "/v1/chat/completions" if "messages" in body else "/v1/completions"
        request = urllib.request.Request(  # noqa: S310 - http to the engine
            self._url + path, data=json.dumps(body).encode(), headers=self._headers
        )
        with self._errors(), self._opener.open(request, timeout=_TIMEOUT_S) as response:
            while piece := response.read1(_PIECE):
                yield piece

    def models(self) -> list[str]:
        """Return the names that the engine serves.

        Raises:
            CloudError: It does not answer, or not yet.
        """
        request = urllib.request.Request(f"{self._url}/v1/models", headers=self._headers)  # noqa: S310 - as above
        with self._errors(), self._opener.open(request, timeout=10) as response:
            return [str(item["id"]) for item in json.load(response)["data"]]

    def metrics(self) -> str:
        """Return the engine's metrics, in Prometheus' text form.

        Raises:
            CloudError: It does not answer, or has none.
        """
        request = urllib.request.Request(f"{self._url}/metrics", headers=self._headers)  # noqa: S310 - as above
        with self._errors(), self._opener.open(request, timeout=10) as response:
            return str(response.read().decode("utf-8", "replace"))

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except urllib.error.HTTPError as error:
            with error:
                why = error.read().decode("utf-8", "replace")[:500]
            raise CloudError(
                f"{self._name} refuses the request",
                code=str(error.code),
                why=why,
                advice=f"planner logs {self._name}",
            ) from error
        except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
            raise CloudError(
                f"{self._name} does not answer at {self._url}",
                why=str(error),
                advice=f"planner status, planner logs {self._name}",
            ) from error
