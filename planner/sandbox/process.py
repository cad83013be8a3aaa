"""The sandbox as a process of its own, which survives between commands.

A file in the state folder says where it listens. It is started by ``planner sandbox start``,
and ends by ``planner sandbox stop`` or SIGTERM.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from planner import state
from planner.errors import NotFoundError, PlannerError, UsageError
from planner.sandbox.endpoints import Endpoints

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta
    from pathlib import Path

    from planner.clouds.settings import CloudSettings

_START_TIMEOUT_S = 60
_STOP_TIMEOUT_S = 10
_CALL_TIMEOUT_S = 5


@dataclass(frozen=True, slots=True)
class Running:
    """A sandbox that answers."""

    pid: int
    endpoints: Endpoints
    status: dict[str, Any]

    def settings(self) -> CloudSettings:
        """Return the settings that point planner's clients at it."""
        return self.endpoints.settings()


def write_state(endpoints: Endpoints) -> Path:
    """Say where this process's sandbox listens; written whole or not at all."""
    path = _file()
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps({"pid": os.getpid(), "endpoints": asdict(endpoints)}))
    draft.replace(path)
    return path


def running() -> Running | None:
    """Return the sandbox of this user, or None where none answers."""
    try:
        found = json.loads(_file().read_text(encoding="utf-8"))
        endpoints = Endpoints(**found["endpoints"])
        pid = int(found["pid"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    try:
        status = _call("GET", endpoints, "status")
    except PlannerError:
        return None
    return Running(pid, endpoints, status) if status.get("pid") == pid else None


def start(scenario: str, settings: Mapping[str, str]) -> Running:
    """Start a sandbox in the background and wait until it answers.

    Raises:
        UsageError: One is running already.
        PlannerError: It did not start.
    """
    from filelock import FileLock
    from tenacity import (
        RetryError,
        Retrying,
        retry_if_result,
        stop_after_delay,
        wait_fixed,
    )

    with FileLock(state.folder() / "sandbox.lock"):
        if running() is not None:
            raise UsageError("a sandbox is running already", advice="planner sandbox stop")
        command = [sys.executable, "-m", "planner.sandbox", "--scenario", scenario]
        command += [f"--set={key}={value}" for key, value in settings.items()]
        log = state.folder() / "sandbox.log"
        with log.open("wb") as output:
            child = subprocess.Popen(  # noqa: S603 - our own module
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

        def started() -> Running | None:
            if child.poll() is not None:
                raise PlannerError(
                    "the sandbox did not start", why=log.read_text(errors="replace")[-500:]
                )
            return running()

        patient = Retrying(
            retry=retry_if_result(lambda found: found is None),
            stop=stop_after_delay(_START_TIMEOUT_S),
            wait=wait_fixed(0.1),
        )
        try:
            found: Running | None = patient(started)
        except RetryError as error:
            child.terminate()
            raise PlannerError("the sandbox does not answer", why=f"see {log}") from error
    # The child outlives this process on purpose; do not warn that it was not waited for.
    child.returncode = 0
    assert found is not None  # noqa: S101 - Retrying returns only what is not None
    return found


def stop() -> None:
    """End the running sandbox.

    Raises:
        NotFoundError: None is running.
        PlannerError: It does not end.
    """
    from tenacity import (
        RetryError,
        Retrying,
        retry_if_result,
        stop_after_delay,
        wait_fixed,
    )

    found = require()
    os.kill(found.pid, signal.SIGTERM)
    patient = Retrying(
        retry=retry_if_result(bool), stop=stop_after_delay(_STOP_TIMEOUT_S), wait=wait_fixed(0.05)
    )
    try:
        patient(lambda: running() is not None)
    except RetryError as error:
        raise PlannerError("the sandbox does not stop", advice=f"kill -KILL {found.pid}") from error
    _file().unlink(missing_ok=True)


def require() -> Running:
    """Return the running sandbox.

    Raises:
        NotFoundError: None is running.
    """
    found = running()
    if found is None:
        raise NotFoundError("no sandbox is running", advice="planner sandbox start")
    return found


def advance(step: timedelta) -> str:
    """Move the simulated time forward; return what it is now (ISO 8601)."""
    body = {"seconds": step.total_seconds()}
    return str(_call("POST", require().endpoints, "advance", body)["now"])


def sign_in() -> None:
    """Sign in anew to all simulated clouds, where the sign-in ends after a time."""
    _call("POST", require().endpoints, "sign-in")


def change(scenario: str | None, settings: Mapping[str, str], *, reset: bool) -> dict[str, Any]:
    """Change how the running sandbox behaves; return the scenario as it is now."""
    body = {"name": scenario, "settings": dict(settings), "reset": reset}
    return _call("POST", require().endpoints, "scenario", body)


def _call(
    method: str, endpoints: Endpoints, path: str, body: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    import requests

    try:
        response = requests.request(
            method, f"{endpoints.control}/{path}", json=body, timeout=_CALL_TIMEOUT_S
        )
        answer: dict[str, Any] = response.json()
    except (requests.RequestException, ValueError) as error:
        raise PlannerError("the sandbox does not answer", why=str(error)) from error
    if not response.ok:
        raise UsageError("the sandbox refused", why=str(answer.get("error", "")))
    return answer


def _file() -> Path:
    return state.folder() / "sandbox.json"
