"""What an endpoint on this machine is: a folder of its own, and the processes it names.

The folder takes the part of a cloud's tags: it is claimed in one move before anything is
started, and everything about the endpoint can be read from it. It holds no secret.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from planner import state
from planner.errors import PlannerError

if TYPE_CHECKING:
    import psutil

_RECORD, _PROCESS, _EXPIRY, _ENDED = "endpoint.json", "process.json", "expires", "ended"
LOG = "engine.log"
# After the order to stop, before it is killed: an engine frees the card's memory itself.
_PATIENCE_S = 15


@dataclass(frozen=True, slots=True)
class ProcessId:
    """A process, safe against a number that was given to another one later."""

    pid: int
    started: float

    @classmethod
    def own(cls) -> ProcessId:
        """Return this process."""
        import psutil

        return cls(os.getpid(), psutil.Process().create_time())

    def find(self) -> psutil.Process | None:
        """Return the process if it still runs."""
        import psutil

        with suppress(psutil.NoSuchProcess):
            found = psutil.Process(self.pid)
            if found.create_time() == self.started and found.status() != psutil.STATUS_ZOMBIE:
                return found
        return None


@dataclass(frozen=True, slots=True)
class Record:
    """What is written down of an endpoint.

    Attributes:
        run: The run of planner that made it.
        maker: The process of that run.
        tags: As a cloud's resources carry them.
        settings: What makes two deployments different, in words.
    """

    name: str
    run: str
    command: list[str]
    port: int
    engine: str
    machine: str
    tags: dict[str, str]
    settings: dict[str, str]
    created_at: str
    maker: ProcessId

    @property
    def created(self) -> datetime:
        """Return when it was made."""
        return datetime.fromisoformat(self.created_at)


def all_names() -> list[str]:
    """Return the names of the endpoints on this machine."""
    return sorted(path.name for path in _home().iterdir() if (path / _RECORD).exists())


def folder(name: str) -> Path:
    """Return the folder of an endpoint; it may not be there."""
    return _home() / name


def claim(record: Record, expires_at: datetime | None) -> bool:
    """Write down a new endpoint in one move; tell whether the name was free."""
    made = Path(tempfile.mkdtemp(prefix=".new-", dir=_home()))
    _write_all(made, record, expires_at)
    try:
        # A folder that is moved onto one with content is refused by the system.
        made.rename(folder(record.name))
    except OSError:
        shutil.rmtree(made, ignore_errors=True)
        return False
    return True


def rewrite(record: Record, expires_at: datetime | None) -> None:
    """Give an endpoint that is there, and stopped, another content."""
    path = folder(record.name)
    for name in (_PROCESS, _ENDED):
        (path / name).unlink(missing_ok=True)
    _write_all(path, record, expires_at)


def read(name: str) -> Record | None:
    """Return what is written down of an endpoint, or None."""
    try:
        found = json.loads((folder(name) / _RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return Record(**{**found, "maker": ProcessId(**found["maker"])})


def set_process(path: Path, process: ProcessId) -> None:
    """Note the process that watches over an endpoint."""
    _replace(path / _PROCESS, json.dumps(asdict(process)))


def process(name: str) -> psutil.Process | None:
    """Return the process that watches over an endpoint, if it runs."""
    try:
        found = json.loads((folder(name) / _PROCESS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return ProcessId(**found).find()


def was_started(name: str) -> bool:
    """Tell whether a process was ever set to watch over an endpoint."""
    return (folder(name) / _PROCESS).exists()


def expiry(path: Path) -> datetime | None:
    """Return when an endpoint is to end; None for never."""
    try:
        text = (path / _EXPIRY).read_text(encoding="utf-8").strip()
    except OSError:
        return None
    return datetime.fromisoformat(text) if text else None


def set_expiry(path: Path, expires_at: datetime | None) -> None:
    """Move the expiry; the supervisor looks every second."""
    text = "" if expires_at is None else expires_at.astimezone(UTC).isoformat()
    _replace(path / _EXPIRY, text)


def ended(name: str) -> str:
    """Return why the engine ended by itself; empty where it did not."""
    try:
        return (folder(name) / _ENDED).read_text(encoding="utf-8")
    except OSError:
        return ""


def set_ended(path: Path, why: str) -> None:
    """Note why the engine ended."""
    _replace(path / _ENDED, why)


def log(name: str) -> list[str]:
    """Return the lines of the engine's log: a time, a space, the line."""
    try:
        return (folder(name) / LOG).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


def stop(name: str) -> None:
    """End the processes of an endpoint and wait until they are gone.

    Raises:
        PlannerError: One cannot be ended.
    """
    import psutil

    watcher = process(name)
    if watcher is None:
        return
    with suppress(psutil.NoSuchProcess):
        family = [watcher, *watcher.children(recursive=True)]
        watcher.terminate()
        _, alive = psutil.wait_procs(family, timeout=_PATIENCE_S)
        for left in alive:
            with suppress(psutil.NoSuchProcess):
                left.kill()
        _, alive = psutil.wait_procs(alive, timeout=_PATIENCE_S)
        if alive:
            raise PlannerError(
                f"process {alive[0].pid} of {name} does not end",
                advice=f"kill -9 {alive[0].pid}, then planner destroy {name}",
            )


def remove(name: str) -> None:
    """Remove the folder of an endpoint, if it is there."""
    shutil.rmtree(folder(name), ignore_errors=True)


def _home() -> Path:
    path = state.folder() / "local"
    path.mkdir(exist_ok=True)
    return path


def _write_all(path: Path, record: Record, expires_at: datetime | None) -> None:
    set_expiry(path, expires_at)
    _replace(path / _RECORD, json.dumps(asdict(record), indent=2))


def _replace(path: Path, text: str) -> None:
    """Write a file so that readers see the old content or the new, nothing between."""
    beside = path.with_name(f"{path.name}.new")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)
