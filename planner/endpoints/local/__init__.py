"""Endpoints on the user's own machine: an installed engine, on its card or its CPU.

The same promises as in a cloud: it is written down before it is started, ends by itself when
its time is up (:mod:`planner.endpoints.local.supervisor`), and leaves nothing behind.
"""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, ClassVar

from planner.clouds import settings
from planner.endpoints.deploying.lifecycle import NotMadeError, Step
from planner.endpoints.interface import Address, LogLine
from planner.endpoints.local import engines, preparation, record
from planner.endpoints.model import (
    TAG_HOURLY,
    TAG_MODEL,
    TAG_OWNER,
    TAG_PRECISION,
    TAG_SETTINGS,
    Endpoint,
    State,
)
from planner.endpoints.talking.http_transport import HttpTransport
from planner.endpoints.watching import failures
from planner.endpoints.watching.guard import GuardProof
from planner.errors import CloudError, NotFoundError, PlannerError, UsageError
from planner.ledger import Resource

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from planner.endpoints.deploying.preflight import Check
    from planner.endpoints.ingress import Access
    from planner.endpoints.interface import Context
    from planner.endpoints.local.record import Record
    from planner.endpoints.model import Awaited, Container, DeploymentSpec, Secret, Weights
    from planner.plan import Plan

_ENDED_BY = "a process on this machine"
_LOOK_EVERY_S = 0.2
# What llama.cpp and vLLM log when they have answered.
_REQUEST = re.compile(r"slot +release|POST /v1/(chat/)?completions")


