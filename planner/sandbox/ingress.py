"""The way in to a simulated machine: TLS on a port of this computer, judged as the real one is.

Documented: that a firewall lets nobody in whom no rule admits (a real one drops what is sent; here
the connection is closed at once). Planner's own (``deploy_templates/ingress``), acted out here and
run for real in the tests, with Caddy: the keys, read once a minute; the answers to a wrong key or
path. Assumed: one certificate, where Caddy's authority signs a new one every few hours.
"""

from __future__ import annotations

import ipaddress
import json
import ssl
import tempfile
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler
from werkzeug.wrappers import Request, Response

from planner.sandbox import engine, metrics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from planner.sandbox.world import World

HOST = "127.0.0.1"
HTTPS = 443
_NOTES = "ingress"
_EVERY = timedelta(minutes=1)
_LARGEST = 16_000_000


@dataclass(frozen=True, slots=True)
class Machine:
    """What the way in of a machine depends on.

    Attributes:
        name: What tells it from all others.
        keys: Reads what the cloud's store holds for it, as the machine does.
        networks: Tells which networks the cloud's firewall lets in.
        answers: Tells whether its engine listens.
    """

    name: str
    keys: Callable[[], str]
    networks: Callable[[], Sequence[str]]
    answers: Callable[[], bool]


@dataclass
class _Keys:
    """The keys that a machine knows: as the store had them a minute ago at most."""

    machine: Machine
    read_at: datetime | None = None
    stored: str = ""

    def good(self, now: datetime) -> set[str]:
        """Return those that open the door now."""
        if self.read_at is None or now >= self.read_at + _EVERY:
            self.read_at, self.stored = now, self.machine.keys()
        entries = (entry.partition(":") for entry in self.stored.split())
        return {key for key, _, until in entries if not until or int(until) > now.timestamp()}


@dataclass
class _Door:
    """A machine's certificate, and the port that it listens at once somebody asks for it."""

    certificate: str
    context: ssl.SSLContext
    servers: list[_Server] = field(default_factory=list)


def certificate(world: World, name: str) -> str:
    """Return what a machine says of its certificate on its console: PEM without its frame."""
    lines = _door(world, name).certificate.splitlines()
    return "".join(line for line in lines if not line.startswith("-----"))


def listen(world: World, machine: Machine) -> str:
    """Open the way in to a machine, and return where: ``127.0.0.1:41234``."""
    door = _door(world, machine.name)
    if not door.servers:
        application = _application(world, machine)
        made = _Server(world, machine, application, door.context)
        threading.Thread(target=made.serve_forever, daemon=True).start()
        door.servers.append(made)
        world.listeners.append(made.close)
    return f"{HOST}:{door.servers[0].port}"


class _Handler(WSGIRequestHandler):
    """Answers without a line per request."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        del code, size


class _Server(ThreadedWSGIServer):
    """Takes connections from networks that are let in."""

    def __init__(
        self,
        world: World,
        machine: Machine,
        application: Any,  # noqa: ANN401 - WSGI
        context: ssl.SSLContext,
    ) -> None:
        super().__init__(HOST, 0, application, handler=_Handler, ssl_context=context)
        self._world, self._machine = world, machine

    def verify_request(self, request: Any, client_address: Any) -> bool:  # noqa: ANN401 - as socketserver has it
        """Tell whether the firewall lets a connection in."""
        del request
        source = ipaddress.ip_address(client_address[0])
        with self._world.lock:
            allowed = [ipaddress.ip_network(item) for item in self._machine.networks()]
        return any(source in network for network in allowed)

    def close(self) -> None:
        """Stop listening."""
        self.shutdown()
        self.server_close()


def _application(world: World, machine: Machine) -> Any:  # noqa: ANN401 - WSGI
    keys = _Keys(machine)

    @Request.application
    def answer(request: Request) -> Response:
        with world.lock:
            good = keys.good(world.now())
        shown = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if shown not in good:
            return _refusal(401, "the key is missing or wrong", "invalid_api_key")
        if not request.path.startswith("/v1/"):
            return _refusal(404, "only /v1 is served", "not_found")
        body = request.get_data()
        if len(body) > _LARGEST:
            return _refusal(413, "the request is too large", "413")
        with world.lock:
            listens = machine.answers()
        if not listens:
            return _refusal(502, "the engine does not answer yet", "502")
        return _passed_on(world, machine.name, body)

    return answer


def _passed_on(world: World, name: str, body: bytes) -> Response:
    try:
        pieces: Iterable[bytes] = metrics.answer(world, name, body)
    except engine.RefusedError as error:
        return Response(str(error), error.status, content_type="application/json")
    if json.loads(body).get("stream"):
        return Response(pieces, content_type="text/event-stream")
    return Response(b"".join(pieces), content_type="application/json")


def _refusal(status: int, message: str, code: str) -> Response:
    error = {"message": message, "type": "invalid_request_error", "code": code}
    return Response(json.dumps({"error": error}), status, content_type="application/json")


def _door(world: World, name: str) -> _Door:
    doors = world.notes[_NOTES]
    if name not in doors:
        doors[name] = _make_door()
    made: _Door = doors[name]
    return made


def _make_door() -> _Door:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "planner's sandbox")])
    now = datetime.now(UTC)
    address = x509.IPAddress(ipaddress.ip_address(HOST))
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=3650))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(identifier, critical=False)
        .sign(key, hashes.SHA256())
    )
    text = signed.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        # The library reads keys from files alone.
        path = Path(folder) / "door.pem"
        path.write_bytes(text + secret)
        context.load_cert_chain(path)
    return _Door(text.decode(), context)
