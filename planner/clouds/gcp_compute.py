"""Google's own clients of Compute Engine (google-cloud-compute), over REST.

Importing them takes more than a second, so only functions that make, watch or delete machines
do; what lists things reads with :func:`planner.clouds.gcp.pages` and starts at once.

Their ``insert`` and ``delete`` follow the operation at the real address, whatever endpoint the
client was given: planner calls the ``*_unary`` ones and follows the operation itself, which the
user can interrupt.
"""

from __future__ import annotations

import threading
from typing import Any, TypeVar
from urllib.parse import urlsplit

from planner.clouds import gcp, gcp_retry, pacing, settings

_Client = TypeVar("_Client")
_TIMEOUT_S = 60
_HOST = "https://compute.googleapis.com"

_lock = threading.Lock()
_clients: dict[type, Any] = {}


def load() -> None:
    """Import the clients; threads that all begin with it would wait for one another."""
    import google.cloud.compute_v1  # noqa: F401 - for its effect


def client(kind: type[_Client]) -> _Client:
    """Return the client of a kind, made once: ``client(compute_v1.InstancesClient)``."""
    with _lock:
        if kind not in _clients:
            place = urlsplit(settings.current().gcp_endpoint or _HOST)
            google: Any = kind  # the clients have no common base class
            transport = google.get_transport_class("rest")(
                host=place.netloc, url_scheme=place.scheme, credentials=gcp.credentials()
            )
            _clients[kind] = google(transport=transport)
        made: _Client = _clients[kind]
        return made


def ask(kind: type, method: str, request: Any) -> dict[str, Any]:  # noqa: ANN401 - one type per method
    """Call a method of a client, again where it breaks, and return the answer as Google's JSON.

    Call it with what reads, or carries a request id, alone.

    Args:
        kind: Of the client: ``compute_v1.InstancesClient``.
        method: Its name: ``insert_unary``.
        request: As the method takes it.
    """
    from google.protobuf.json_format import MessageToDict

    pacing.pace("gcp", "compute", gcp.project())
    send = getattr(client(kind), method)
    answer = send(request=request, retry=gcp_retry.patient(), timeout=_TIMEOUT_S)
    read: dict[str, Any] = MessageToDict(type(answer).pb(answer))
    return read


def forget() -> None:
    """Drop the clients: the settings changed."""
    with _lock:
        for made in _clients.values():
            made.transport.close()
        _clients.clear()


settings.on_change(forget)