class Adapter:
    """Engines on this machine."""

    cloud = "local"
    service = "local"
    longest_name = 63
    takes_reservations = False
    access_modes: tuple[Access, ...] = ()
    tunnel_programs: ClassVar[dict[str, str]] = {}

    def regions(self) -> list[str]:
        """Return the one place there is."""
        return [preparation.REGION]

    def container(
        self,
        plan: Plan,
        weights: Weights,
        *,
        engine: str,
        context: int,
        machine_image: str = "",
        arguments: Mapping[str, str] | None = None,
    ) -> Container:
        """Refuse: what serves here depends on what is installed (:mod:`.preparation`)."""
        del plan, weights, engine, context, machine_image, arguments
        raise UsageError("a plan from a cloud's catalogue cannot be run on this machine")

    def checks(self, spec: DeploymentSpec, *, may_create_roles: bool) -> Sequence[Check]:
        """Return nothing more: :func:`preparation.prepare` has looked at the machine."""
        del spec, may_create_roles
        return []

    def find(self, name: str, region: str) -> Endpoint | None:
        """Return the endpoint of that name, or None."""
        written = record.read(name) if region == preparation.REGION else None
        return _endpoint(written) if written else None

    def prepare(self, spec: DeploymentSpec, *, create_roles: bool) -> DeploymentSpec:
        """Return the specification: nothing runs as anyone else here."""
        del create_roles
        return spec

    def steps(self, spec: DeploymentSpec, context: Context) -> list[Step]:
        """Return the step that starts the engine, with its expiry in force from the start."""
        del context
        return [
            Step(
                f"start {spec.container.engine} on this machine",
                lambda: _start(spec),
                lambda: _take_back(spec),
                _resource(spec),
            )
        ]

    def update_steps(
        self, spec: DeploymentSpec, endpoint: Endpoint, context: Context
    ) -> list[Step]:
        """Return the steps that stop the engine and start it anew; the way back starts the old."""
        del context
        before = _written(endpoint.name)
        expires_at = endpoint.expires_at

        def change() -> str:
            record.stop(spec.name)
            record.rewrite(_record_of(spec), spec.expires_at)
            return _launch(spec.name)

        def back() -> None:
            record.stop(spec.name)
            record.rewrite(before, expires_at)
            _launch(before.name)

        return [Step(f"start {spec.name} with the new settings", change, back, _resource(spec))]

    def guard(self, endpoint: Endpoint) -> GuardProof:
        """Return whether the process that ends it runs."""
        if endpoint.guarded:
            return GuardProof(_ENDED_BY, endpoint.expires_at)
        why = "the process that would end it is gone"
        return GuardProof(_ENDED_BY, endpoint.expires_at, may_act=False, why=why)

    def wait(self, awaited: Awaited, context: Context) -> None:
        """Return when the engine serves the model.

        Raises:
            CloudError: It ended, or takes too long; with the telling lines of its log.
        """
        deadline = time.monotonic() + awaited.startup_timeout_s
        while not _serves(_written(awaited.name)):
            lines = [_split(line)[1] for line in record.log(awaited.name)]
            context.progress(_stage(lines), lines)
            why = record.ended(awaited.name)
            if not why and record.process(awaited.name) is None:
                why = "the process that runs it is gone"
            if not why and time.monotonic() > deadline:
                why = f"it did not answer within {awaited.startup_timeout_s / 60:.0f} minutes"
            if why:
                raise _failure(awaited, why, lines)
            context.interruption.pause_here(_LOOK_EVERY_S)

    def settle(self, before: Endpoint) -> None:
        """Do nothing: an update leaves nothing of what it replaced."""

    def settings(self, endpoint: Endpoint) -> dict[str, str]:
        """Return the settings of an endpoint in the words of ``DeploymentSpec.settings``."""
        return _written(endpoint.name).settings

    def endpoints(self, region: str) -> list[Endpoint]:
        """Return the endpoints on this machine."""
        if region != preparation.REGION:
            return []
        written = [record.read(name) for name in record.all_names()]
        return [_endpoint(item) for item in written if item is not None]

    def with_use(self, endpoint: Endpoint) -> Endpoint:
        """Return the endpoint with the time of its last request, by the engine's log."""
        asked = [line.at for line in self.logs(endpoint, None) if _REQUEST.search(line.text)]
        last = asked[-1] if asked else None
        return replace(endpoint, last_request_at=last, use_known=True)

    def remove(self, endpoint: Endpoint, context: Context) -> None:
        """End the engine and remove what was written down of it."""
        del context
        record.stop(endpoint.name)
        record.remove(endpoint.name)

    def extend(self, endpoint: Endpoint, expires_at: datetime | None) -> None:
        """Move the expiry; its supervisor sees it within a second."""
        if record.process(endpoint.name) is None:
            raise NotFoundError(f"{endpoint.name} does not run", advice="planner status")
        record.set_expiry(record.folder(endpoint.name), expires_at)

    def logs(self, endpoint: Endpoint, since: datetime | None) -> list[LogLine]:
        """Return the engine's log, oldest first."""
        lines = [LogLine(*_split(line), stream="engine") for line in record.log(endpoint.name)]
        return [line for line in lines if since is None or line.at >= since]

    def transport(self, endpoint: Endpoint, *, local_port: int | None = None) -> HttpTransport:
        """Return the way to talk to the engine: loopback."""
        del local_port  # no tunnel
        return _transport(_written(endpoint.name))

    def address(self, endpoint: Endpoint) -> Address:
        """Return the engine's own address, on this machine's loopback."""
        return Address(f"{self.transport(endpoint).url}/v1")

    def key(self, endpoint: Endpoint, lasts: timedelta | None) -> Secret:
        """Refuse: nobody else reaches the engine.

        Raises:
            UsageError: Always.
        """
        del lasts
        raise UsageError(
            f"{endpoint.name} takes no key", why="it listens on this machine's loopback only"
        )

    def rotate_key(self, endpoint: Endpoint, overlap: timedelta) -> Secret:
        """Refuse likewise.

        Raises:
            UsageError: Always.
        """
        return self.key(endpoint, overlap)


def _start(spec: DeploymentSpec) -> str:
    if not record.claim(_record_of(spec), spec.expires_at):
        raise NotMadeError(
            f"{spec.name} was made by someone else in the meantime",
            why="another deploy of the same name got there first; nothing of it was touched",
            advice=f"planner status, or deploy under another --name than {spec.name}",
        )
    return _launch(spec.name)


def _launch(name: str) -> str:
    """Start the supervisor, which leaves this process at once, and return its process id."""
    path = record.folder(name)
    started = subprocess.run(  # noqa: S603 - this interpreter, our own module
        [sys.executable, "-m", "planner.endpoints.local.supervisor", str(path)],
        check=False,
        capture_output=True,
        text=True,
        cwd=path,
    )
    if started.returncode:
        raise PlannerError(
            f"{name} cannot be started on this machine", why=started.stderr.strip()[-500:]
        )
    running = record.process(name)
    return str(running.pid) if running else ""


def _take_back(spec: DeploymentSpec) -> None:
    """Remove the endpoint if this run made it; one that someone else made stays."""
    written = record.read(spec.name)
    if written is not None and written.run == spec.run:
        record.stop(spec.name)
        record.remove(spec.name)


