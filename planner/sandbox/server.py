"""Run the simulated clouds in this process, each on a loopback port of its own."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Self

from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import make_server

from planner.sandbox import control
from planner.sandbox.aws.app import AwsApp
from planner.sandbox.azure import app as azure
from planner.sandbox.endpoints import Endpoints
from planner.sandbox.gcp import app as gcp
from planner.sandbox.network import Network
from planner.sandbox.prices import app as prices
from planner.sandbox.world import World

if TYPE_CHECKING:
    from types import TracebackType
    from wsgiref.types import WSGIApplication

    from werkzeug.serving import BaseWSGIServer

    from planner.sandbox.scenarios import Scenario

HOST = "127.0.0.1"


class _Handler(MotoRequestHandler):
    """moto's handler, with kept-alive connections and without a line per request."""

    protocol_version = "HTTP/1.1"

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        del code, size


class Sandbox:
    """The simulated clouds; use it as a context manager."""

    def __init__(self, scenario: Scenario | None = None) -> None:
        self.world = World(scenario)
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._servers: list[BaseWSGIServer] = []
        self._threads: list[threading.Thread] = []
        self.endpoints = Endpoints(
            aws=self._serve(Network(self.world, AwsApp(self.world))),
            azure=self._serve(Network(self.world, azure.app(self.world))),
            gcp=self._serve(Network(self.world, gcp.app(self.world))),
            control=self._serve(control.app(self.world)),
            prices=self._serve(prices.app()),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Close the ports."""
        self.world.close()
        for server in self._servers:
            server.shutdown()
            server.server_close()
        for thread in self._threads:
            thread.join()

    def _serve(self, application: WSGIApplication) -> str:
        server = make_server(HOST, 0, application, threaded=True, request_handler=_Handler)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        self._servers.append(server)
        self._threads.append(thread)
        return f"http://{HOST}:{server.port}"