def _record_of(spec: DeploymentSpec) -> Record:
    engine = next(
        item
        for item in engines.installed()
        if f"{item.how} {item.version}".strip() == spec.container.image
    )
    port = _free_port()
    return record.Record(
        name=spec.name,
        run=spec.run,
        command=engines.command(engine, preparation.serving(spec), port),
        port=port,
        engine=engine.name,
        machine=spec.plan.instance_type,
        tags=spec.tags,
        settings=spec.settings,
        created_at=datetime.now(UTC).isoformat(),
        maker=record.ProcessId.own(),
    )


def _resource(spec: DeploymentSpec) -> Resource:
    mark = "sandbox/" if settings.current().simulated else ""
    return Resource(
        id=f"{mark}local/endpoint/{spec.name}/{spec.run}",
        endpoint=spec.name,
        cloud="local",
        account=socket.gethostname(),
        region=preparation.REGION,
        kind="local:endpoint",
        recorded_at=datetime.now(UTC),
        hourly_usd=spec.plan.on_demand_hourly_usd,
        tags={**spec.tags, "instance-type": spec.plan.instance_type},
        expires_at=spec.expires_at,
    )


def _endpoint(written: Record) -> Endpoint:
    from decimal import Decimal

    tags, price = written.tags, written.tags.get(TAG_HOURLY)
    why = record.ended(written.name) or _lost(written)
    running = record.process(written.name) is not None
    state = _state(written, why, running=running)
    expires_at = record.expiry(record.folder(written.name))
    return Endpoint(
        name=written.name,
        cloud="local",
        service="local",
        region=preparation.REGION,
        state=state,
        native_state="running" if running else "ended",
        model=tags[TAG_MODEL],
        precision=tags.get(TAG_PRECISION, ""),
        owner=tags[TAG_OWNER],
        instance_type=written.machine,
        hourly_usd=Decimal(price) if price else None,
        created_at=written.created,
        expires_at=expires_at,
        guarded=running and expires_at is not None,
        settings_hash=tags[TAG_SETTINGS],
        parts=(f"folder:{record.folder(written.name)}",),
        problem=why,
    )


def _lost(written: Record) -> str:
    """Return what is odd about an engine whose supervisor was killed; else nothing."""
    if record.process(written.name) is None and record.was_started(written.name):
        return "the process that watched over it was killed, and the engine with it"
    return ""


def _state(written: Record, why: str, *, running: bool) -> State:
    if running:
        return State.IN_SERVICE if _serves(written) else State.CREATING
    if why:
        return State.FAILED
    return State.CREATING if written.maker.find() else State.LEFTOVER


def _written(name: str) -> Record:
    found = record.read(name)
    if found is None:
        raise NotFoundError(
            f"there is no endpoint {name} on this machine",
            why="it was removed, or its time was up",
            advice="planner status",
        )
    return found


def _transport(written: Record) -> HttpTransport:
    return HttpTransport(written.name, f"http://{engines.HOST}:{written.port}")


def _serves(written: Record) -> bool:
    """Tell whether the engine at the endpoint's port answers for its model."""
    try:
        return written.tags[TAG_MODEL] in _transport(written).models()
    except CloudError:
        return False


def _failure(awaited: Awaited, why: str, lines: list[str]) -> PlannerError:
    name, model = awaited.name, awaited.model
    found = failures.diagnose(why, lines, model=model, name=name, service="local")
    telling = [f"log: {line}" for line in found.lines]
    known = found.text if found.cause != "unknown" else why
    return CloudError(
        f"{name} failed to start on this machine: {known}",
        code=found.cause,
        why="\n".join([found.reason, *telling]),
        advice=found.advice
        if found.cause != "unknown"
        else "--context and --concurrency smaller, or other --weights",
    )


def _stage(lines: list[str]) -> str:
    stage = failures.stage_of(lines)
    return "starting the engine" if "machine" in stage or "container" in stage else stage


def _split(line: str) -> tuple[datetime, str]:
    """Return the time and the text of a line of the log."""
    moment, _, text = line.partition(" ")
    try:
        return datetime.fromisoformat(moment), text
    except ValueError:
        return datetime.fromtimestamp(0, UTC), line


def _free_port() -> int:
    """Return a port that was free a moment ago; who answers there is checked by its model."""
    with socket.socket() as probe:
        probe.bind((engines.HOST, 0))
        port: int = probe.getsockname()[1]
        return port
